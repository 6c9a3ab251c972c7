/** LRU maps used by programs that interrupt their operations before each step: nobody waits, nothing gets lost. */
import { describe, expect, test } from 'vitest'
import { Injector } from '../cpu/inject.ts'
import { ERRNO, LockError } from '../errors/errors.ts'
import { hookedSteps } from '../memory/steps.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { Rig } from './fixture.ts'
import { LRU_ELEMENTS, type LruElements } from './lru-nodes.ts'

const LONG: boolean = process.env.HARENA_LONG !== undefined

const MAX = 6
const STRIDE = 13

type Act = (rig: Rig, cpu: number) => number

const acts: readonly (readonly [string, Act])[] = [
  ['a new key', (rig, cpu) => rig.update(20, 1, 0, cpu)],
  ['the same key', (rig, cpu) => rig.update(1, 7, 0, cpu)],
  ['delete', (rig, cpu) => rig.delete(1, cpu)],
  ['delete another', (rig, cpu) => rig.delete(2, cpu)],
  ['three new keys', (rig, cpu) => Math.min(...[30, 31, 32].map((key) => rig.update(key, key, 0, cpu)))],
]

interface Setting {
  readonly type: 'lru_hash' | 'lru_percpu_hash'
  readonly flags: number
  readonly elements: LruElements
}

const SETTINGS: readonly Setting[] = LRU_ELEMENTS.flatMap((elements) =>
  (['lru_hash', 'lru_percpu_hash'] as const).flatMap((type) =>
    [0, MAP_FLAGS.no_common_lru].map((flags) => ({ type, flags, elements })),
  ),
)

/** Every key once, every element once; and every element can be had. That none is lost, `pagesLeft` checks too. */
function check(rig: Rig): void {
  const keys = rig.keys()
  expect(new Set(keys).size).toBe(keys.length)
  expect(keys.length).toBeLessThanOrEqual(MAX)
  expect(new Set(keys.map((key) => rig.at(key))).size).toBe(keys.length)
  for (const key of keys) expect(rig.delete(key)).toBe(0)
  expect(rig.keys()).toEqual([])
  for (let key = 100; key < 100 + MAX; key++) {
    // By turns, so that CPUs with lists of their own have room for them.
    expect([key, rig.update(key, key, 0, key % 2)]).toEqual([key, 0])
  }
  expect(rig.keys().length).toBeGreaterThan(MAX / 2)
  for (const key of rig.keys()) expect(rig.get(key, key % 2)).toBe(key)
  for (let key = 200; key < 220; key++) expect(rig.update(key, key, 0, key % 2)).toBe(0)
  expect(rig.pagesLeft()).toBe(0)
}

interface Interruption {
  /** Keys that are there before. */
  readonly keys: number
  /** CPU of the one that comes in: 0 in an NMI, another one in a task. */
  readonly on: number
  readonly work: Act
  readonly other: Act
}

/** Whether there was a step of this number to interrupt; `refused` takes what the other one did not get. */
function interrupted(
  setting: Setting,
  { keys, on, work, other }: Interruption,
  step: number,
  refused: number[],
): boolean {
  const injector = new Injector()
  const makeSteps = (memory: Parameters<typeof hookedSteps>[0]) => hookedSteps(memory, injector.beforeStep)
  const { type, flags, elements } = setting
  const rig = new Rig({ type, maxEntries: MAX, flags }, { lruElements: elements, makeSteps })
  try {
    for (let key = 0; key < keys; key++) rig.update(key, key)
    injector.start()
    let came = false
    injector.at(step, () => {
      came = true
      const context = on === 0 ? 'nmi' : 'task'
      const result = rig.processors.run(on, context, context, () => other(rig, on))
      // A busy bucket, a key that is not there, no element for now: never anything else, and never an endless wait.
      const may = [-ERRNO.EDEADLK, -ERRNO.ETIMEDOUT, -ERRNO.ENOENT, -ERRNO.ENOMEM]
      if (result !== 0) expect(may).toContain(result)
      if (result !== 0) refused.push(result)
    })
    const result = rig.processors.run(0, 'task', 'task', () => work(rig, 0))
    if (result !== 0) expect([-ERRNO.ENOENT, -ERRNO.ENOMEM]).toContain(result)
    injector.start()
    check(rig)
    return came
  } catch (error) {
    // A CPU refills its list from the slab while another one does so too: that one would wait, and cannot here.
    if (on !== 0 && error instanceof LockError && error.report.kind === 'impossible-schedule') return true
    throw error
  } finally {
    rig.close()
  }
}

describe.each(SETTINGS)('$type, flags $flags, $elements', (setting) => {
  test.each([
    ['an NMI', 0],
    ['another CPU', 1],
  ] as const)('interrupted by %s', { timeout: 120_000 }, (_, on) => {
    const refused: number[] = []
    let interruptions = 0
    const pairs = acts.flatMap(([, work]) => acts.map(([, other]) => ({ work, other })))
    const works = acts.map(([, act]) => act)
    for (const [index, pair] of pairs.entries()) {
      // An element that was handed out last comes back, while others are handed out: the closest race there is.
      const dense = LONG || (pair.work === works[3] && pair.other === works[4])
      for (const keys of dense ? [3, MAX] : [index % 2 === 0 ? 3 : MAX]) {
        // Every step; or some of each pair, others for each.
        let step = dense ? 1 : 1 + ((index * 5) % STRIDE)
        for (; interrupted(setting, { keys, on, ...pair }, step, refused); step += dense ? 1 : STRIDE) interruptions++
      }
    }
    expect(interruptions).toBeGreaterThan(100)
    // Somebody came while a lock was held: else this has tested nothing.
    expect(refused).toContain(on === 0 ? -ERRNO.EDEADLK : -ERRNO.ETIMEDOUT)
    // CPUs with lists of their own meet in the buckets alone.
    if (on === 0 || setting.flags === 0) expect(refused).toContain(-ERRNO.ENOMEM)
  })
})

describe.each(SETTINGS.filter(({ elements }) => elements === 'bpf_mem_alloc'))('$type, flags $flags', (setting) => {
  test('programs attached inside the allocator use the map that allocates, and nobody waits', () => {
    const { type, flags, elements } = setting
    const rig = new Rig({ type, maxEntries: 200, flags }, { lruElements: elements })
    const results: number[] = []
    const point = type === 'lru_hash' ? 'mem_alloc:raise' : 'mem_alloc:refill'
    const detach = rig.processors.points.attach(point, () => {
      // In a context of its own, which has a key of its own.
      results.push(rig.processors.run(0, 'nmi', 'probe', () => rig.update(1000 + (results.length % 7), 1)))
    })
    for (let key = 0; key < 100; key++) expect(rig.update(key, key)).toBe(0)
    detach()
    expect(results.length).toBeGreaterThan(0)
    for (const result of results) expect([0, -ERRNO.ENOMEM, -ERRNO.EDEADLK]).toContain(result)
    for (const key of rig.keys()) expect(rig.delete(key)).toBe(0)
    expect(rig.pagesLeft()).toBe(0)
    rig.close()
  })
})
