/**
 * A program injected before steps of whatever else a machine does:
 *
 *     step 1        step 2        step 3                  an instruction of a program, or an access of an allocator to
 *       |             |             |                     shared state (memory/steps.ts)
 *       └ at: 1       └ each ───────┘
 *
 * Of the CPU at work it is an interrupt, which comes only where the CPU takes it; on another CPU it is something that
 * happens meanwhile. It brings a stack and its context, as the allocators may be the ones that are interrupted.
 */
import { CONTEXTS, type Context, type Cpu } from '../cpu/cpu.ts'
import type { MachineStepKind } from '../cpu/inject.ts'
import { makeRandom, type Random, RandomStream } from '../cpu/random.ts'
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { Runnable } from './engine.ts'
import {
  allocateStack,
  checkContext,
  checkOptions,
  makeInput,
  type RunEnvironment,
  type RunSubject,
  runOnce,
} from './run.ts'
import type { RunInput } from './run-input.ts'

export interface InjectionOptions {
  /** Where it runs: one that the program type may run in. A `task` is another CPU's. */
  readonly context: Context
  /**
   * Before which steps, counted from 1 at the call of `inject`: one of them (or the first behind it at which the CPU
   * takes it), each at which the CPU takes it, or some of those.
   */
  readonly at: number | 'each' | 'random'
  /** With `random`: one step in so many, on average; from 1, default 16. */
  readonly oneIn?: number
  /** With `random`: what the choice follows from; default the machine's seed. */
  readonly seed?: number | bigint
  /** Default the CPU whose step it is. */
  readonly cpu?: number
  /** Which steps count; default both. */
  readonly steps?: 'instructions' | 'memory' | 'both'
  /**
   * Whether it also runs on another CPU while the one at work holds a lock; default false. Who waits for a lock of a
   * paused CPU cannot go on: a LockError of kind `impossible-schedule`.
   */
  readonly whileLocked?: boolean
  /** As for a run. All runs work on the same copy. */
  readonly ctx?: Uint8Array
  readonly data?: Uint8Array
}

/** A record, so that the compiler misses none. */
const OPTIONS: Readonly<Record<keyof InjectionOptions, true>> = {
  context: true,
  at: true,
  oneIn: true,
  seed: true,
  cpu: true,
  steps: true,
  whileLocked: true,
  ctx: true,
  data: true,
}

const STEPS = ['both', 'instructions', 'memory'] as const

/** Steps on average between two random injections. */
const ONE_IN = 16

export class Injection {
  /** Name of the program. */
  readonly program: string
  readonly options: InjectionOptions
  readonly #environment: RunEnvironment
  readonly #runnable: Runnable
  readonly #subject: RunSubject
  readonly #input: RunInput
  readonly #stack: number
  readonly #random: Random
  readonly #endWatch: () => void
  #runs = 0
  #steps = 0
  #refused = 0
  #running = false
  #state: 'live' | 'ended' | 'released' = 'live'

  /** For programs. @throws HarenaError, ErrnoError (see Program.inject) */
  constructor(environment: RunEnvironment, runnable: Runnable, subject: RunSubject, options: InjectionOptions) {
    const { steps } = environment
    if (steps === undefined) {
      throw new HarenaError(`program ${subject.name}: only a machine made with injection: true is injected into`)
    }
    checkInjection(environment, subject, options)
    this.program = subject.name
    this.options = options
    this.#environment = environment
    this.#runnable = runnable
    this.#subject = subject
    this.#random = makeRandom(BigInt(options.seed ?? environment.seed), RandomStream.INJECTION)
    // Set-up is nothing to interrupt: other injections do not see it.
    const [input, stack] = steps.quietly(() => takeRoom(environment, subject, options))
    this.#input = input
    this.#stack = stack
    this.#endWatch = steps.watch((kind) => this.#pass(kind))
    environment.injections.add(this)
  }

  /** Whether it was not ended yet. */
  get isLive(): boolean {
    return this.#state === 'live'
  }

  /** How often the program has run. */
  get runs(): number {
    return this.#runs
  }

  /** Steps that were counted. */
  get steps(): number {
    return this.#steps
  }

  /** Steps before which it was wanted and did not run: the CPU took no such interrupt, or held a lock. */
  get refused(): number {
    return this.#refused
  }

