/**
 * The simulation with the committed costs: nothing is timed here. Where the code of maps or allocators has changed, so
 * may its traces: `npm run bench:scaling -- --write` draws the figure again and prints the page's table.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { COST_NAMES, type Costs, readCosts, scaled } from './costs.ts'
import { drawFigure } from './figure.ts'
import { CPU_COUNTS } from './published.ts'
import { replay } from './replay.ts'
import { showRound } from './show.ts'
import { captureAll, comparePairs, type Pair, type Row, replayAll, verdict } from './table.ts'
import { capture, Kind, kindOf, PERIOD, PERIODS, type Trace, targetOf } from './trace.ts'

const FIGURE = join(import.meta.dirname, '../../docs/scaling.svg')
const PAGE = join(import.meta.dirname, '../../docs/scaling.md')
const { costs } = readCosts()

let rows: Row[] = []
beforeAll(() => {
  rows = captureAll()
}, 60_000)

const name = ({ cpus, faster, slower }: Pair): string => `${cpus}: ${faster} > ${slower}`

function pairsWith(verdictWanted: string, results: ReturnType<typeof replayAll>): string[] {
  return comparePairs(results)
    .filter((pair) => verdict(pair) === verdictWanted)
    .map(name)
}

/** Apart in 2016, level here: docs/scaling.md says why. */
const LEVEL = [
  '1: prealloc > ida',
  '4: prealloc > tags',
  '4: prealloc > ida',
  '8: prealloc > tags',
  '8: prealloc > ida',
]

describe('the order of 2016', () => {
  test('holds in every column: no pair is reversed, and these five are level', () => {
    const results = replayAll(rows, costs, true)
    expect(comparePairs(results)).toHaveLength(31)
    expect(pairsWith('reversed', results)).toEqual([])
    expect(pairsWith('tie', results)).toEqual(LEVEL)
  })

  test.each(COST_NAMES.flatMap((cost) => [0.7, 1.3].map((factor) => [cost, factor] as const)))(
    'survives %s x %f',
    (cost, factor) => {
      const results = replayAll(rows, scaled(costs, cost, factor), true)
      expect(pairsWith('reversed', results)).toEqual([])
      const ties = pairsWith('tie', results).filter((pair) => !LEVEL.includes(pair))
      // Six percent apart from a tie with the committed costs.
      expect(ties.filter((pair) => pair !== '4: ida-nolock > ida')).toEqual([])
    },
  )

  test('a comparison that is the wrong way round is found', () => {
    const upsideDown = replayAll(rows, costs, true).map((row) =>
      row.map((result) => result && { ...result, throughput: 1 / result.throughput }),
    )
    expect(pairsWith('reversed', upsideDown)).toContain('32: prealloc > kmalloc')
  })
})

test('docs/scaling.svg is what the committed costs give', () => {
  expect(drawFigure(replayAll(rows, costs))).toBe(readFileSync(FIGURE, 'utf8'))
})

test('the table of docs/scaling.md is the same, and its published figures are those compared with', () => {
  const page = readFileSync(PAGE, 'utf8')
  const results = replayAll(rows, costs)
  for (const [row, { algorithm }] of rows.entries()) {
    const line = page.split('\n').find((each) => each.includes(`| \`${algorithm.elements}\` |`))
    const cells = line
      ?.split('|')
      .slice(3, -1)
      .map((cell) => [...cell.matchAll(/[\d.]+/g)].map(Number))
    const expected = results[row]!.map((result, column) => {
      const published = algorithm.published[column]
      return [Number(result!.throughput.toFixed(2)), ...(published === undefined ? [] : [published])]
    })
    expect(cells, algorithm.elements).toEqual(expected)
  }
})

