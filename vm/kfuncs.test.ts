import { describe, expect, test } from 'vitest'
import { FaultError } from '../errors/errors.ts'
import { assemble, type LoadedObject, Machine, type MachineOptions } from '../index.ts'
import { KFUNCS } from '../program/kfuncs.ts'
import { IMPLEMENTED_HELPERS } from './helpers.ts'
import { IMPLEMENTED_KFUNCS } from './kfuncs.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  const STRUCTS = `
.struct item
  key: u64
  val: u64
.end
.struct slot
  hits: u64
  held: ptr item kptr
.end
.map slots type=array key=u32 value=slot entries=2
.alloc fixed size=48
.alloc any
`

  /** Runs programs of a source, and closes the machine. */
  function on<T>(programs: string, work: (object: LoadedObject, machine: Machine) => T, options = {}): T {
    const { unchecked = false, ...machineOptions } = options as MachineOptions & { unchecked?: boolean }
    const machine = new Machine({ engine, ...machineOptions })
    try {
      return work(machine.load(assemble(STRUCTS + programs), { unchecked }), machine)
    } finally {
      machine.close()
    }
  }

  /** A program of one line an instruction. */
  const program = (body: string): string => `.program p type=syscall\n${body}\n`
  const run = (body: string, options = {}): number =>
    on(program(body), (object) => object.program('p').run().retval, options)

  const NEW = 'r1 = item.id\n r2 = 0\n call bpf_obj_new_impl\n if r0 == 0 goto none\n r6 = r0'
  const DROP = 'r1 = r6\n r2 = 0\n call bpf_obj_drop_impl'
  const NONE = 'exit\nnone:\n r0 = -1\n exit'
  /** The slot of index 0 in r7. */
  const SLOT = `*(u32 *)(r10 - 4) = 0
 r1 = slots ll
 r2 = r10
 r2 += -4
 call bpf_map_lookup_elem
 if r0 == 0 goto lost
 r7 = r0`
  const EXCHANGE = 'r1 = r7\n r1 += slot.held\n r2 = r6\n call bpf_kptr_xchg'

  test('every kfunc that the table describes is implemented', () => {
    expect(KFUNCS.map(({ name }) => name).filter((name) => !IMPLEMENTED_KFUNCS.has(name))).toEqual([])
    expect(IMPLEMENTED_HELPERS.has(194)).toBe(true)
  })

  describe('objects', () => {
    test('are memory of the program until it drops them', () => {
      expect(
        run(`${NEW}\n *(u64 *)(r6 + item.val) = 7\n r7 = *(u64 *)(r6 + item.val)\n ${DROP}\n r0 = r7\n ${NONE}`),
      ).toBe(7)
    })

    test('a field keeps an object from run to run, and gives the one before', () => {
      const source = program(`r8 = *(u64 *)(r1 + 0)
 ${NEW}
 *(u64 *)(r6 + item.val) = r8
 ${SLOT}
 ${EXCHANGE}
 if r0 == 0 goto none
 r6 = r0
 r8 = *(u64 *)(r6 + item.val)
 ${DROP}
 r0 = r8
 exit
lost:
 ${DROP}