  /** The program does not run here any more. A second call does nothing. */
  end(): void {
    if (this.#state !== 'live') return
    this.#stop()
    this.#giveBack()
  }

  /** For machines that close: as `end`, and nothing is given back. */
  abandon(): void {
    if (this.#state === 'live') this.#stop()
    this.#state = 'released'
  }

  [Symbol.dispose](): void {
    this.end()
  }

  #stop(): void {
    this.#state = 'ended'
    this.#endWatch()
    this.#environment.injections.delete(this)
  }

  /** Only where it does not run: a listener of the host may end the injection that it was called from. */
  #giveBack(): void {
    if (this.#running || this.#state !== 'ended') return
    this.#state = 'released'
    this.#environment.stacks.push(this.#stack)
    this.#environment.steps?.quietly(() => this.#input.release())
  }

  #pass(kind: MachineStepKind): void {
    const { steps = 'both' } = this.options
    if (steps !== 'both' && steps !== (kind === 'memory' ? 'memory' : 'instructions')) return
    this.#steps++
    if (!this.#isWanted()) return
    const { processors } = this.#environment.services.kernel
    const cpu = processors.cpus[this.options.cpu ?? processors.current.id]!
    if (this.#mayRun(cpu)) this.#run(cpu)
    else this.#refused++
  }

  #isWanted(): boolean {
    const { at, oneIn = ONE_IN } = this.options
    if (at === 'each') return true
    // Drawn before every step, so that what is refused changes nothing later.
    return at === 'random' ? this.#random.below(oneIn) === 0 : this.#runs === 0 && this.#steps >= at
  }

  #mayRun(cpu: Cpu): boolean {
    const { processors, locks } = this.#environment.services.kernel
    const { context, whileLocked = false } = this.options
    if (cpu !== processors.current && locks.holding > 0 && !whileLocked) return false
    // The task of the CPU at work is what is being interrupted, user space's part of it too.
    return cpu.accepts(context) && (context !== 'task' || cpu !== processors.current)
  }

  #run(cpu: Cpu): void {
    const { processors } = this.#environment.services.kernel
    this.#runs++
    this.#running = true
    processors.enter(`injected before step ${this.#steps}`)
    try {
      runOnce(this.#environment, this.#runnable, this.#subject, this.#input, {
        cpu: cpu.id,
        context: this.options.context,
        stack: this.#stack,
      })
    } finally {
      processors.leave()
      this.#running = false
      this.#giveBack()
    }
  }
}

/** Context and stack of an injected program. @throws ErrnoError, nothing taken then */
function takeRoom(
  environment: RunEnvironment,
  subject: RunSubject,
  { ctx, data }: InjectionOptions,
): readonly [RunInput, number] {
  const given = { ...(ctx === undefined ? {} : { ctx }), ...(data === undefined ? {} : { data }) }
  const input = makeInput(environment, given, subject)
  try {
    return [input, environment.stacks.pop() ?? allocateStack(environment.services, subject.name)]
  } catch (error) {
    input.release()
    throw error
  }
}

/** @throws HarenaError for what the types would not let through, and for what cannot happen on this machine */
function checkInjection(environment: RunEnvironment, subject: RunSubject, options: InjectionOptions): void {
  const { name } = subject
  const { context, at, oneIn = ONE_IN, cpu, steps = 'both', seed = 1 } = options
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(OPTIONS, option)) continue
    const near = nearest(option, Object.keys(OPTIONS))
    const hint = near === undefined ? `; there are ${Object.keys(OPTIONS).join(', ')}` : `; did you mean ${near}?`
    throw new HarenaError(`program ${name}: an injection has no option ${option}${hint}`)
  }
  if (!CONTEXTS.includes(context)) throw new HarenaError(`context is one of ${CONTEXTS.join(', ')}, not ${context}`)
  checkOptions(environment, { context, ...(cpu === undefined ? {} : { cpu }) })
  checkContext(subject, context)
  if (at !== 'each' && at !== 'random' && !(Number.isSafeInteger(at) && at >= 1))
    throw new HarenaError(`program ${name}: at is a step from 1, each or random, not ${String(at)}`)
  if (!(Number.isInteger(oneIn) && oneIn >= 1 && oneIn <= 2 ** 32))
    throw new HarenaError(`program ${name}: oneIn is a number of steps from 1, not ${oneIn}`)
  if (at !== 'random' && options.oneIn !== undefined)
    throw new HarenaError(`program ${name}: oneIn goes with at: 'random', not with at: ${String(at)}`)
  if (!STEPS.includes(steps))
    throw new HarenaError(`program ${name}: steps is one of ${STEPS.join(', ')}, not ${String(steps)}`)
  if (typeof seed !== 'bigint' && !Number.isInteger(seed))
    throw new HarenaError(`program ${name}: seed is a whole number, not ${String(seed)}`)
  if (context === 'task' && cpu === undefined)
    throw new HarenaError(`program ${name}: a task interrupts nobody; name the other CPU that it runs on`)
}
