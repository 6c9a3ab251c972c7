/** LoadedObject.close: one object is taken down, and everything of it comes back. */
import { describe, expect, test } from 'vitest'
import { assemble, HarenaError, Machine, type MachineOptions } from '../index.ts'

const SOURCE = `.struct item
    value: u64
.end
.struct slot
    held: ptr item kptr
.end
.alloc pool size=64
.global seen: u64
.map plain type=array key=4 value=8 entries=600
.map spread type=percpu_array key=4 value=8 entries=10
.map fixed type=hash key=4 value=8 entries=100
.map dynamic type=hash key=4 value=8 entries=100 flags=no_prealloc
.map pooled type=hash key=4 value=8 entries=100 flags=no_prealloc alloc=pool
.map old type=hash key=4 value=8 entries=100 elements=kmalloc
.map per_cpu type=percpu_hash key=4 value=8 entries=100 flags=no_prealloc
.map recent type=lru_hash key=4 value=8 entries=100
.map slots type=array key=4 value=slot entries=1
.map arena type=arena entries=100 flags=mmapable extra=0x100000010000

.program keep type=syscall               # an object that the map holds
    r1 = item.id
    r2 = 0
    call bpf_obj_new
    if r0 == 0 goto done
    r6 = r0
    *(u32 *)(r10 - 4) = 0
    r1 = slots ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    r1 = r0
    r2 = r6
    call bpf_kptr_xchg
    if r0 == 0 goto done
    r6 = r0
none:
    r1 = r6
    r2 = 0
    call bpf_obj_drop
done:
    r0 = 0
    exit
.program churn type=syscall
    r6 = 0
next:
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = r6
    r1 = dynamic ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    r1 = dynamic ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    r6 += 1
    if r6 < 200 goto next
    r1 = arena ll
    r2 = 0
    w3 = 3
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 0
    exit
.program count type=kprobe
    r1 = seen ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = 0
    exit
`

const HASHES = ['fixed', 'dynamic', 'pooled', 'old', 'per_cpu', 'recent']

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function withMachine(work: (machine: Machine) => void, options: MachineOptions = {}): void {
    const machine = new Machine({ engine, cpus: 2, ...options })
    try {
      work(machine)
    } finally {
      machine.close()
    }
  }

  const spec = assemble(SOURCE, { file: 'one.bpf.s' })

  test.each<[string, MachineOptions]>([
    ['a machine', {}],
    ['RT', { rt: true }],
    ['no self-interrupt', { policies: { selfInterrupt: false } }],
    ['slab caches of their own', { policies: { slab: 'own' } }],
    ['debug mode', { policies: { debug: true } }],
  ])('%s: pages are as they were when it was loaded, each time', (_, options) => {
    withMachine((machine) => {
      const before = machine.statistics()
      for (const memoryLimit of [0, 0, 2 ** 24]) {
        const object = machine.load(spec, { memoryLimit })
        for (const cpu of [0, 1]) {
          object.program('keep').run({ cpu })
          object.program('churn').run({ cpu })
        }
        for (let key = 0; key < 60; key++) {
          for (const map of HASHES) object.map(map).set(key, 1n)
          // Lists are filled when time passes, on some machines.
          machine.settle()
        }
        for (const map of HASHES) for (let key = 0; key < 30; key++) object.map(map).delete(key)
        object.program('count').attach('slab:unlock')
        object.close()
        machine.settle()
        const after = machine.statistics()
        expect(after.pages).toEqual({ ...before.pages, freeBlocks: after.pages.freeBlocks })
        expect([after.caches, after.holders, after.percpu, after.groups]).toEqual([[], [], [], []])
      }
    }, options)
  })

  test('other objects stay as they are', () => {
    withMachine((machine) => {
      const [one, other] = [machine.load(spec), machine.load(spec)]
      for (const object of [one, other]) object.program('keep').run()
      other.map('dynamic').set(1, 7n)
      const attachment = other.program('count').attach('slab:unlock')
      one.close()
      machine.settle()
      expect(other.map('dynamic').get(1)).toBe(7n)
      other.program('churn').run()
      other.program('keep').run()
      expect(machine.statistics().holders.some(({ owner }) => owner === 'map dynamic')).toBe(true)
      attachment.detach()
    })
  })

  test('its handles say that it is closed; a second call does nothing', () => {
    withMachine((machine) => {
      const object = machine.load(spec)
      const [program, map, global] = [object.program('churn'), object.map('dynamic'), object.global('seen')]
      const mapping = object.map('arena').mmap()
      const attachment = object.program('count').attach('slab:unlock')
      object.close()
      object.close()
      const closed = new HarenaError('one.bpf.s is closed')
      const uses: (() => unknown)[] = [
        () => program.run(),
        () => object.program('count').attach('slab:unlock'),
        () => map.get(1),
        () => map.set(1, 1n),
        () => map.delete(1),
        () => [...map.entries()],
        () => map.freeze(),
        () => object.map('arena').mmap(),
        () => global.get(),
        () => global.set(1n),
      ]
      for (const use of uses) expect(use).toThrow(closed)
      expect(() => mapping.u64(mapping.start)).toThrow(HarenaError)
      attachment.detach()
      machine.settle()
      expect(machine.statistics().holders).toEqual([])
      machine.close()
      object.close()
      expect(() => map.get(1)).toThrow('the machine is closed')
    })
  })

  test('not from the middle of what the machine does', () => {
    withMachine((machine) => {
      const object = machine.load(spec)
      const errors: unknown[] = []
      const off = machine.on('event', () => {
        try {
          object.close()
        } catch (error) {
          errors.push(error)
        }
      })
      object.program('churn').run()
      off()
      expect(errors.length).toBeGreaterThan(0)
      expect(errors[0]).toEqual(new HarenaError('the machine is at work: close one.bpf.s afterwards'))
      object.close()
      expect(() => object.program('churn').run()).toThrow('one.bpf.s is closed')
    })
  })

  test('statistics work when a map was destroyed by who holds it', () => {
    withMachine((machine) => {
      const object = machine.load(spec)
      object.map('slots').map.destroy()
      expect(machine.statistics().holders.map(({ owner }) => owner)).not.toContain('map slots')
    })
  })

  test('a program of no object keeps the maps that it was given', () => {
    withMachine((machine) => {
      const source = `.map table type=hash key=4 value=8 entries=10 flags=no_prealloc
.program p type=syscall
    *(u32 *)(r10 - 4) = 3
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    exit
`
      const object = machine.load(assemble(source))
      const [image] = assemble(source).programs
      const program = machine.loadProgram(image!, object.maps)
      object.map('table').set(3, 1n)
      object.close()
      machine.settle()
      expect([program.run().retval, program.run().retval | 0]).toEqual([0, -2])
    })
  })
})

test('injections end with the object', () => {
  const machine = new Machine({ engine: 'interpreter', injection: true })
  const [one, other] = [machine.load(assemble(SOURCE)), machine.load(assemble(SOURCE))]
  const injection = one.program('count').inject({ context: 'nmi', at: 'each' })
  other.program('churn').run()
  const { runs } = injection
  expect(runs).toBeGreaterThan(0)
  one.close()
  other.program('churn').run()
  const after = injection.runs
  other.program('churn').run()
  expect(injection.runs).toBe(after)
  machine.close()
})