none:
 r0 = -1
 exit`)
      on(source, (object, machine) => {
        const put = (value: number): number => {
          const ctx = new Uint8Array(8)
          ctx[0] = value
          return object.program('p').run({ ctx }).retval
        }
        expect([put(1), put(2), put(3)]).toEqual([2 ** 32 - 1, 1, 2])
        object.map('slots').set(0, new Uint8Array(16))
        expect(put(4)).toBe(2 ** 32 - 1)
        machine.settle()
        for (let i = 0; i < 1000; i++) expect(put(i % 256)).toBe(i === 0 ? 4 : (i - 1) % 256)
      })
    })

    test('NULL at the memory limit, and the machine lives', () => {
      const source = `${program(`r6 = 0
again:
 if r6 s> 100000 goto done
 r6 += 1
 r1 = 4000
 call bpf_mem_alloc
 if r0 != 0 goto again
done:
 r0 = r6
 exit`)}`
      on(
        source,
        (object) => {
          const taken = object.program('p').run().retval
          expect(taken).toBeGreaterThan(10)
          expect(taken).toBeLessThan(600)
          expect(object.program('p').run().retval).toBe(1)
        },
        { unchecked: true, memoryLimit: 2 * 2 ** 20 },
      )
    })
  })

  describe('memory of allocators', () => {
    // Its objects are pointers to areas: as memory, a program could write over them.
    test('a per-CPU allocator gives programs nothing', () => {
      const source = `.alloc areas size=8 percpu\n${program(`r1 = areas ll
 call bpf_mem_cache_alloc
 r0 = 0
 exit`)}`
      expect(() => on(source, () => 0)).toThrow('harena does not implement per-CPU objects of bpf_mem_cache_alloc')
      const run = (object: LoadedObject): unknown => object.program('p').run()
      expect(() => on(source, run, { unchecked: true })).toThrow(
        'r1 of bpf_mem_cache_alloc is no allocator that it takes',
      )
      const refused = 'areas: a per-CPU allocator needs a size: EINVAL'
      expect(() => on(source.replace(' size=8', ''), () => 0)).toThrow(refused)
    })

    const cases: readonly (readonly [string, string, string])[] = [
      ['the machine’s own', 'r1 = 100\n call bpf_mem_alloc', 'r1 = r6\n call bpf_mem_free'],
      [
        'one of one size',
        'r1 = fixed ll\n call bpf_mem_cache_alloc',
        'r1 = fixed ll\n r2 = r6\n call bpf_mem_cache_free',
      ],
    ]
    test.each(cases)('%s: what was freed last is handed out first', (_, alloc, free) => {
      const body = `${alloc}
 if r0 == 0 goto none
 r6 = r0
 *(u64 *)(r6 + 40) = 5
 ${free}
 ${alloc}
 if r0 == 0 goto none
 r6 = r0
 r7 = *(u64 *)(r6 + 40)
 ${free}
 r0 = r7
 ${NONE}`
      expect(run(body)).toBe(5)
    })

    test.each([
      ['a reserve that there is memory for', 'r1 = 0', 100, 200, 0],
      ['a reserve of an .alloc', 'r1 = fixed ll', 48, 200, 0],
      ['of any size', 'r1 = any ll', 4088, 10, 0],
      ['one that is larger than the machine', 'r1 = 0', 4000, 2 ** 31 - 1, -12],
      ['one that does not fit any more', 'r1 = any ll', 4088, 2000, -12],
    ] as const)('prefill: %s', (_, alloc, size, count, expected) => {
      const body = `${alloc}\n r2 = ${size}\n r3 = ${count}\n call bpf_mem_prefill\n exit`
      expect(run(body, { memoryLimit: 4 * 2 ** 20 }) | 0).toBe(expected)
    })

    test('a reserve is there with interrupts off', () => {
      const source = (prefill: string): string => `${prefill}
 r1 = r10
 r1 += -8
 call bpf_local_irq_save
 r6 = 0
again:
 r6 += 1
 r1 = 4000
 call bpf_mem_alloc
 if r0 == 0 goto done
 if r6 s< 50 goto again
done:
 r1 = r10
 r1 += -8
 call bpf_local_irq_restore
 r0 = r6
 exit`
      const without = run(source(''), { unchecked: true })
      expect(without).toBeLessThan(20)
      expect(run(source('r1 = 0\n r2 = 4000\n r3 = 50\n call bpf_mem_prefill'), { unchecked: true })).toBe(50)
    })
  })

  describe('policies', () => {
    // Deferred work waits for the tick: 60 objects of 48 bytes are more than a list holds at first.
    const greedy = (open: string): string => `${open}
 r6 = 0
again:
 r1 = fixed ll
 call bpf_mem_cache_alloc
 if r0 == 0 goto done
 r6 += 1
 if r6 s< 200 goto again