describe('traces', () => {
  test('every CPU does all its rounds, and gives up each lock that it took', () => {
    for (const { algorithm, traces } of rows) {
      for (const [column, trace] of traces.entries()) {
        expect(trace.events).toHaveLength(CPU_COUNTS[column]!)
        for (const events of trace.events) checkLocks(algorithm.elements, events)
      }
    }
  })

  test('are the same each time', () => {
    expect(capture('kmalloc', 2)).toEqual(capture('kmalloc', 2))
  })

  test.each([
    ['prealloc', ['bucket', 'the lock of a per-CPU free list']],
    ['one-lock', ['bucket', "the free list's lock"]],
    ['tags', ['bucket']],
    ['ida-nolock', ['bucket', "percpu_ida's lock"]],
  ] as const)('%s takes %j', (elements, names) => {
    expect([...new Set(capture(elements, 2).lockNames)].sort()).toEqual([...names])
  })

  test('are shown by lines and locks', () => {
    const shown = showRound(capture('prealloc', 2), costs)
    expect(shown).toMatch(/^lock 1 \(bucket\), load 1, /)
    expect(shown).toMatch(/, unlock 2 \(the lock of a per-CPU free list\)$/)
    expect(shown).not.toMatch(/\*|waits/)
    expect(showRound(capture('one-lock', 4), costs)).toMatch(/lock 2 \(the free list's lock\) waits, load 2, load 3\*/)
  })

  test('kmalloc counts where all CPUs count, bpf_mem_alloc does not', () => {
    const transfers = (elements: 'kmalloc' | 'bpf_mem_alloc'): number => replay(capture(elements, 4), costs).transfers
    expect(transfers('bpf_mem_alloc')).toBeLessThan(0.1)
    expect(transfers('kmalloc')).toBeGreaterThan(2)
  })
})

function checkLocks(elements: string, events: Int32Array): void {
  const held: number[] = []
  let rounds = 0
  for (const event of events) {
    const target = targetOf(event)
    if (kindOf(event) === Kind.LOCK) held.push(target)
    else if (kindOf(event) === Kind.UNLOCK) {
      expect(held, elements).toContain(target)
      held.splice(held.lastIndexOf(target), 1)
    } else if (kindOf(event) === Kind.ROUND) rounds++
  }
  expect(held, elements).toEqual([])
  expect(rounds).toBeGreaterThanOrEqual(PERIOD * PERIODS)
  expect(rounds).toBeLessThanOrEqual(PERIOD * PERIODS + 1)
}

describe('the replay of a small trace', () => {
  const SIMPLE: Costs = { hit: 1, atomic: 10, read: 100, own: 1000, handoff: 5000, round: 0 }
  const HALF = (PERIODS / 2) * PERIOD
  type Step = readonly [Kind, number]

  /** Each CPU does its steps in every round; lock 0 lies in line 0. */
  function roundOf(...steps: readonly (readonly Step[])[]): Trace {
    const events = steps.map((own) => {
      const round = [...own, [Kind.ROUND, 0] as const].map(([kind, target]) => kind | (target << 3))
      return Int32Array.from({ length: 2 * HALF * round.length }, (_, index) => round[index % round.length]!)
    })
    return { elements: 'prealloc', events, lines: 4, locks: [0], lockNames: ['lock'] }
  }

  test.each<[string, readonly (readonly Step[])[], number]>([
    [
      'a CPU alone',
      [
        [
          [Kind.LOAD, 1],
          [Kind.STORE, 1],
          [Kind.ATOMIC, 2],
        ],
      ],
      12,
    ],
    ['lines of their own', [[[Kind.STORE, 1]], [[Kind.STORE, 2]]], 1],
    ['copies that nobody writes', [[[Kind.LOAD, 1]], [[Kind.LOAD, 1]]], 1],
    // One after the other: each waits until the other one has had the line.
    ['a line that both write', [[[Kind.ATOMIC, 1]], [[Kind.ATOMIC, 1]]], 2 * 1010],
    // Lock, unlock: 10 and 1 for who finds it free; here it passes from hand to hand, and comes with the line.
    [
      'a lock that both want',
      [
        [
          [Kind.LOCK, 0],
          [Kind.UNLOCK, 0],
        ],
        [
          [Kind.LOCK, 0],
          [Kind.UNLOCK, 0],
        ],
      ],
      2 * 5001,
    ],
  ])('%s', (_, steps, ns) => {
    expect(replay(roundOf(...steps), SIMPLE).roundNs).toBeCloseTo(ns, 0)
  })

  test('who waits for a lock is counted', () => {
    const both = [
      [Kind.LOCK, 0],
      [Kind.STORE, 1],
      [Kind.UNLOCK, 0],
    ] as const
    const result = replay(roundOf(both, both), SIMPLE)
    expect(result.waits).toBeCloseTo(1)
    expect(result.waitNs).toBeGreaterThan(5000)
    // Line 1 follows the lock.
    expect(result.transfers).toBeCloseTo(1)
  })

  test('a lock that is never given up is reported', () => {
    expect(() => replay(roundOf([[Kind.LOCK, 0]]), SIMPLE)).toThrow('all CPUs wait for locks')
  })
})
