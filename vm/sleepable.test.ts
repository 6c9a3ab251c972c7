/** Policy `sleepable`: what programs that may sleep get where the lists of a CPU cannot be filled (a machine with RT). */
import { describe, expect, test } from 'vitest'
import { assemble, Machine, type MachineOptions, type MachinePolicies } from '../index.ts'

const SOURCE = `.alloc classes
.alloc pool size=100
.map plain type=hash key=u32 value=u64 entries=1000 flags=no_prealloc
.map small type=hash key=u32 value=u64 entries=20 flags=no_prealloc
.map spread type=percpu_hash key=u32 value=u64 entries=1000 flags=no_prealloc
.map of_pool type=hash key=u32 value=u64 entries=1000 flags=no_prealloc alloc=pool
.map of_classes type=hash key=u32 value=u64 entries=1000 flags=no_prealloc alloc=classes
.license "GPL"
${['plain', 'small', 'spread', 'of_pool', 'of_classes'].map((map) => updates(`to_${map}`, map, '', '')).join('')}
${updates('plain_rcu', 'plain', 'call bpf_rcu_read_lock', 'call bpf_rcu_read_unlock')}
${updates('plain_preempt', 'plain', 'call bpf_preempt_disable', 'call bpf_preempt_enable')}
${updates('plain_irq', 'plain', 'r1 = r10\nr1 += -32\ncall bpf_local_irq_save', 'r1 = r10\nr1 += -32\ncall bpf_local_irq_restore')}
${updates('plain_xdp', 'plain', '', '', 'xdp')}
.program objects type=syscall            # takes a hundred objects and keeps them
    r6 = 0
    r7 = 0
again:
    r1 = 100
    call bpf_mem_alloc
    if r0 == 0 goto none
    r7 += 1
none:
    r6 += 1
    if r6 < 100 goto again
    r0 = r7
    exit
`

/** A hundred updates of keys that are not there, and how many were done. */
function updates(name: string, map: string, before: string, after: string, type = 'syscall sleepable'): string {
  return `.program ${name} type=${type}
    r6 = 0
    r7 = 0
    ${before}
again:
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = r6
    r1 = ${map} ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto none
    r7 += 1
none:
    r6 += 1
    if r6 < 100 goto again
    ${after}
    r0 = r7
    exit
`
}

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function run(program: string, sleepable: MachinePolicies['sleepable'], options: MachineOptions = {}): number {
    const policies = sleepable === undefined ? {} : { sleepable }
    const machine = new Machine({ engine, rt: true, ...options, policies })
    try {
      // `objects` keeps what it takes.
      const object = machine.load(assemble(SOURCE), { programs: [program], unchecked: program === 'objects' })
      return object.program(program).run(program === 'plain_xdp' ? { data: new Uint8Array(64) } : {}).retval
    } finally {
      machine.close()
    }
  }

  describe.each([
    ['plain', 4, 100],
    ['of_pool', 4, 100],
    ['of_classes', 4, 100],
    ['spread', 1, 100],
    ['small', 4, 20],
  ])('map %s', (map, cold, full) => {
    test.each([
      [undefined, cold],
      ['cache-only', cold],
      ['cache-first', full],
      ['general-first', full],
    ] as const)(`%s: %i of 100 updates`, (sleepable, got) => expect(run(`to_${map}`, sleepable)).toBe(got))
  })

  test.each(['plain_rcu', 'plain_preempt', 'plain_irq', 'plain_xdp'])('%s may not sleep', (program) => {
    expect(run(program, 'general-first')).toBe(4)
  })

  test('bpf_mem_alloc', () => {
    expect(run('objects', 'cache-only')).toBe(4)
    expect(run('objects', 'cache-first')).toBe(100)
    expect(run('objects', 'general-first')).toBe(100)
  })

  test.each(['cache-first', 'general-first'] as const)('%s: what is not needed comes back', (sleepable) => {
    const machine = new Machine({ engine, policies: { sleepable } })
    const object = machine.load(assemble(SOURCE), { programs: ['to_small', 'to_spread'] })
    // The second time every key is there: elements are swapped, values written in place, and 80 keys find the map full.
    expect(object.program('to_small').run().retval).toBe(20)
    expect(object.program('to_small').run().retval).toBe(20)
    expect(object.program('to_spread').run().retval).toBe(100)
    machine.settle()
    const used = machine.statistics().pages.used
    for (let round = 0; round < 40; round++) {
      object.program('to_small').run()
      object.program('to_spread').run()
      machine.settle()
    }
    expect(machine.statistics().pages.used - used).toBeLessThan(32)
    machine.close()
  })
})
