/**
 * Locks in kernel memory: a word that holds 0, or the number of the CPU that holds it plus 1.
 *
 * CPUs are simulated on one thread, so whoever holds a lock that somebody else wants stands below on the JavaScript
 * stack and cannot let go before the other one is done. Waiting for the same CPU is a deadlock, as it would be on
 * Linux. Waiting for another CPU is no fault of the code, but a schedule that cannot go on: the injector asked for it.
 * Both are reported with the two stacks. A trylock fails in either case, and a resilient lock gives up with the number
 * that Linux would give.
 */
import { ERRNO, InternalError, LockError, type LockHolder, type LockReport } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'
import type { Processors, TraceEntry } from './processors.ts'

/** EDEADLK and ETIMEDOUT of x86-64, negative. */
export const EDEADLK: number = -ERRNO.EDEADLK
export const ETIMEDOUT: number = -ERRNO.ETIMEDOUT

export class Locks {
  readonly processors: Processors
  readonly #steps: Steps
  // Locks held now, in the order in which they were taken: where, what, and how high the stack was.
  readonly #at: number[] = []
  readonly #names: string[] = []
  readonly #depths: number[] = []
  // How many: the lists keep their length, which costs less than push and pop.
  #count = 0
  /** The first report, after which the machine is as good as hung. */
  report: LockReport | undefined = undefined

  constructor(steps: Steps, processors: Processors) {
    this.#steps = steps
    this.processors = processors
  }

  /**
   * Takes the lock at this offset. @throws LockError where that would wait for ever, InternalError where its word says
   * so and nobody has taken it
   */
  lock(at: number, name: string): void {
    const word = this.#take(at, name)
    if (word === 0) return
    this.#tell('lock-contended', name, word)
    // Of what cannot go on, the first counts: whoever cleans up behind it finds the same lock taken.
    this.report ??= this.#stuck(at, name)
    throw new LockError(this.report)
  }

  tryLock(at: number, name: string): boolean {
    const word = this.#take(at, name)
    if (word !== 0) this.#tell('trylock-failed', name, word)
    return word === 0
  }

  /** How many locks are held now. */
  get holding(): number {
    return this.#count
  }

  /** The word that stood there: 0 where the lock is taken now. */
  #take(at: number, name: string): number {
    const word = this.#steps.compareExchange32(at, 0, this.processors.current.id + 1)
    if (word !== 0) return word
    const index = this.#count++
    this.#at[index] = at
    this.#names[index] = name
    this.#depths[index] = this.processors.trace.length
    return 0
  }

  /**
   * The queued lock that finds deadlocks (Linux 6.15): 0, -EDEADLK where this CPU holds the lock, -ETIMEDOUT where
   * another one holds it for as long as this one waits.
   */
  resilientLock(at: number, name: string): number {
    const word = this.#take(at, name)
    if (word === 0) return 0
    this.#tell('lock-contended', name, word)
    return word === this.processors.current.id + 1 ? EDEADLK : ETIMEDOUT
  }

  unlock(at: number): void {
    // First: who comes in before this step finds the lock taken, and wants to know by whom.
    this.#steps.store32(at, 0)
    const last = this.#count - 1
    if (last >= 0 && this.#at[last] === at) this.#count = last
    else this.#forget(this.#find(at))
  }

  /** Whether anybody holds it. */
  isLocked(at: number): boolean {
    return this.#steps.load32(at) !== 0
  }

  /** Locks that are held now. */
  get held(): readonly { readonly at: number; readonly name: string }[] {
    return this.#at.slice(0, this.#count).map((at, index) => ({ at, name: this.#names[index]! }))
  }

  /** Locks are mostly given up in the opposite order; this is for the others. */
  #forget(index: number): void {
    if (index < 0) throw new InternalError('a lock was given up that nobody holds')
    for (const list of [this.#at, this.#names, this.#depths]) list.splice(index, 1)
    this.#count--
  }

  /** Where in the lists a lock stands, taken last; -1 where nobody holds it. */
  #find(at: number): number {
    let index = this.#count - 1
    while (index >= 0 && this.#at[index] !== at) index--
    return index
  }

  #tell(kind: 'lock-contended' | 'trylock-failed', lock: string, word: number): void {
    const { events } = this.processors
    if (events.active) events.emit({ kind, lock, holder: word - 1 })
  }

  #stuck(at: number, name: string): LockReport {
    const { current, trace } = this.processors
    const holder = this.#steps.load32(at) - 1
    const index = this.#find(at)
    if (index < 0) throw new InternalError(`the word of ${name} is ${holder + 1}, and nobody holds the lock`)
    return {
      kind: holder === current.id ? 'deadlock' : 'impossible-schedule',
      lock: name,
      cpu: current.id,
      holder,
      // Whoever took it is still on the stack, and so is everybody below; below all is user space.
      held: heldBy(trace.slice(0, this.#depths[index]).map(holderOf), holder),
      wanted: trace.map(holderOf),
    }
  }
}

function holderOf({ cpu, context, what }: TraceEntry): LockHolder {
  return { cpu, context, what }
}

function heldBy(stack: readonly LockHolder[], cpu: number): readonly LockHolder[] {
  return stack.length > 0 ? stack : [{ cpu, context: 'task', what: 'user space' }]
}
