/** The machine's monotonic clock, as bpf_ktime_get_ns reads it: nanoseconds since the machine was made. */
import { HarenaError } from '../errors/errors.ts'

export interface Clock {
  readonly kind: 'virtual' | 'real'
  /** Nanoseconds; never less than the reading before. */
  now(): bigint
  /** Lets time pass. A real clock cannot be pushed: HarenaError. */
  advance(ns: bigint): void
}

/** What a reading of the virtual clock takes: about what the system call's path takes, so that no two are equal. */
const NS_A_READ = 20n

/** Virtual time starts one second after boot: a program that takes 0 for "never" is not surprised. */
const FIRST_READING = 1_000_000_000n

/** Time passes only by reading and by `advance`: runs are repeatable. */
export function virtualClock(): Clock {
  let ns = FIRST_READING
  return {
    kind: 'virtual',
    now: () => {
      ns += NS_A_READ
      return ns
    },
    advance: (by) => {
      if (by < 0n) throw new HarenaError(`cannot turn the clock back by ${-by} ns`)
      ns += by
    },
  }
}

/** The host's monotonic clock. */
export function realClock(): Clock {
  const start = performance.now()
  return {
    kind: 'real',
    // Microseconds are what the host's resolution allows; the number stays exact for 285 years.
    now: () => FIRST_READING + BigInt(Math.round((performance.now() - start) * 1000)) * 1000n,
    advance: () => {
      throw new HarenaError('the real clock cannot be advanced; make the machine with the virtual one')
    },
  }
}
