/** Kprobe programs: run by hand in every context, and attached to points of the simulated kernel. */
import { describe, expect, test } from 'vitest'
import { CONTEXTS } from '../cpu/cpu.ts'
import { ATTACH_POINTS } from '../cpu/points.ts'
import { ErrnoError, FaultError, HarenaError, LockError } from '../errors/errors.ts'
import { assemble, Machine, type MachineOptions } from '../index.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  /** Byte offset of `rdi` in struct pt_regs. */
  const RDI = 112

  const SOURCE = `
.map taken type=hash key=8 value=8 entries=256 flags=no_prealloc elements=kmalloc
.global hits: u64
.global fails: u64
.license "GPL"

# A new key each time, with memory from the slab allocator.
.program take type=syscall
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r6
    r1 = taken ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    exit

.program fill type=syscall
    r6 = 0
next:
    *(u64 *)(r10 - 8) = r6
    r1 = taken ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r6 += 1
    if r6 < 200 goto next
    r0 = 0
    exit

.program count type=kprobe
    r2 = *(u64 *)(r1 + ${RDI})
    r1 = hits ll
    r3 = *(u64 *)(r1 + 0)
    r3 += 1
    *(u64 *)(r1 + 0) = r3
    r0 = r2
    exit

.program where type=kprobe
    call bpf_get_smp_processor_id
    r1 = hits ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit

# Takes memory where somebody has just taken some: passes the same points.
.program nested type=kprobe
    r1 = hits ll
    r3 = *(u64 *)(r1 + 0)
    r3 += 1
    *(u64 *)(r1 + 0) = r3
    r3 += 1000
    *(u64 *)(r10 - 8) = r3
    r1 = taken ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r0 = 0
    exit

.program says type=kprobe
    r1 = 0x6968 ll                       # "hi"
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    r2 = 3
    call bpf_trace_printk
    r0 = 0
    exit

.program sleeps type=kprobe sleepable
    r0 = 7
    exit
`

  function load(options: MachineOptions = {}) {
    const machine = new Machine({ engine, seed: 1, ...options })
    const object = machine.load(assemble(SOURCE))
    /** So many new keys, from `first` on. */
    const take = (first: number, count = 1, cpu = 0): void => {
      for (let key = first; key < first + count; key++) {
        object.program('take').run({ ctx: new Uint8Array(new BigUint64Array([BigInt(key)]).buffer), cpu })
      }
    }
    const hits = (): bigint => object.global('hits').get() as bigint
    return { machine, object, take, hits }
  }

  function messageOf(call: () => unknown): string {
    try {
      call()
    } catch (error) {
      if (error instanceof HarenaError) return error.message
      throw error
    }
    return 'nothing thrown'
  }

  describe('a kprobe program by hand', () => {
    test.each(CONTEXTS)('runs in %s context', (context) => {
      const { machine } = load()
      const object = machine.load(assemble(SOURCE))
      expect(object.program('count').run({ context }).retval).toBe(0)
      expect(object.global('hits').get()).toBe(1n)
      machine.close()
    })

    test('gets the registers that are given, zeros behind them, and leaves them alone', () => {
      const { machine, object } = load()
      const ctx = new Uint8Array(RDI + 8)
      new DataView(ctx.buffer).setBigUint64(RDI, 0x1_2345_6789n, true)
      const result = object.program('count').run({ ctx })
      expect([result.r0, result.data, result.ctx?.length]).toEqual([0x1_2345_6789n, undefined, 168])
      expect(object.program('count').run({ ctx: new Uint8Array(RDI) }).r0).toBe(0n)
      machine.close()
    })

    test('takes no more than its struct, and no packet', () => {
      const { machine, object } = load()
      const count = object.program('count')
      expect(count.run({ ctx: new Uint8Array(200) }).r0).toBe(0n)
      const errno = (options: Parameters<typeof count.run>[0]): string => {
        try {
          count.run(options)
        } catch (error) {
          if (error instanceof ErrnoError) return error.errno
          throw error
        }
        return 'ran'
      }
      expect(errno({ ctx: new Uint8Array(200).fill(1) })).toBe('E2BIG')
      expect(errno({ data: new Uint8Array(64) })).toBe('EINVAL')
      machine.close()
    })

    test('sleepable: in a task only', () => {
      const { machine, object } = load()
      expect(object.program('sleeps').run().retval).toBe(7)
      expect(messageOf(() => object.program('sleeps').run({ context: 'nmi' }))).toBe(
        'program sleeps: sleepable kprobe programs run in task context only, not in nmi',
      )
      machine.close()
    })
  })

  describe('attach', () => {
    test('runs the program at every hit, until it is detached', () => {
      const { machine, object, take, hits } = load()
      take(0)
      const attachment = object.program('count').attach('slab:new')
      expect([attachment.point, attachment.program, hits()]).toEqual(['slab:new', 'count', 0n])
      take(1, 200)
      const after = hits()
      expect(after).toBeGreaterThan(1n)
      expect(attachment.runs).toBe(Number(after))
      attachment.detach()
      attachment.detach()
      take(201, 50)
      expect([hits(), attachment.runs, attachment.misses]).toEqual([after, Number(after), 0])
      machine.close()
    })

    test('runs on the CPU that passes', () => {
      const { machine, object, take, hits } = load({ cpus: 3 })
      const attachment = object.program('where').attach('slab:slow')
      take(0, 1, 2)
      expect([attachment.runs > 0, hits()]).toEqual([true, 2n])
      machine.close()
    })

    test('twice is two attachments', () => {
      const { machine, object, take, hits } = load()
      const [one, two] = [object.program('count').attach('slab:slow'), object.program('count').attach('slab:slow')]
      take(0, 100)
      expect(one.runs).toBeGreaterThan(0)
      expect([two.runs, hits()]).toEqual([one.runs, BigInt(2 * one.runs)])
      one.detach()
      take(100, 100)
      expect(two.runs).toBeGreaterThan(one.runs)
      machine.close()
    })

    test('a hit from inside an attached program is missed, and counted', () => {
      const { machine, object, take, hits } = load()
      take(0)
      const attachment = object.program('nested').attach('slab:slow')
      // Between them, the keys of both sides use up the list of free objects again and again.
      take(1, 200)
      expect(attachment.runs).toBe(Number(hits()))
      expect(attachment.misses).toBeGreaterThan(0)
      machine.close()
    })

    test('under the lock of the allocator, memory from there is a deadlock with both stacks', () => {
      const { machine, object } = load()
      object.program('nested').attach('page:unlock')
      let report = ''
      try {
        object.program('fill').run()
      } catch (error) {
        if (!(error instanceof LockError)) throw error
        expect(error.report.kind).toBe('deadlock')
        report = error.message
      }
      expect(report.split('\n').slice(1)).toEqual([
        '  taken by',
        '    CPU 0, task: program fill',
        '  wanted by',
        '    CPU 0, task: program nested',
        '    CPU 0, task: attach point page:unlock',
        '    CPU 0, task: program fill',
      ])
      machine.close()
    })

    test.each(ATTACH_POINTS)('%s can be attached to, and the machine goes on', (point) => {
      const { machine, object, take, hits } = load({ cpus: 2 })
      const attachment = object.program('count').attach(point)
      take(0, 200)
      machine.settle()
      for (let key = 0n; key < 200n; key++) object.map('taken').delete(key)
      machine.settle()
      expect(Number(hits())).toBe(attachment.runs)
      machine.close()
    })

    test.each(ATTACH_POINTS)('%s: what is compiled at its first hit takes no memory', (point) => {
      const machine = new Machine({ engine, seed: 1 })
      const object = machine.load(
        assemble(`
          .map values type=array key=4 value=8 entries=2
          .map seen type=hash key=8 value=8 entries=256
          .map taken type=hash key=8 value=8 entries=256 flags=no_prealloc elements=kmalloc
          .license "GPL"
          .program draws type=kprobe
              call bpf_get_prandom_u32
              *(u64 *)(r10 - 8) = r0
              r1 = seen ll
              r2 = r10
              r2 += -8
              r3 = r2
              r4 = 0
              call bpf_map_update_elem
              *(u32 *)(r10 - 8) = 1
              r1 = values ll
              r2 = r10
              r2 += -8
              call bpf_map_lookup_elem
              if r0 == 0 goto out
              *(u64 *)(r0 + 0) = 1
          out:
              r0 = 0
              exit
          .program fill type=kprobe
              call bpf_get_prandom_u32
              *(u64 *)(r10 - 8) = r0
              r1 = taken ll
              r2 = r10
              r2 += -8
              r3 = r2
              r4 = 0
              call bpf_map_update_elem
              exit`),
      )
      const attachment = object.program('draws').attach(point)
      const { used } = machine.statistics().pages
      for (let n = 0; n < 200; n++) object.program('fill').run()
      expect([...object.map('taken').entries()].length).toBe(200)
      for (const [key] of [...object.map('taken').entries()]) object.map('taken').delete(key)
      attachment.detach()
      object.close()
      machine.settle()
      expect(machine.statistics().pages.used).toBeLessThanOrEqual(used)
      machine.close()
    })

    test('a listener may detach the program that it was called from', () => {
      const { machine, object, take } = load()
      const attachment = object.program('says').attach('slab:slow')
      const lines: string[] = []
      machine.on('output', (line) => {
        lines.push(line)
        attachment.detach()
      })
      take(0, 200)
      expect([lines.length, attachment.runs]).toEqual([1, 1])
      machine.close()
    })

    test('takes no memory twice', () => {
      const { machine, object } = load()
      const pages = (): unknown => machine.statistics().pages
      object.program('count').attach('slab:slow').detach()
      const before = pages()
      for (let round = 0; round < 5; round++) object.program('count').attach('slab:slow').detach()
      expect(pages()).toEqual(before)
      machine.close()
    })

    test('closing the machine detaches', () => {
      const { machine, object } = load()
      const attachment = object.program('count').attach('slab:slow')
      machine.close()
      expect([attachment.runs, attachment.misses]).toEqual([0, 0])
      attachment.detach()
      expect(messageOf(() => object.program('count').attach('slab:slow'))).toBe('the machine is closed')
    })

    test('what a program faults with reaches whoever set it off', () => {
      const machine = new Machine({ engine, seed: 1 })
      const wild = '.program wild type=kprobe\n r1 = 8\n r0 = *(u64 *)(r1 + 0)\n exit\n'
      machine.load(assemble(wild), { unchecked: true }).program('wild').attach('slab:slow')
      const object = machine.load(assemble(SOURCE))
      expect(() => object.program('take').run({ ctx: new Uint8Array(8) })).toThrow(FaultError)
      machine.close()
    })
  })

  describe('attach refuses', () => {
    test('what is no point, and says what there is', () => {
      const { machine, object } = load()
      const attach = (point: string) => () => object.program('count').attach(point as 'slab:lock')
      const all = `(there are ${ATTACH_POINTS.join(', ')})`
      expect(messageOf(attach('slab:unlok'))).toBe(
        `there is no attach point slab:unlok; did you mean slab:unlock? ${all}`,
      )
      expect(messageOf(attach('do_sys_open'))).toBe(`there is no attach point do_sys_open ${all}`)
      machine.close()
    })

    test('programs of other types, and sleepable ones', () => {
      const { machine, object } = load()
      expect(messageOf(() => object.program('take').attach('slab:lock'))).toBe(
        'program take: only kprobe programs are attached, not syscall ones',
      )
      expect(messageOf(() => object.program('sleeps').attach('slab:lock'))).toBe(
        'program sleeps: a sleepable program is attached nowhere',
      )
      machine.close()
    })

    test('where there is no memory, and then nothing is attached', () => {
      const machine = new Machine({ engine, seed: 1, cpus: 64, memoryLimit: 2 ** 18 })
      const object = machine.load(assemble('.program count type=kprobe\n r0 = 0\n exit\n'))
      expect(() => object.program('count').attach('slab:lock')).toThrow(ErrnoError)
      expect(object.program('count').run().retval).toBe(0)
      machine.close()
    })
  })
})
