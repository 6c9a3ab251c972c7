/** Timing: what is measured, how often, and what of it is reported. */

export interface Measurement {
  readonly name: string
  readonly unit: string
  readonly median: number
  readonly best: number
  readonly worst: number
  /** The median as a part of another median: of the plain loop's, of another row's. */
  readonly relation?: { readonly part: number; readonly of: string }
  /** What the median is meant to be. */
  readonly target: string
}

/** Runs of each measurement. */
const RUNS = 10

/** Values of `RUNS` calls, in rising order, after one call that is not counted. */
export function sample(value: () => number): readonly number[] {
  value()
  return Array.from({ length: RUNS }, value).sort((a, b) => a - b)
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Milliseconds that `work` takes. */
export function time(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Resident bytes of this process, as the operating system counts them. */
export function resident(): number {
  return process.memoryUsage().rss
}

const PLAIN_ROUNDS = 20_000_000

/**
 * Million rounds a second of a fixed loop in plain TypeScript: a chain of 32-bit operations. How fast this host is,
 * so that figures of different hosts can be compared.
 */
export function plainLoop(): number {
  let x = 0x9e3779b9 | 0
  let sum = 0
  const ms = time(() => {
    for (let round = 0; round < PLAIN_ROUNDS; round++) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      sum = (sum + x) | 0
    }
  })
  // Using the sum keeps the loop from being thrown away.
  if (sum === x) throw new Error('the loop has not run')
  return PLAIN_ROUNDS / ms / 1000
}
