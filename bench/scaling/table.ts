/** The table: every algorithm on every number of CPUs, and how its order compares with the published one. */
import { type Costs, readCosts } from './costs.ts'
import { ALGORITHMS, type Algorithm, CPU_COUNTS } from './published.ts'
import { type Result, replay } from './replay.ts'
import { capture, type Trace } from './trace.ts'

/** Figures are a tie where the larger one is at most this many times the smaller one. */
export const TIE = 1.15

export interface Row {
  readonly algorithm: Algorithm
  /** By CPU_COUNTS. */
  readonly traces: readonly Trace[]
}

export function captureAll(): Row[] {
  return ALGORITHMS.map((algorithm) => ({
    algorithm,
    traces: CPU_COUNTS.map((cpus) => capture(algorithm.elements, cpus)),
  }))
}

/** What the model says, by row and number of CPUs; where `comparable`, only what there is a published figure for. */
export function replayAll(rows: readonly Row[], costs: Costs, comparable = false): (Result | undefined)[][] {
  return rows.map(({ algorithm, traces }) =>
    traces.map((trace, column) =>
      comparable && algorithm.published[column] === undefined ? undefined : replay(trace, costs),
    ),
  )
}

/** Two algorithms that are apart in the published table, and what the model makes of them. */
export interface Pair {
  readonly cpus: number
  readonly faster: string
  readonly slower: string
  /** How many times as fast the faster one is. */
  readonly published: number
  readonly simulated: number
}

/** Every pair with published figures that are no tie. */
export function comparePairs(results: readonly (readonly (Result | undefined)[])[]): Pair[] {
  return CPU_COUNTS.flatMap((cpus, column) =>
    ALGORITHMS.flatMap((faster, row) =>
      ALGORITHMS.flatMap((slower, other): Pair[] => {
        const [high, low] = [faster.published[column], slower.published[column]]
        const [fast, slow] = [results[row]?.[column], results[other]?.[column]]
        if (high === undefined || low === undefined || fast === undefined || slow === undefined) return []
        if (high <= low * TIE) return []
        const simulated = fast.throughput / slow.throughput
        return [{ cpus, faster: faster.elements, slower: slower.elements, published: high / low, simulated }]
      }),
    ),
  )
}

export type Verdict = 'same order' | 'tie' | 'reversed'

export function verdict({ simulated }: Pair): Verdict {
  if (simulated > TIE) return 'same order'
  return simulated * TIE >= 1 ? 'tie' : 'reversed'
}

/** A line of text for each algorithm: simulated throughput, the published one in brackets. */
export function tableText(results: readonly (readonly (Result | undefined)[])[]): string {
  const cells = [
    ['', ...CPU_COUNTS.map((cpus) => `${cpus} CPU${cpus === 1 ? '' : 's'}`)],
    ...ALGORITHMS.map(({ name, published }, row) => [
      name,
      ...CPU_COUNTS.map((_, column) => {
        const throughput = results[row]?.[column]?.throughput.toFixed(2) ?? ''
        return `${throughput} (${published[column] ?? '-'})`
      }),
    ]),
  ]
  return cells.map(([name, ...rest]) => name!.padEnd(22) + rest.map((cell) => cell.padStart(13)).join('')).join('\n')
}

/** The table with the committed costs. */
export function committedTable(): { rows: Row[]; results: (Result | undefined)[][] } {
  const rows = captureAll()
  return { rows, results: replayAll(rows, readCosts().costs) }
}
