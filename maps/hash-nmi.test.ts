/** Programs that interrupt map operations of other programs, before each of their steps, and use the same map. */
import { describe, expect, test } from 'vitest'
import { Injector } from '../cpu/inject.ts'
import { makeRandom } from '../cpu/random.ts'
import { ERRNO } from '../errors/errors.ts'
import { closeKernel, makeKernel } from '../memalloc/kernel.ts'
import { hookedSteps } from '../memory/steps.ts'
import { Rig } from './fixture.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'

/** Before every step, or less densely the later they are. */
const LONG: boolean = process.env.HARENA_LONG !== undefined

const MAX = 6

type Act = (rig: Rig) => number

const acts: readonly (readonly [string, Act])[] = [
  ['a new key', (rig) => rig.update(20, 1)],
  ['the same key', (rig) => rig.update(1, 7)],
  ['another key', (rig) => rig.update(2, 8)],
  ['delete', (rig) => rig.delete(1)],
  ['delete another', (rig) => rig.delete(2)],
  ['look-up', (rig) => (rig.get(1) === undefined ? 0 : 1)],
  ['take batch', (rig) => rig.user.batch(MAX + 1, { take: true }).entries.length],
]

/** Every key once, every element once; a full map holds as many keys as ever. */
function check(rig: Rig): void {
  const keys = rig.keys()
  expect(new Set(keys).size).toBe(keys.length)
  expect(keys.length).toBeLessThanOrEqual(MAX + 1)
  expect(new Set(keys.map((key) => rig.at(key))).size).toBe(keys.length)
  for (const key of keys) expect(rig.delete(key)).toBe(0)
  expect(rig.keys()).toEqual([])
  for (let key = 0; key < MAX; key++) expect([key, rig.update(key, key)]).toEqual([key, 0])
  expect(rig.update(MAX, 1)).toBe(-ERRNO.E2BIG)
  // Twice: each CPU's spare is where it should be.
  for (let round = 0; round < 4; round++) expect(rig.update(0, round, 0, round % 2)).toBe(0)
  expect(rig.keys().sort()).toEqual([0, 1, 2, 3, 4, 5])
  expect(rig.pagesLeft()).toBe(0)
}

function interrupted(elements: SupplyName, type: 'hash' | 'percpu_hash', work: Act, other: Act, step: number): boolean {
  const injector = new Injector()
  const makeSteps = (memory: Parameters<typeof hookedSteps>[0]) => hookedSteps(memory, injector.beforeStep)
  const rig = new Rig({ type, maxEntries: MAX }, { elements, makeSteps })
  try {
    for (let key = 0; key < MAX - 1; key++) rig.update(key, key)
    injector.start()
    let came = false
    injector.at(step, () => {
      came = true
      const result = rig.processors.run(0, 'nmi', 'nmi', () => other(rig))
      // A bucket that is busy, a map that is full for a moment, a list that is empty: never anything else.
      const may = [-ERRNO.EDEADLK, -ERRNO.ENOENT, -ERRNO.E2BIG, -ERRNO.ENOMEM]
      expect(result >= 0 || may.includes(result)).toBe(true)
    })
    rig.processors.run(0, 'task', 'task', () => work(rig))
    injector.start()
    check(rig)
    return came
  } finally {
    rig.close()
  }
}

describe.each(['prealloc', 'bpf_mem_alloc', 'kmalloc_nolock', 'tags', 'tags-packed'] as const)(
  'elements from %s',
  (elements) => {
    test.each(acts)('%s, interrupted before its steps', { timeout: 60_000 }, (_, work) => {
      // A batch is bpf(2)'s, which no NMI calls.
      for (const [, other] of acts.slice(0, -1)) {
        for (const type of ['hash', 'percpu_hash'] as const) {
          let step = 1
          while (interrupted(elements, type, work, other, step)) step += LONG ? 1 : 1 + (step >> 4)
          expect(step).toBeGreaterThan(2)
        }
      }
    })
  },
)

/** On the supply itself: an element that is in a map twice would lead its chains back to themselves. */
test.each([1n, 2n, 3n, 4n])('irq-work: no element is handed out twice, with NMIs at random (seed %i)', (seed) => {
  const injector = new Injector()
  const kernel = makeKernel({ makeSteps: (memory) => hookedSteps(memory, injector.beforeStep) })
  const { processors } = kernel
  const before = kernel.pages.statistics().used
  const supply = SUPPLIES['irq-work'].make(kernel, { name: 'm', size: 64, count: 0, perCpuSize: 0, areaOffset: 56 })!
  const random = makeRandom(seed, 3n)
  const out = new Set<number>()
  const act = (): void => {
    const [first] = out
    if (first !== undefined && random.below(out.size > 20 ? 2 : 4) === 0) {
      out.delete(first)
      supply.give(first)
      return
    }
    const element = supply.take()
    if (element === 0) return
    if (out.has(element)) throw new Error(`element ${element} is handed out twice`)
    out.add(element)
  }
  let [steps, nmis, interrupted] = [0, 0, true]
  injector.each(() => {
    // A list that leads back to itself would be followed for ever.
    if (++steps > 3_000_000) throw new Error('this does not end')
    if (!interrupted || random.below(20) !== 0) return
    nmis++
    processors.run(0, 'nmi', 'nmi', act)
  })
  for (let round = 0; round < 6000; round++) {
    processors.run(0, 'task', 'task', act)
    if (round % 50 === 0) processors.advance(20_000_000n)
  }
  interrupted = false
  expect(nmis).toBeGreaterThan(1000)
  expect(out.size).toBeGreaterThan(10)
  for (const element of out) supply.give(element)
  supply.destroy()
  processors.settle()
  kernel.slab.shrink()
  expect(kernel.pages.statistics().used).toBe(before)
  closeKernel(kernel)
})
