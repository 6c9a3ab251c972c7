/** Objects with a memory limit of their own: what is charged to them, and what happens at the limit. */
import { describe, expect, test } from 'vitest'
import {
  assemble,
  ErrnoError,
  type LoadedObject,
  Machine,
  type MachineOptions,
  type MemoryReport,
  type ObjectSpec,
} from '../index.ts'

const KIB = 1024

/** Updates keys 0, 1, … of a map until one is refused, 2000 at most: how many were done, and the refusal in r1's word. */
function fill(map: string): string {
  return `.program fill_${map} type=syscall
    r6 = 0
    r7 = r1
next:
    *(u32 *)(r10 - 4) = r6
    r1 = ${map} ll
    r2 = r10
    r2 += -4
    r3 = zeros ll
    r4 = 0
    call bpf_map_update_elem
    *(u32 *)(r7 + 0) = r0
    if r0 != 0 goto done
    r6 += 1
    if r6 < 2000 goto next
done:
    r0 = r6
    exit
`
}

const take = (name: string, call: string): string => `.program ${name} type=syscall
    r6 = 0
next:
    ${call}
    if r0 == 0 goto done
    r6 += 1
    if r6 < 2000 goto next
done:
    r0 = r6
    exit
`

const SOURCE = `.struct item
    value: u64[12]
.end
.struct slot
    held: ptr item kptr
.end
.alloc pool size=200
.global zeros: u8[104]
.map table type=hash key=u32 value=104 entries=4000 flags=no_prealloc
.map spread type=percpu_hash key=u32 value=104 entries=4000 flags=no_prealloc
.map pooled type=hash key=u32 value=104 entries=4000 flags=no_prealloc alloc=pool
.map kept type=hash key=u32 value=slot entries=4000 flags=no_prealloc
${['table', 'spread', 'pooled'].map(fill).join('')}
${take('mem', 'r1 = 100\ncall bpf_mem_alloc')}
${take('cache', 'r1 = pool ll\ncall bpf_mem_cache_alloc')}
${take('objects', 'r1 = item.id\nr2 = 0\ncall bpf_obj_new')}
.program keep type=syscall               # objects into a map, until there are no more
    r6 = 0
again:
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = 0
    r1 = kept ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto out
    r1 = kept ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    r1 = item.id
    r2 = 0
    call bpf_obj_new
    if r0 == 0 goto out
    r1 = r7
    r2 = r0
    call bpf_kptr_xchg
    if r0 == 0 goto empty
    r1 = r0
    r2 = 0
    call bpf_obj_drop
empty:
    r6 += 1
    if r6 < 2000 goto again
out:
    r0 = r6
    exit
`

const NOTHING = '.program none type=syscall\n r0 = 0\n exit\n'

const LEAKS = ['mem', 'cache', 'objects']

