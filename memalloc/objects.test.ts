import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Btf, BtfType } from '../btf/types.ts'
import { load64, store64 } from '../memory/access.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { pagesAfter, simulate } from './fixture.ts'
import { closeKernel, type Kernel, makeKernel } from './kernel.ts'
import { listedObjects } from './mem-invariants.ts'

// struct node { value: u64; a: ptr node kptr; b: ptr node kptr; plain: ptr node }
const NODE = 1
const A = 8
const B = 16
const members = [
  { name: 'value', type: 2, offset: 0, bits: 0 },
  { name: 'a', type: 4, offset: 8 * A, bits: 0 },
  { name: 'b', type: 4, offset: 8 * B, bits: 0 },
  { name: 'plain', type: 5, offset: 8 * 24, bits: 0 },
]
const TYPES: readonly BtfType[] = [
  { kind: 'void' },
  { kind: 'struct', name: 'node', size: 32, members },
  { kind: 'int', name: 'u64', size: 8, bits: 64, encoding: 'none' },
  { kind: 'type_tag', name: 'kptr', type: NODE },
  { kind: 'ptr', type: 3 },
  { kind: 'ptr', type: NODE },
  { kind: 'struct', name: 'huge', size: 8192, members: [] },
]
const BTF: Btf = { types: [...TYPES] }

function withKernel(body: (kernel: Kernel) => void): void {
  const kernel = makeKernel()
  try {
    body(kernel)
  } finally {
    closeKernel(kernel)
  }
}

describe('objects of bpf_obj_new', () => {
  test('only special fields of a new object are set', () =>
    withKernel(({ objects, bpf, memory }) => {
      const used = bpf.global.alloc(32)
      memory.u8.fill(0xff, used, used + 32)
      bpf.global.free(used)
      // What was freed last is handed out first.
      const object = objects.allocate(BTF, NODE)
      expect(object).toBe(used)
      const words = [0, A, B, 24].map((offset) => load64(memory, object + offset))
      expect(words).toEqual([2n ** 64n - 1n, 0n, 0n, 2n ** 64n - 1n])
    }))

  test('no struct, or one that is too large, has no objects', () =>
    withKernel(({ objects }) => {
      for (const id of [0, 2, 5, 99]) expect([objects.isStruct(BTF, id), objects.allocate(BTF, id)]).toEqual([false, 0])
      expect(objects.isStruct(BTF, 6)).toBe(true)
      expect(objects.allocate(BTF, 6)).toBe(0)
      expect(objects.count).toBe(0)
    }))

  test('a chain of objects goes with its first, however long', () =>
    withKernel(({ objects }) => {
      const head = objects.allocate(BTF, NODE)
      let last = head
      for (let i = 0; i < 20_000; i++) {
        const next = objects.allocate(BTF, NODE)
        expect(objects.exchange(last + A, next)).toBe(0)
        last = next
      }
      objects.drop(head)
      expect(objects.count).toBe(0)
    }))

  test('memory is handed out again only after a grace period', () =>
    withKernel(({ objects, processors }) => {
      const object = objects.allocate(BTF, NODE)
      processors.rcu.enter(0)
      objects.drop(object)
      processors.settle()
      const during = Array.from({ length: 200 }, () => objects.allocate(BTF, NODE))
      expect(during).not.toContain(object)
      processors.rcu.leave(0)
    }))

  test('numbers that are no objects are not followed', () =>
    withKernel(({ objects, memory }) => {
      const object = objects.allocate(BTF, NODE)
      store64(memory, object + A, KERNEL_BASE + 0x1234n)
      store64(memory, object + B, BigInt(object))
      objects.drop(object)
      objects.drop(object)
      expect(objects.count).toBe(0)
    }))

  test('neither a made-up header nor memory of another kind is an object', () =>
    withKernel(({ objects, bpf, steps }) => {
      const object = objects.allocate(BTF, NODE)
      // The header is copied to where a program could write it: into the payload.
      steps.store64(object + 8, steps.load64(object - 8), steps.high)
      for (let at = object - 16; at <= object + 32; at++)
        expect([at, objects.isObject(at)]).toEqual([at, at === object])
      const plain = bpf.global.alloc(32)
      expect([objects.isObject(plain), bpf.global.owns(plain)]).toEqual([false, true])
      // An object is given back as one, its fields with it, and never as plain memory.
      expect(bpf.global.owns(object)).toBe(false)
      for (const at of [-8, 0, 4, 8, 4096, 2 ** 32 - 8, 2 ** 32 - 4]) expect(objects.isObject(at)).toBe(false)
      steps.store64(object + 8, 0, 0)
      objects.drop(object)
      expect([objects.isObject(object), objects.count]).toEqual([false, 0])
    }))

  test('an NMI that drops the same object, at every step, gives it back once', () => {
    for (let step = 1; ; step++) {
      const done = simulate({}, (simulation) => {
        const { kernel, processors, injector, pagesBefore } = simulation
        const { objects, bpf } = kernel
        const object = objects.allocate(BTF, NODE)
        const held = objects.allocate(BTF, NODE)
        objects.exchange(object + A, held)
        processors.settle()
        let came = false
        injector.start()
        injector.at(step, () => {
          came = true
          processors.run(0, 'nmi', 'drop', () => objects.drop(object))
        })
        objects.drop(object)
        injector.start()
        expect([objects.count, objects.isObject(object), objects.isObject(held)]).toEqual([0, false, false])
        listedObjects(kernel.memory, bpf.global)
        bpf.destroy(bpf.global)
        expect(pagesAfter(simulation)).toBe(pagesBefore)
        return !came
      })
      if (done) break
      expect(step).toBeLessThan(500)
    }
  })

  test('every object has one owner: whatever is exchanged and dropped, none is lost', () => {
    const step = fc.record({ slot: fc.nat(3), field: fc.constantFrom(A, B), drop: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) =>
        withKernel(({ objects }) => {
          const held: number[] = [0, 0, 0, 0]
          for (const { slot, field, drop } of steps) {
            const owner = held[slot]!
            if (owner === 0) held[slot] = objects.allocate(BTF, NODE)
            else if (drop) {
              objects.drop(owner)
              held[slot] = 0
            } else {
              const other = (slot + 1) % held.length
              held[other] = objects.exchange(owner + field, held[other]!)
            }
          }
          for (const object of held) if (object !== 0) objects.drop(object)
          expect(objects.count).toBe(0)
        }),
      ),
      { numRuns: process.env.HARENA_LONG === undefined ? 50 : 500 },
    )
  })
})
