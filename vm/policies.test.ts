/** Policies of the allocators, given to a machine: each makes a difference that users can see. */
import { describe, expect, test } from 'vitest'
import { assemble, Machine, type MachineOptions, type MachinePolicies, type MachineStatistics } from '../index.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  const SOURCE = `.alloc pool size=64
.map table type=hash key=u32 value=u64 entries=4096 flags=no_prealloc elements=kmalloc_nolock
.license "GPL"

.program take type=syscall               # takes ten objects and keeps them; how many there were
    r6 = 0
    r7 = 0
next:
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 == 0 goto none
    r7 += 1
none:
    r6 += 1
    if r6 < 10 goto next
    r0 = r7
    exit

.program dry type=syscall                # empties the list with interrupts off; it is filled when they are on again
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r6 = 0
more:
    r1 = pool ll
    call bpf_mem_cache_alloc
    r6 += 1
    if r0 != 0 goto more
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = r6
    exit

.program fill type=syscall               # keys from the context on, every so many
    r6 = *(u32 *)(r1 + 0)
    r7 = *(u32 *)(r1 + 4)
again:
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = 1
    r1 = table ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    r6 += r7
    if r6 < 2048 goto again
    r0 = 0
    exit
`

  interface Seen {
    readonly retval: number
    readonly statistics: MachineStatistics
  }

  /** Runs a program on a machine with these policies. Objects are kept, which the verifier would not let pass. */
  function run(program: string, policies: MachinePolicies, options: MachineOptions = {}, repeat = 1): Seen {
    const machine = new Machine({ engine, ...options, policies })
    try {
      const object = machine.load(assemble(SOURCE), { unchecked: true })
      const { retval } = object.program(program).run({ repeat })
      return { retval, statistics: machine.statistics() }
    } finally {
      machine.close()
    }
  }

  const pool = ({ statistics }: Seen) => statistics.caches.find(({ name, cpu }) => name === 'pool' && cpu === 0)!
  const slabs = ({ statistics }: Seen): string[] => statistics.slabs.map(({ name }) => name)

  test('slab: an allocator has a slab cache of its own, or the class that others have too', () => {
    expect(slabs(run('take', {}))).not.toContain('bpf-pool')
    expect(slabs(run('take', { slab: 'shared' }))).not.toContain('bpf-pool')
    expect(slabs(run('take', { slab: 'own' }))).toContain('bpf-pool')
  })

  test('nolock: as planned in 2024 it made new slabs where 6.18 finds partial ones', () => {
    const slabsUsed = (policies: MachinePolicies): number => {
      const machine = new Machine({ engine, policies })
      const object = machine.load(assemble(SOURCE), { unchecked: true })
      const ctx = (first: number, step: number): Uint8Array => new Uint8Array(new Uint32Array([first, step]).buffer)
      object.program('fill').run({ ctx: ctx(0, 1) })
      const table = object.map('table')
      for (let key = 0; key < 2048; key += 2) table.delete(key)
      machine.settle()
      object.program('fill').run({ ctx: ctx(0, 2) })
      const { slabs: used } = machine.statistics().slabs.find(({ name }) => name === 'kmalloc-64')!
      machine.close()
      return used
    }
    const [built, planned] = [slabsUsed({ nolock: '6.18' }), slabsUsed({ nolock: 'planned' })]
    expect(slabsUsed({})).toBe(built)
    expect(planned).toBeGreaterThan(1.3 * built)
  })

  test('watermarks: moved by use, or fixed by size', () => {
    const watermarks = (policies: MachinePolicies) => pool(run('dry', policies, {}, 3))
    expect(watermarks({})).toMatchObject({ low: 32, high: 96 })
    expect(watermarks({ watermarks: 'fixed' })).toMatchObject({ low: 32, high: 96 })
    expect(watermarks({ watermarks: 'adaptive' })).toMatchObject({ low: 256, high: 768 })
  })

  describe('sleepable: where the list of a CPU cannot be filled (RT)', () => {
    test.each([
      [undefined, 4, 0],
      ['cache-only', 4, 0],
      // The list first, which is then empty; or the list last, which stays full.
      ['cache-first', 10, 0],
      ['general-first', 10, 4],
    ] as const)('%s: %i of 10 objects, and %i left on the list', (sleepable, got, left) => {
      const seen = run('take', sleepable === undefined ? {} : { sleepable }, { rt: true })
      expect([seen.retval, pool(seen).F]).toEqual([got, left])
    })
  })

  test('selfInterrupt: the list is filled at once, or at the tick', () => {
    const machine = new Machine({ engine, policies: { selfInterrupt: false } })
    const object = machine.load(assemble(SOURCE), { unchecked: true })
    const level = (): number => machine.statistics().caches.find(({ name }) => name === 'pool')!.F
    expect([object.program('take').run().retval, level()]).toEqual([4, 0])
    machine.advance(1_000_000)
    expect(level()).toBe(48)
    machine.close()
    for (const policies of [{}, { selfInterrupt: true }]) {
      const seen = run('take', policies)
      expect([seen.retval, pool(seen).F]).toEqual([10, 42])
    }
  })
})