done:
 r0 = r6
 exit`
    const take = (open: string, policies: MachineOptions['policies'] = {}): number =>
      run(greedy(open), { unchecked: true, policies: { selfInterrupt: 'false', ...policies } })

    test('a sleepable program gets more than is on the list, where the policy says so', () => {
      const listed = take('')
      expect(listed).toBeLessThan(200)
      expect(take('', { sleepable: 'cache-only' })).toBe(listed)
      expect(take('', { sleepable: 'cache-first' })).toBe(200)
      expect(take('', { sleepable: 'general-first' })).toBe(200)
    })

    test.each(['call bpf_rcu_read_lock', 'call bpf_preempt_disable', 'r1 = r10\n r1 += -8\n call bpf_local_irq_save'])(
      'not in a section: %s',
      (open) => expect(take(open, { sleepable: 'cache-first' })).toBe(take('')),
    )

    test('a CPU that interrupts itself fills its list meanwhile', () => {
      expect(take('', { selfInterrupt: true })).toBe(200)
    })
  })

  describe('sections', () => {
    const sections = [
      ['call bpf_rcu_read_lock', 'call bpf_rcu_read_unlock'],
      ['call bpf_preempt_disable', 'call bpf_preempt_enable'],
      ['r1 = r10\n r1 += -8\n call bpf_local_irq_save', 'r1 = r10\n r1 += -8\n call bpf_local_irq_restore'],
    ] as const

    test.each(sections)('%s: open and closed', (open, close) => {
      expect(run(`${open}\n ${close}\n r0 = 3\n exit`)).toBe(3)
    })

    // Objects come back when a grace period is over, and the cache is filled when interrupts are on: with a section
    // left open, the memory would not last.
    test.each(sections)('%s: what a program leaves open is closed behind it', (open) => {
      const churn = `.program churn type=syscall
 r7 = 0
again:
 r1 = big.id
 r2 = 0
 call bpf_obj_new_impl
 if r0 == 0 goto done
 r1 = r0
 r2 = 0
 call bpf_obj_drop_impl
 r7 += 1
 if r7 s< 20 goto again
done:
 r0 = r7
 exit
`
      const source = `.struct big\n data: u8[3000]\n.end\n${churn}${program(`${open}\nagain: goto again`)}`
      on(
        source,
        (object, machine) => {
          for (let i = 0; i < 2; i++) {
            expect(() => object.program('p').run({ timeoutMs: 1 })).toThrow(FaultError)
          }
          for (let i = 0; i < 50; i++) {
            expect(object.program('churn').run().retval).toBe(20)
            machine.settle()
          }
        },
        { unchecked: true, memoryLimit: 2 ** 20 },
      )
    })

    test.each(sections.slice(0, 2))('%s: closing what is not open does nothing', (_, close) => {
      expect(run(`${close}\n ${close}\n r0 = 4\n exit`, { unchecked: true })).toBe(4)
    })
  })

  test.each([['r1 = 0\n call bpf_mem_free'], ['r1 = fixed ll\n r2 = 0\n call bpf_mem_cache_free']])(
    'an unchecked program gives nothing back: %s',
    (call) => expect(run(`${call}\n ${call}\n r0 = 3\n exit`, { unchecked: true })).toBe(3),
  )

  describe('unchecked programs fault at the call', () => {
    test.each([
      ['dropping twice', `${NEW}\n ${DROP}\n ${DROP}\n ${NONE}`, /r1 of bpf_obj_drop_impl is no object at instruction/],
      [
        'a type that is no struct',
        'r1 = 9999\n call bpf_obj_new_impl\n exit',
        /r1 of bpf_obj_new_impl is the number of no/,
      ],
      ['freeing a number', 'r1 = 16\n call bpf_mem_free\n exit', /r1 of bpf_mem_free is no memory of the allocator/],
      ['freeing the stack', 'r1 = r10\n call bpf_mem_free\n exit', /r1 of bpf_mem_free is no memory of the allocator/],
      [
        'freeing where it was not allocated',
        'r1 = 48\n call bpf_mem_alloc\n r2 = r0\n r1 = fixed ll\n call bpf_mem_cache_free\n exit',
        /r2 of bpf_mem_cache_free is no memory of the allocator/,
      ],
      [
        'a number for an allocator',
        'r1 = 1\n call bpf_mem_cache_alloc\n exit',
        /r1 of bpf_mem_cache_alloc is no allocator/,
      ],
      ['a flag nowhere', 'r1 = 0\n call bpf_local_irq_save\n exit', /r1 of bpf_local_irq_save leads to no 8 bytes/],
      ['a field nowhere', 'r1 = 0\n r2 = 0\n call bpf_kptr_xchg\n exit', /r1 of bpf_kptr_xchg leads to no 8 bytes/],
      [
        'a number for an object',
        'r1 = r10\n r1 += -8\n r2 = 5\n call bpf_kptr_xchg\n exit',
        /r2 of bpf_kptr_xchg is no object/,
      ],
    ])('%s', (_, body, message) => {
      expect(() => run(body, { unchecked: true })).toThrow(FaultError)
      expect(() => run(body, { unchecked: true })).toThrow(message)
    })
  })
})