/** The source with these programs, and the maps and allocators that they need. */
function only(...programs: string[]): ObjectSpec {
  const spec = assemble(SOURCE, { file: 'some.bpf.s' })
  const chosen = spec.programs.filter(({ name }) => programs.includes(name))
  const needed = chosen.map(({ name }) => (name === 'keep' ? 'kept' : name.replace('fill_', '')))
  const maps = spec.maps.filter(({ name }) => needed.includes(name) || name.startsWith('.'))
  return { ...spec, programs: chosen, maps }
}

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function withMachine(work: (machine: Machine) => void, options: MachineOptions = {}): void {
    const machine = new Machine({ engine, ...options })
    try {
      work(machine)
    } finally {
      machine.close()
    }
  }

  /** What a program could do before the limit; `refused` of `fill`. */
  function count(object: LoadedObject, program: string): { done: number; refused: number } {
    const ctx = new Uint8Array(8)
    const { retval } = object.program(program).run({ ctx })
    return { done: retval, refused: new Int32Array(ctx.buffer)[0]! }
  }

  const load = (machine: Machine, program: string, memoryLimit?: number): LoadedObject =>
    machine.load(only(program), {
      unchecked: LEAKS.includes(program),
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
    })

  // Bytes of what one element or object takes: element head 48, key 8, value 104, header 8; the next class up.
  test.each([
    ['fill_table', 192, -12],
    ['fill_spread', 16 + 112 * 2 + 96, -12],
    ['fill_pooled', 256, -12],
    ['mem', 128, 0],
    ['cache', 256, 0],
    ['objects', 128, 0],
  ] as const)('%s ends at the limit of its object', (program, bytes, errno) => {
    withMachine(
      (machine) => {
        const limit = 256 * KIB
        const object = load(machine, program, limit)
        const { done, refused } = count(object, program)
        expect(refused).toBe(errno)
        expect(done).toBeGreaterThan(0)
        expect(done * bytes).toBeLessThanOrEqual(limit)
        const [group] = machine.statistics().groups
        expect(group).toMatchObject({ name: 'some.bpf.s', limit })
        expect(group!.charged).toBeLessThanOrEqual(limit)
        expect(group!.used).toBeGreaterThan(0.6 * limit)
        expect(group!.stocks.reduce((sum, stock) => sum + stock, group!.used)).toBe(group!.charged)
        // Nobody else is refused anything.
        const free = load(machine, program)
        // A new chunk of per-CPU memory is had by tasks that may sleep alone.
        if (program !== 'fill_spread') expect(count(free, program)).toEqual({ done: 2000, refused: 0 })
      },
      { cpus: 2 },
    )
  })

  test("the machine's limit stays above", () => {
    withMachine(
      (machine) => {
        const object = load(machine, 'fill_table', 2 ** 30)
        const { done, refused } = count(object, 'fill_table')
        expect([done < 2000, refused]).toEqual([true, -12])
      },
      { memoryLimit: 400 * KIB },
    )
  })

  test.each([
    'type=array key=4 value=4000 entries=100',
    'type=percpu_array key=4 value=4000 entries=100',
    'type=hash key=4 value=4000 entries=100',
    'type=hash key=4 value=4000 entries=100 elements=ida',
    'type=percpu_hash key=4 value=4000 entries=100',
    'type=lru_hash key=4 value=4000 entries=100',
    'type=hash key=4 value=8 entries=100000 flags=no_prealloc',
    'type=arena entries=4096 flags=mmapable extra=0x100000010000',
  ])('over the limit nothing is created: %s', (map) => {
    withMachine((machine) => {
      const spec = assemble(
        `.map small type=array key=4 value=8 entries=1\n.alloc pool size=64\n.map m ${map}\n${NOTHING}`,
      )
      const before = machine.statistics()
      const make = (): unknown => machine.load(spec, { memoryLimit: 60 * KIB })
      expect(make).toThrow(ErrnoError)
      expect(make).toThrow(/ENOMEM/u)
      machine.settle()
      const { pages, groups, caches } = machine.statistics()
      expect({ used: pages.used, groups, caches }).toEqual({ used: before.pages.used, groups: [], caches: [] })
      expect(machine.load(spec, { memoryLimit: 64 * 1024 * KIB }).maps.size).toBe(2)
    })
  })

  test.each(['fill_table', 'fill_spread', 'fill_pooled', 'keep'])(
    '%s: everything is uncharged when it is closed',
    (program) => {
      withMachine(
        (machine) => {
          const before = machine.statistics()
          for (const limit of [100 * KIB, 300 * KIB]) {
            const object = load(machine, program, limit)
            for (const cpu of [0, 1]) object.program(program).run({ ctx: new Uint8Array(8), cpu })
            expect(machine.statistics().groups[0]!.used).toBeGreaterThan(50 * KIB)
            object.close()
            machine.settle()
            expect(machine.statistics().groups).toEqual([])
            expect(machine.statistics().pages.used).toBe(before.pages.used)
          }
        },
        { cpus: 2 },
      )
    },
  )

  test.each([
    'prealloc',
    'bpf_mem_alloc',
    'kmalloc',
    'kmalloc_nolock',
    'one-lock',
    'ida',
    'tags',
    'own-slab',
    'recursion',
    'reserve',
    'irq-work',
  ] as const)('elements=%s: charged, and uncharged', (elements) => {
    for (const type of ['hash', 'percpu_hash']) {
      withMachine((machine) => {
        const before = machine.statistics().pages.used
        const source = `.map m type=${type} key=4 value=64 entries=200 elements=${elements}\n${NOTHING}`
        const object = machine.load(assemble(source), { memoryLimit: 1024 * KIB })
        const used = (): number => machine.statistics().groups[0]!.used
        const empty = used()
        for (let key = 0; key < 200; key++)
          if (elements !== 'irq-work' || key % 2 === 0) {
            try {
              object.map('m').set(key, new Uint8Array(64))
            } catch (error) {
              expect(elements).toMatch(/irq-work|kmalloc|recursion|reserve|own-slab/u)
              expect(error).toMatchObject({ errno: 'ENOMEM' })
            }
          }
        expect(used()).toBeGreaterThan(200 * 64)
        if (elements.includes('kmalloc') || elements === 'own-slab') expect(used()).toBeGreaterThan(empty)
        for (let key = 0; key < 100; key++) object.map('m').delete(key)
        object.close()
        machine.settle()
        expect(machine.statistics().groups).toEqual([])
        expect(machine.statistics().pages.used).toBe(before)
      })
    }
  })

  test('arenas: pages are charged as they come, and faults are refused at the limit', () => {
    withMachine((machine) => {
      const source = `.map arena type=arena entries=4000 flags=mmapable extra=0x100000010000\n${NOTHING}`
      const object = machine.load(assemble(source), { memoryLimit: 6 * 1024 * KIB })
      const arena = object.map('arena').mmap()
      const { used } = machine.statistics().groups[0]!
      let pages = 0
      const touch = (): void => {
        for (; pages < 4000; pages++) arena.setU64(arena.start + BigInt(4096 * pages), 1n)
      }
      expect(touch).toThrow()
      expect(pages).toBeGreaterThan(10)
      expect(machine.statistics().groups[0]!.used - used).toBeGreaterThanOrEqual(4 * KIB * pages)
      object.close()
      machine.settle()
      expect(machine.statistics().groups).toEqual([])
    })
  })

  test('what is left for good stays charged', () => {
    withMachine((machine) => {
      const object = load(machine, 'mem', 64 * KIB)
      const { done } = count(object, 'mem')
      object.close()
      machine.settle()
      expect(machine.statistics().groups[0]!.used).toBe(128 * done)
    })
  })

  test('the report names the group, and who is in it', () => {
    withMachine((machine) => {
      const reports: [MemoryReport, string][] = []
      machine.on('report', (report, line) => reports.push([report, line]))
      machine.load(assemble(`.map other type=array key=4 value=4000 entries=100\n${NOTHING}`))
      const object = load(machine, 'fill_table', 100 * KIB)
      count(object, 'fill_table')
      count(object, 'fill_table')
      expect(reports.length).toBe(1)
      const [report, line] = reports[0]!
      expect(report).toMatchObject({ kind: 'out-of-memory', group: 'some.bpf.s', limit: 100 * KIB })
      expect(report).toMatchObject({ by: { program: 'fill_table' } })
      expect(line).toMatch(
        /^out-of-memory: 192 bytes for program fill_table, instruction \d+ .*, with \d+ of 102400 bytes of group some\.bpf\.s in use; most is held by map table/u,
      )
      expect(line).not.toContain('other')
    })
  })

  test('a sleepable program reaches it too', () => {
    withMachine(
      (machine) => {
        const object = load(machine, 'fill_table', 100 * KIB)
        expect(count(object, 'fill_table')).toMatchObject({ refused: -12 })
      },
      { policies: { sleepable: 'general-first' } },
    )
  })

  test('prefill asks for no more than there is', () => {
    withMachine((machine) => {
      const source = `.program p type=syscall
    r1 = 0
    r2 = 1000
    r3 = 100
    call bpf_mem_prefill
    exit
`
      const run = (memoryLimit: number): number =>
        machine.load(assemble(source), { memoryLimit }).program('p').run().retval | 0
      expect(run(64 * KIB)).toBe(-12)
      expect(run(512 * KIB)).toBe(0)
    })
  })

  test.each([['5'], [-1], [Number.NaN], [null]])('memoryLimit is no %s', (limit) => {
    withMachine((machine) => {
      const memoryLimit = limit as number
      expect(() => machine.load(only('mem'), { memoryLimit })).toThrow(/memoryLimit is a number of bytes/u)
      expect(() => new Machine({ memoryLimit })).toThrow(/memoryLimit is a number of bytes/u)
    })
  })

  test('none is shown where none is given', () => {
    withMachine(
      (machine) => {
        const object = load(machine, 'fill_table', Infinity)
        expect(count(object, 'fill_table').done).toBe(2000)
        const { groups, pages } = machine.statistics()
        expect([groups, pages.limit]).toEqual([[], Infinity])
      },
      { memoryLimit: Infinity },
    )
  })
})

test('both engines are refused at the same element, and charge the same', () => {
  const seen = (['interpreter', 'jit'] as const).map((engine) => {
    const machine = new Machine({ engine, cpus: 2 })
    const object = machine.load(only('fill_table', 'keep', 'fill_spread'), { memoryLimit: 300 * KIB })
    const answers = ['keep', 'fill_table', 'fill_spread', 'keep'].map((program, index) => {
      const ctx = new Uint8Array(8)
      const { retval } = object.program(program).run({ ctx, cpu: index % 2 })
      return [retval, [...ctx], machine.statistics().groups]
    })
    const { caches, pages } = machine.statistics()
    machine.close()
    return { answers, caches, pages }
  })
  expect(seen[1]).toEqual(seen[0])
})
