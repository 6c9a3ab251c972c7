/**
 * The stopwatch of all comparisons. Where the C library can be asked (on Linux, through the optional package koffi) it
 * knows whether the thread was interrupted by others, and then takes the time that the thread has had instead of the
 * time that has passed: other work on the host counts for nobody.
 */
import { HarenaError } from '../errors/errors.ts'
import { libc } from '../linux/libc.ts'

export interface Lap {
  readonly ms: number
  /** Whether others had the processor meanwhile. The thread's own time is less exact than that which passes. */
  readonly disturbed: boolean
}

export interface Stopwatch {
  readonly knowsThread: boolean
  start(): void
  stop(): Lap
}

function wallWatch(): Stopwatch {
  let start = 0
  return {
    knowsThread: false,
    start: () => {
      start = performance.now()
    },
    stop: () => ({ ms: performance.now() - start, disturbed: false }),
  }
}

/** System calls of x86-64, and their constants. */
const GETRUSAGE = 98
const RUSAGE_THREAD = 1
const CLOCK_GETTIME = 228
const CLOCK_THREAD_CPUTIME_ID = 3

/** Words of a struct rusage; the last two count voluntary and involuntary context switches. */
const RUSAGE_WORDS = 18

function threadWatch(): Stopwatch | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  try {
    const { syscall, address } = libc()
    const usage = new BigInt64Array(RUSAGE_WORDS)
    const usageAt = address(usage)
    const time = new BigInt64Array(2)
    const timeAt = address(time)
    const switches = (): bigint => {
      syscall(GETRUSAGE, RUSAGE_THREAD, usageAt, 0)
      return usage[RUSAGE_WORDS - 2]! + usage[RUSAGE_WORDS - 1]!
    }
    const threadTime = (): number => {
      syscall(CLOCK_GETTIME, CLOCK_THREAD_CPUTIME_ID, timeAt, 0)
      return Number(time[0]!) * 1000 + Number(time[1]!) / 1e6
    }
    let start = { switches: 0n, thread: 0, wall: 0 }
    return {
      knowsThread: true,
      start: () => {
        start = { switches: switches(), thread: threadTime(), wall: performance.now() }
      },
      stop: () => {
        const passed = performance.now() - start.wall
        const thread = threadTime() - start.thread
        const disturbed = switches() !== start.switches
        return { ms: disturbed ? Math.min(passed, thread) : passed, disturbed }
      },
    }
  } catch (error) {
    if (error instanceof HarenaError) return undefined
    throw error
  }
}

export const stopwatch: Stopwatch = threadWatch() ?? wallWatch()
