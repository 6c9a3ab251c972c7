/** The policy `debug`, through the public interface. */
import { describe, expect, test } from 'vitest'
import { assemble, type DebugReport, FaultError, Machine, type MachineOptions, type MemoryReport } from '../index.ts'
import { SUPPLIES } from '../maps/supplies.ts'

const ON_DEMAND = Object.entries(SUPPLIES).flatMap(([name, { fixed }]) => (fixed ? [] : [name]))

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  const HEAD = `.struct item
val: u64
seen: u64
.end
.struct slot
held: ptr item kptr
.end
.alloc pool size=64
.map slots type=array key=u32 value=slot entries=1
.map hits type=hash key=u32 value=u64 entries=8 flags=no_prealloc
.license "GPL"
`
  const TAKE: Readonly<Record<string, string>> = {
    bpf_mem_free: 'w1 = 100\ncall bpf_mem_alloc\nif r0 == 0 goto done\nr6 = r0',
    bpf_mem_cache_free: 'r1 = pool ll\ncall bpf_mem_cache_alloc\nif r0 == 0 goto done\nr6 = r0',
    bpf_obj_drop: 'r1 = item.id\nr2 = 0\ncall bpf_obj_new\nif r0 == 0 goto done\nr6 = r0',
  }
  const GIVE: Readonly<Record<string, string>> = {
    bpf_mem_free: 'r1 = r6\ncall bpf_mem_free',
    bpf_mem_cache_free: 'r1 = pool ll\nr2 = r6\ncall bpf_mem_cache_free',
    bpf_obj_drop: 'r1 = r6\nr2 = 0\ncall bpf_obj_drop',
  }
  const WAYS = Object.keys(TAKE)
  const DONE = 'r0 = 0\ndone:\nexit'

  interface Outcome {
    readonly r0: bigint
    readonly reports: readonly DebugReport[]
    readonly lines: readonly string[]
  }

  interface How extends MachineOptions {
    readonly unchecked?: boolean
    readonly debug?: boolean | 'on' | 'off'
    /** Declarations before the programs. */
    readonly head?: string
  }

  /** Runs programs `a`, `b`, … of a source one after the other, the machine settled in between. */
  function run(
    bodies: readonly string[],
    { unchecked = true, debug = 'on', head = HEAD, ...options }: How = {},
  ): Outcome {
    const names = bodies.map((_, index) => String.fromCharCode(97 + index))
    const source = bodies.map((body, index) => `.program ${names[index]} type=syscall\n${body}\n`).join('')
    const machine = new Machine({ engine, ...options, policies: { ...options.policies, debug } })
    try {
      const reports: MemoryReport[] = []
      const lines: string[] = []
      machine.on('report', (report, line) => {
        reports.push(report)
        lines.push(line)
      })
      const object = machine.load(assemble(head + source, { file: 'test.bpf.s' }), { unchecked })
      let r0 = 0n
      for (const name of names) {
        r0 = object.program(name).run().r0
        machine.settle()
      }
      return { r0, reports: reports.filter((report) => report.kind !== 'out-of-memory'), lines }
    } finally {
      machine.close()
    }
  }

  /** Line of the only line with this text, in the source of `run`. */
  function lineOf(body: string, text: string, nth = 0): number {
    const lines = `${HEAD}.program a type=syscall\n${body}`.split('\n')
    const found = lines.flatMap((line, index) => (line === text ? [index + 1] : []))
    return found[nth]!
  }

  describe('a double free', () => {
    test.each(WAYS)('by %s names both frees, and is not done', (way) => {
      const body = `${TAKE[way]}\n${GIVE[way]}\n${GIVE[way]}\n${DONE}`
      const { reports, lines } = run([body])
      const call = `call ${way}`
      const source = (nth: number) => ({ file: 'test.bpf.s', line: lineOf(body, call, nth) })
      expect(reports).toMatchObject([
        {
          kind: 'double-free',
          by: { program: 'a', source: source(1), context: 'task', cpu: 0 },
          freedBy: { program: 'a', source: source(0) },
          allocatedBy: { program: 'a', what: 'program a' },
        },
      ])
      const { by, address, allocator } = reports[0]!
      expect(lines[0]).toMatch(
        `double-free: 0x${address.toString(16)} (${allocator}) freed again by program a, instruction ${by.instruction} (test.bpf.s:${by.source!.line})`,
      )
    })

    test('leaves the object on the list once', () => {
      const way = 'bpf_mem_cache_free'
      const again = `${TAKE[way]}\nr7 = r6\n${TAKE[way]}\nr7 -= r6\nr0 = r7\ndone:\nexit`
      expect(run([`${TAKE[way]}\n${GIVE[way]}\n${GIVE[way]}\n${DONE}`, again]).r0).not.toBe(0n)
    })

    test.each(WAYS)('by %s is a fault where debug is off', (way) => {
      const body = `${TAKE[way]}\n${GIVE[way]}\n${GIVE[way]}\n${DONE}`
      expect(() => run([body], { debug: false })).toThrow(FaultError)
    })
  })

  describe('a use after free', () => {
    const way = 'bpf_mem_free'
    test.each([
      ['a load', 'r7 = *(u16 *)(r6 + 8)', 'read', 8, 2],
      ['a store', '*(u32 *)(r6 + 12) = 5', 'write', 12, 4],
      ['an atomic', 'lock *(u64 *)(r6 + 16) += r6', 'write', 16, 8],
      ['a helper', 'r1 = hits ll\nr2 = r6\ncall bpf_map_lookup_elem', 'read', 0, 4],
    ])('by %s names the instruction', (_what, access, kind, offset, bytes) => {
      const body = `${TAKE[way]}\n${GIVE[way]}\n${access}\n${DONE}`
      const line = lineOf(body, access.split('\n').at(-1)!)
      expect(run([body]).reports).toMatchObject([
        {
          kind: 'use-after-free',
          access: { kind, offset, bytes },
          by: { program: 'a', source: { line } },
          freedBy: {},
        },
      ])
    })

    test('is told once for an instruction', () => {
      const loop = `r8 = 0\nagain:\nr7 = *(u64 *)(r6 + 8)\nr8 += 1\nif r8 < 100 goto again`
      expect(run([`${TAKE[way]}\n${GIVE[way]}\n${loop}\n${DONE}`]).reports).toHaveLength(1)
    })

    test('finds poison', () => {
      expect(run([`${TAKE[way]}\n${GIVE[way]}\nr0 = *(u64 *)(r6 + 8)\ndone:\nexit`]).r0).toBe(0x6b6b6b6b6b6b6b6bn)
    })

    test('of an object that readers may still look at is none before the grace period is over', () => {
      const drop = 'bpf_obj_drop'
      const keep = `${TAKE[drop]}\n*(u64 *)(r6 + item.val) = 7\n${GIVE[drop]}\nr0 = *(u64 *)(r6 + item.val)`
      expect(run([`${keep}\ndone:\nexit`])).toMatchObject({ r0: 7n, reports: [] })
    })

    const STALE = `*(u32 *)(r10 - 4) = 1
*(u64 *)(r10 - 16) = 5
r1 = hits ll
r2 = r10
r2 += -4
r3 = r10
r3 += -16
r4 = 0
call bpf_map_update_elem
r1 = hits ll
r2 = r10
r2 += -4
call bpf_map_lookup_elem
if r0 == 0 goto done
r6 = r0
r1 = hits ll
r2 = r10
r2 += -4
call bpf_map_delete_elem
*(u64 *)(r6 + 0) = 6
${DONE}`
    test.each([true, false])('of a deleted element names the map, unchecked: %s', (unchecked) => {
      const { reports } = run([STALE], { unchecked })
      expect(reports).toMatchObject([
        {
          kind: 'use-after-free',
          allocator: 'map hits',
          access: { kind: 'write', bytes: 8 },
          by: { program: 'a', source: { line: lineOf(STALE, '*(u64 *)(r6 + 0) = 6') } },
        },
      ])
    })
  })

  describe('a red zone', () => {
    test.each([
      ['bpf_mem_free', 'write', '*(u64 *)(r6 + 96) = 1', 96],
      ['bpf_mem_free', 'read', 'r7 = *(u8 *)(r6 + 100)', 100],
      ['bpf_mem_free', 'write', '*(u8 *)(r6 - 1) = 1', -1],
      ['bpf_mem_cache_free', 'write', '*(u8 *)(r6 + 64) = 1', 64],
      ['bpf_obj_drop', 'write', '*(u8 *)(r6 + 16) = 1', 16],
    ])('of %s: a %s by %s', (way, kind, access, offset) => {
      const body = `${TAKE[way]}\n${access}\n${DONE}`
      expect(run([body]).reports).toMatchObject([
        { kind: 'red-zone', access: { kind, offset }, by: { source: { line: lineOf(body, access) } } },
      ])
    })

    test.each(['*(u8 *)(r6 + 99) = 1', 'r7 = *(u32 *)(r6 + 96)', '*(u64 *)(r6 + 0) = 1'])(
      'is not touched by %s',
      (use) => {
        expect(run([`${TAKE.bpf_mem_free}\n${use}\n${GIVE.bpf_mem_free}\n${DONE}`]).reports).toEqual([])
      },
    )
  })

  describe.each(ON_DEMAND)('elements=%s', (elements) => {
    const head = `.map hits type=hash key=u32 value=12 entries=8 elements=${elements}
.global held: u64
.license "GPL"
`
    // Of irq-work the first update comes too early.
    const PUT = `*(u32 *)(r10 - 4) = 1
*(u64 *)(r10 - 16) = 5
*(u64 *)(r10 - 24) = 5
r1 = hits ll
r2 = r10
r2 += -4
r3 = r10
r3 += -24
r4 = 0
call bpf_map_update_elem`
    const KEEP = `${PUT}
r1 = hits ll
r2 = r10
r2 += -4
call bpf_map_lookup_elem
r1 = held ll
*(u64 *)(r1 + 0) = r0
r0 = 0
exit`
    const DELETE = `*(u32 *)(r10 - 4) = 1
r1 = hits ll
r2 = r10
r2 += -4
call bpf_map_delete_elem
exit`
    const use = (access: string): string => `r6 = held ll
r6 = *(u64 *)(r6 + 0)
${access}
r0 = 0
exit`
    const update = `${PUT}\nexit`

    test('a use after free names who uses it, who deleted it, and who put it there', () => {
      for (const [access, kind] of [
        ['r0 = *(u64 *)(r6 + 0)', 'read'],
        ['*(u32 *)(r6 + 8) = 1', 'write'],
      ] as const) {
        // Taken again at the end: its traces are no second report.
        const { reports } = run([update, KEEP, DELETE, use(access), update, update], { head })
        expect(reports).toMatchObject([
          {
            kind: 'use-after-free',
            allocator: 'map hits',
            access: { kind },
            by: { program: 'd', instruction: 3 },
            allocatedBy: { program: 'b' },
            freedBy: { program: 'c', instruction: 5 },
          },
        ])
      }
    })

    test('a red zone names who reaches beyond the end, once', () => {
      const { reports } = run([update, KEEP, use('*(u8 *)(r6 + 16) = 1'), DELETE, update], { head })
      expect(reports).toMatchObject([
        { kind: 'red-zone', allocator: 'map hits', access: { kind: 'write' }, by: { program: 'c', instruction: 3 } },
      ])
      const read = run([update, KEEP, use('r0 = *(u8 *)(r6 + 16)'), DELETE], { head })
      expect(read.reports).toMatchObject([{ kind: 'red-zone', access: { kind: 'read' }, by: { program: 'c' } }])
    })

    test('the value and what rounds it up are no misuse, nor is the element while readers may look', () => {
      const within = use('*(u64 *)(r6 + 0) = 1\n*(u8 *)(r6 + 15) = 1')
      const looked = `${KEEP.replace('r0 = 0\nexit', '')}${DELETE.replace('exit', '')}`
      expect(run([update, KEEP, within, DELETE, update], { head }).reports).toEqual([])
      // bpf_mem_alloc may hand a deleted element out at once; the others wait.
      if (elements === 'bpf_mem_alloc') return
      expect(run([update, `${looked}${use('*(u64 *)(r6 + 0) = 1')}`], { head }).reports).toEqual([])
    })
  })

  describe('an allocation in an NMI', () => {
    const PROBE = `${HEAD}.map plain type=hash key=u32 value=u64 entries=8 flags=no_prealloc elements=kmalloc
.program p type=kprobe
*(u32 *)(r10 - 4) = 1
*(u64 *)(r10 - 16) = 5
r1 = MAP ll
r2 = r10
r2 += -4
r3 = r10
r3 += -16
r4 = 0
call bpf_map_update_elem
exit
`
    test.each([
      ['plain', 'nmi', 1],
      ['plain', 'hardirq', 0],
      // What programs may call in an NMI.
      ['hits', 'nmi', 0],
    ] as const)('into map %s, in %s context: %i reports', (map, context, count) => {
      const machine = new Machine({ engine, policies: { debug: true } })
      const reports: MemoryReport[] = []
      machine.on('report', (report) => reports.push(report))
      const object = machine.load(assemble(PROBE.replace('MAP', map)))
      expect(object.program('p').run({ context }).retval).toBe(0)
      expect(reports).toHaveLength(count)
      if (count > 0) expect(reports[0]).toMatchObject({ kind: 'nmi-allocation', by: { program: 'p', context: 'nmi' } })
      machine.close()
    })
  })

  describe('without misuse', () => {
    const CLEAN = WAYS.map(
      (way) => `${TAKE[way]}\n*(u64 *)(r6 + 8) = 3\n${GIVE[way]}\nr0 = 0\nexit\ndone:\nr0 = 1\nexit`,
    )

    test.each([true, false])('nothing is reported, unchecked: %s', (unchecked) => {
      const bodies = CLEAN.map((body, index) => body.replaceAll('done', `done${index}`))
      expect(run([...bodies, ...bodies.map((body) => body.replaceAll('done', 'end'))], { unchecked }).reports).toEqual(
        [],
      )
    })

    test('a listener that was taken away hears nothing', () => {
      const machine = new Machine({ engine, policies: { debug: 'on' } })
      const heard: string[] = []
      const off = machine.on('report', (_report, line) => heard.push(line))
      off()
      const way = 'bpf_mem_free'
      const source = `${HEAD}.program a type=syscall\n${TAKE[way]}\n${GIVE[way]}\n${GIVE[way]}\n${DONE}\n`
      machine.load(assemble(source), { unchecked: true }).program('a').run()
      expect([heard, machine.isDebugging]).toEqual([[], true])
      machine.close()
    })
  })
})
