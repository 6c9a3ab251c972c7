/**
 * Watermarks that move: by use (policy `adaptive`: named as future work in 2022, never built), and by a reserve that a
 * program asked for.
 */
import type { Steps } from '../memory/steps.ts'
import { BATCH, CALM, HIGH, LOW, RESERVE, UNIT } from './mem-cache-layout.ts'
import { batchOf, watermarksOf } from './size-classes.ts'

/** At most this many times the fixed watermarks, at least that fraction of them. */
const MOST = 8
const LEAST = 1 / 4

/** Runs of the worker without an empty list after which the watermarks come down one step. */
const CALM_RUNS = 16

/** Up one step where the list ran dry, down one where it has not for a while; never below what a program reserved. */
export function adapt(steps: Steps, at: number, count: number, percpu: boolean): void {
  const fixed = watermarksOf(steps.load32(at + UNIT), percpu)
  const reserved = steps.load32(at + RESERVE)
  const low = steps.load32(at + LOW)
  const high = steps.load32(at + HIGH)
  if (count === 0) {
    steps.store32(at + CALM, 0)
    const most = Math.max(fixed.low * MOST, reserved)
    const mostHigh = Math.max(fixed.high * MOST, 3 * reserved)
    setWatermarks(steps, at, Math.min(low * 2, most), Math.min(high * 2, mostHigh))
  } else if (steps.add32(at + CALM, 1) + 1 >= CALM_RUNS) {
    steps.store32(at + CALM, 0)
    const least = Math.max(1, Math.floor(fixed.low * LEAST), reserved)
    if (low > least) {
      const half = Math.max(least, Math.floor(low / 2))
      setWatermarks(steps, at, half, Math.max(half + 2, 3 * reserved, Math.floor(high / 2)))
    }
  }
}

/** At least `count` objects are kept from here on; 0 for the fixed watermarks. */
export function reserve(steps: Steps, at: number, count: number, percpu: boolean): void {
  const fixed = watermarksOf(steps.load32(at + UNIT), percpu)
  const low = Math.max(fixed.low, count)
  steps.store32(at + RESERVE, count)
  setWatermarks(steps, at, low, Math.max(fixed.high, 3 * count))
  if (low === fixed.low) steps.store32(at + BATCH, fixed.batch)
}

function setWatermarks(steps: Steps, at: number, low: number, high: number): void {
  steps.store32(at + LOW, low)
  steps.store32(at + HIGH, high)
  steps.store32(at + BATCH, batchOf(low, high))
}
