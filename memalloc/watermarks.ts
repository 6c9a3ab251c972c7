/**
 * Watermarks that move: by use (policy `adaptive`: named as future work in 2022, never built), and by a reserve that a
 * program asked for.
 *
 * What counts of the use is how far the list went down while the worker could not run, not where it stands when the
 * worker does: frees may have filled it again by then.
 *
 *     high ─────────────────────────────────
 *                 ╲                   ╱────   where the worker finds it
 *     low  ────────╲─────────────────╱──────
 *                   ╲  interrupts   ╱         LOWEST little below low, run for run: the watermarks come down
 *                    ╲    off      ╱
 *     empty           ╲___________╱           LOWEST at 0, or an allocation failed: they go up
 */
import type { Steps } from '../memory/steps.ts'
import { BATCH, CALM, countOf, FELL, HIGH, LOW, LOWEST, PATIENCE, RESERVE, UNIT } from './mem-cache-layout.ts'
import { batchOf, watermarksOf } from './size-classes.ts'

/** At most this many times the fixed watermarks, at least that fraction of them. */
const MOST = 8
const LEAST = 1 / 4

/** Runs of the worker with the list little below low, after which the watermarks come down one step. */
const CALM_RUNS = 16
/** Each time that coming down was a mistake, twice as many are asked for; at most this many times as many. */
const MOST_PATIENCE = 1 << 16

/** LOWEST, where nobody was below a watermark since the worker last ran. */
const NEVER = 0x7fffffff

/** Begins to watch how low the list goes, in a control block that is being set up. */
export function watchLevel(steps: Steps, at: number): void {
  steps.store32(at + LOWEST, NEVER)
}

/** Notes that the list has `level` objects, and 0 for an allocation that got none. Any context. */
export function noteLevel(steps: Steps, at: number, level: number = countOf(steps, at)): void {
  for (let before = steps.load32(at + LOWEST); level < before; ) {
    const seen = steps.compareExchange32(at + LOWEST, before, level)
    if (seen === before) return
    before = seen
  }
}

/** What `noteLevel` noted since the last call. */
function takeLowest(steps: Steps, at: number): number {
  let before = steps.load32(at + LOWEST)
  for (;;) {
    const seen = steps.compareExchange32(at + LOWEST, before, NEVER)
    if (seen === before) return seen
    before = seen
  }
}

/**
 * For the worker, which finds `count` objects: up one step where the list ran dry since it last ran, down one where it
 * has not come near that for a while; never below what a program reserved. A burst that comes after each long calm
 * would find the list too short each time: so the calm that is asked for grows.
 */
export function adapt(steps: Steps, at: number, count: number, percpu: boolean): void {
  const lowest = Math.min(takeLowest(steps, at), count)
  const low = steps.load32(at + LOW)
  if (lowest === 0) {
    raiseWatermarks(steps, at, percpu)
  } else if (!isCalm(low, lowest)) {
    steps.store32(at + CALM, 0)
  } else if (steps.add32(at + CALM, 1) + 1 >= CALM_RUNS * patienceOf(steps, at)) {
    lowerWatermarks(steps, at, percpu)
  }
}

/** An eighth below low is what the list may go down by: with half the watermarks some will be left then too. */
function isCalm(low: number, lowest: number): boolean {
  return lowest * 2 > low && low - lowest <= Math.max(1, low >> 3)
}

function raiseWatermarks(steps: Steps, at: number, percpu: boolean): void {
  const fixed = watermarksOf(steps.load32(at + UNIT), percpu)
  const reserved = steps.load32(at + RESERVE)
  const low = Math.min(steps.load32(at + LOW) * 2, Math.max(fixed.low * MOST, reserved))
  const high = Math.min(steps.load32(at + HIGH) * 2, Math.max(fixed.high * MOST, 3 * reserved))
  steps.store32(at + CALM, 0)
  if (steps.load32(at + FELL) !== 0) {
    steps.store32(at + FELL, 0)
    steps.store32(at + PATIENCE, Math.min(patienceOf(steps, at) * 2, MOST_PATIENCE))
  }
  setWatermarks(steps, at, low, high)
}

function lowerWatermarks(steps: Steps, at: number, percpu: boolean): void {
  const fixed = watermarksOf(steps.load32(at + UNIT), percpu)
  const reserved = steps.load32(at + RESERVE)
  const low = steps.load32(at + LOW)
  const least = Math.max(1, Math.floor(fixed.low * LEAST), reserved)
  steps.store32(at + CALM, 0)
  if (low <= least) return
  const half = Math.max(least, Math.floor(low / 2))
  steps.store32(at + FELL, 1)
  setWatermarks(steps, at, half, Math.max(half + 2, 3 * reserved, Math.floor(steps.load32(at + HIGH) / 2)))
}

/** In calm runs, as a multiple of CALM_RUNS. */
function patienceOf(steps: Steps, at: number): number {
  return Math.max(1, steps.load32(at + PATIENCE))
}

/** What a reserve changes: the words of a control block as they were. */
export type Reserved = readonly (readonly [offset: number, value: number])[]

/** At least `count` objects are kept from here on; 0 for the fixed watermarks. Returns what `restore` takes. */
export function reserve(steps: Steps, at: number, count: number, percpu: boolean): Reserved {
  const before = [RESERVE, LOW, HIGH, BATCH].map((offset) => [offset, steps.load32(at + offset)] as const)
  const fixed = watermarksOf(steps.load32(at + UNIT), percpu)
  const low = Math.max(fixed.low, count)
  steps.store32(at + RESERVE, count)
  setWatermarks(steps, at, low, Math.max(fixed.high, 3 * count))
  if (low === fixed.low) steps.store32(at + BATCH, fixed.batch)
  return before
}

/** Takes a reserve back that could not be had: what was kept before is kept again. */
export function restore(steps: Steps, at: number, before: Reserved): void {
  for (const [offset, value] of before) steps.store32(at + offset, value)
}

function setWatermarks(steps: Steps, at: number, low: number, high: number): void {
  steps.store32(at + LOW, low)
  steps.store32(at + HIGH, high)
  steps.store32(at + BATCH, batchOf(low, high))
}
