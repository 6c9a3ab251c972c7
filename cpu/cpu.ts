/**
 * A simulated CPU: its number, and the stack of contexts it is in.
 *
 *     nmi        may interrupt any of those below
 *     hardirq
 *     softirq
 *     task       always at the bottom
 *
 * CPUs are simulated on the calling thread: whoever enters a context leaves it before anything below it goes on.
 */
import { HarenaError, InternalError } from '../errors/errors.ts'
import { makeRandom, type Random, RandomStream } from './random.ts'

/** By rising priority. */
export const CONTEXTS = ['task', 'softirq', 'hardirq', 'nmi'] as const
export type Context = (typeof CONTEXTS)[number]

/** As many as Linux can be built for on x86-64 (NR_CPUS). */
export const MAX_CPUS = 8192

export class Cpu {
  readonly id: number
  /** Random numbers of programs on this CPU. */
  readonly random: Random
  private readonly contexts: Context[] = ['task']

  constructor(id: number, random: Random) {
    this.id = id
    this.random = random
  }

  /** The context that runs now. */
  get context(): Context {
    return this.contexts.at(-1)!
  }

  /** Runs `work` in a context that interrupts what this CPU is doing. Only a higher one can. */
  interrupt<T>(context: Context, work: () => T): T {
    if (CONTEXTS.indexOf(context) <= CONTEXTS.indexOf(this.context)) {
      throw new InternalError(`${context} interrupts ${this.context} on CPU ${this.id}`)
    }
    this.contexts.push(context)
    try {
      return work()
    } finally {
      this.contexts.pop()
    }
  }
}

/** `count` CPUs, numbered from 0, each with random numbers of its own. */
export function makeCpus(count: number, seed: bigint): readonly Cpu[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_CPUS) {
    throw new HarenaError(`a machine has 1 to ${MAX_CPUS} CPUs, not ${count}`)
  }
  return Array.from({ length: count }, (_, id) => new Cpu(id, makeRandom(seed, RandomStream.PROGRAM + BigInt(id))))
}
