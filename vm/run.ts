/**
 * Running a program once or several times, as BPF_PROG_TEST_RUN does: context and packet are copied in, all runs work
 * on the same copy, what they left is copied out. What a program type makes of them is in run-syscall.ts, run-xdp.ts,
 * run-socket.ts and run-kprobe.ts. Attached programs (attachment.ts) run here too, once a hit.
 */
import type { Arena } from '../arena/arena.ts'
import type { Btf } from '../btf/types.ts'
import type { Running } from '../cpu/actor.ts'
import { CONTEXTS, type Context } from '../cpu/cpu.ts'
import type { MachineSteps } from '../cpu/inject.ts'
import type { Processors } from '../cpu/processors.ts'
import { ErrnoError, HarenaError, InternalError, type SourcePosition } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { toBigUint } from '../memory/int64.ts'
import { PROGRAM_FLAGS, type ProgramType } from '../program/types.ts'
import type { Attachment } from './attachment.ts'
import type { Runnable } from './engine.ts'
import type { Injection } from './injection.ts'
import type { RunOptions, RunResult } from './options.ts'
import type { RunInput } from './run-input.ts'
import { kprobeInput } from './run-kprobe.ts'
import { socketInput } from './run-socket.ts'
import { syscallInput } from './run-syscall.ts'
import { xdpInput } from './run-xdp.ts'
import type { Services } from './services.ts'
import { type Hook, makeRunState, type RunState, refuel, STACK_BYTES } from './state.ts'

const DEFAULT_TIMEOUT_MS = 10_000

/** Between two looks at the clock are more and more repeated runs, up to so many, as long as they take less than this. */
const LOOK_AGAIN_MS = 1
const MOST_RUNS_UNSEEN = 64

export interface RunEnvironment {
  readonly services: Services
  /** Milliseconds of the host. */
  readonly hostTime: () => number
  /** Offsets of stacks that nothing runs on. */
  readonly stacks: number[]
  /** Programs that are attached now. */
  readonly attachments: Set<Attachment>
  /** Of the machine's random numbers. */
  readonly seed: bigint
  /** The steps before which something may run; undefined on machines made without `injection`. */
  readonly steps: MachineSteps | undefined
  readonly injections: Set<Injection>
}

type MakeInput = (services: Services, options: RunOptions, name: string, maxContext: number) => RunInput

/** What the machine runs, and where. */
const RUNNABLE: Partial<Record<ProgramType, { readonly input: MakeInput; readonly contexts: readonly Context[] }>> = {
  syscall: { input: syscallInput, contexts: ['task'] },
  xdp: { input: xdpInput, contexts: ['task', 'softirq'] },
  socket: { input: socketInput, contexts: ['task', 'softirq'] },
  kprobe: { input: kprobeInput, contexts: CONTEXTS },
}

export const IMPLEMENTED_TYPES: ReadonlySet<ProgramType> = new Set(Object.keys(RUNNABLE) as ProgramType[])

/** True for the program types that harena runs. */
export function isRunnable(type: ProgramType): boolean {
  return RUNNABLE[type] !== undefined
}

/** What a run must know of the program. */
export interface RunSubject {
  readonly name: string
  readonly type: ProgramType
  /** PROGRAM_FLAGS, or-ed. */
  readonly flags: number
  readonly btf: Btf | undefined
  readonly arena: Arena | undefined
  /** Bytes of context that it may access. */
  readonly maxContext: number
  /** Nothing has verified it. */
  readonly unchecked: boolean
  readonly text: (slot: number) => string
  readonly source: (slot: number) => SourcePosition | undefined
  readonly hook: Hook | undefined
}

/** Runs on one CPU, in the context asked for. @throws ErrnoError, FaultError (see Program.run) */
export function testRun(
  environment: RunEnvironment,
  runnable: Runnable,
  options: RunOptions,
  subject: RunSubject,
): RunResult {
  checkOptions(environment, options)
  const { context = 'task', cpu = 0 } = options
  checkContext(subject, context)
  const input = aside(environment, () => makeInput(environment, options, subject))
  try {
    const stack = aside(
      environment,
      () => environment.stacks.pop() ?? allocateStack(environment.services, subject.name),
    )
    try {
      const state = makeState(environment, options, subject, input, stack)
      const runs = (): RunResult => runRepeatedly(environment, runnable, options, state, input)
      const sleepable = isSleepable(subject)
      const place = { cpu, context, what: `program ${subject.name}`, sleepable, running: state }
      const result = onCpu(environment.services.kernel.processors, place, runs)
      if (result.ctx !== undefined) options.ctx?.set(result.ctx.subarray(0, options.ctx.length))
      return result
    } finally {
      environment.stacks.push(stack)
    }
  } finally {
    aside(environment, () => input.release())
  }
}

/** What a run needs is there on Linux, or taken where nobody can come in: none of its steps. */
function aside<T>({ steps }: RunEnvironment, work: () => T): T {
  return steps === undefined ? work() : steps.quietly(work)
}

/** Context and packet of a program, copied in. @throws ErrnoError (see Program.run) */
export function makeInput({ services }: RunEnvironment, options: RunOptions, subject: RunSubject): RunInput {
  return kindOf(subject).input(services, options, subject.name, subject.maxContext)
}

function kindOf({ type }: RunSubject): { readonly input: MakeInput; readonly contexts: readonly Context[] } {
  const kind = RUNNABLE[type]
  if (kind === undefined) throw new InternalError(`a ${type} program was made runnable`)
  return kind
}

/** Where an attached or injected program runs, and on which stack. */
export interface HitPlace {
  readonly cpu: number
  readonly context: Context
  readonly stack: number
}

/** Runs an attached or injected program once. @throws FaultError, LockError: the machine is then as whoever passed left it */
export function runOnce(
  environment: RunEnvironment,
  runnable: Runnable,
  subject: RunSubject,
  input: RunInput,
  { cpu, context, stack }: HitPlace,
): void {
  const state = makeState(environment, { cpu }, subject, input, stack)
  const place = { cpu, context, what: `program ${subject.name}`, sleepable: isSleepable(subject), running: state }
  const { processors } = environment.services.kernel
  onCpu(processors, place, () => execute(processors, runnable, state, input))
}

/** Syscall programs are, without saying so. */
function isSleepable({ type, flags }: RunSubject): boolean {
  return type === 'syscall' || (flags & PROGRAM_FLAGS.sleepable) !== 0
}

/** Where a program runs, and as what. */
interface Place {
  readonly cpu: number
  readonly context: Context
  readonly what: string
  readonly sleepable: boolean
  readonly running: Running
}

/**
 * Programs are readers, sleepable ones of tasks-trace: no grace period ends while one runs that was there at its
 * start. Leaving is a quiescent state of the CPU. Interrupts, preemption and readers are then as they were: a program
 * that faulted or ran out of time has left its sections open.
 */
function onCpu<T>(processors: Processors, { cpu: id, context, what, sleepable, running }: Place, runs: () => T): T {
  const periods = sleepable ? processors.tasksTrace : processors.rcu
  const cpu = processors.cpus[id]!
  const work = (): T => {
    const { irqsOff, preemptOff } = cpu
    const readers = processors.rcu.nesting(id)
    periods.enter(id)
    try {
      return runs()
    } finally {
      if (sleepable) periods.leave(id)
      while (processors.rcu.nesting(id) > readers) processors.rcu.leave(id)
      cpu.preemptOff = preemptOff
      // Interrupts last: what waits for them runs now.
      cpu.irqRestore(irqsOff)
    }
  }
  const { current } = processors
  // A program at an attach point; or a listener of the host that runs a program while another one is at work: as if
  // the other one had called it.
  if (current.id === id && current.busy > 0 && current.context === context) {
    processors.enter(what, running)
    try {
      return work()
    } finally {
      processors.leave()
    }
  }
  return processors.run(id, context, what, work, running)
}

function runRepeatedly(
  environment: RunEnvironment,
  runnable: Runnable,
  options: RunOptions,
  state: RunState,
  input: RunInput,
): RunResult {
  const repeat = options.repeat ?? 1
  const start = environment.hostTime()
  state.seen = start
  let [every, next] = [1, 1]
  for (let run = 0; run < repeat; run++) {
    if (run === next) {
      // A short program never looks at the clock itself. The shorter it is the more a look costs, and the less it says.
      const { seen } = state
      refuel(state, 0)
      every = state.seen - seen < LOOK_AGAIN_MS ? Math.min(2 * every, MOST_RUNS_UNSEEN) : 1
      next += every
    }
    execute(environment.services.kernel.processors, runnable, state, input)
  }
  const ms = environment.hostTime() - start
  const r0 = toBigUint(state.r0Low, state.r0High)
  return { retval: state.r0Low >>> 0, r0, durationNs: Math.round((ms * 1e6) / repeat), ...input.results() }
}

/** From the first instruction to the exit. */
function execute({ events }: Processors, runnable: Runnable, state: RunState, { args }: RunInput): void {
  if (!events.active) {
    runnable.run(state, args)
    return
  }
  const { program } = state
  let completed = false
  events.emit({ kind: 'program-start', program })
  try {
    runnable.run(state, args)
    completed = true
  } finally {
    events.emit({ kind: 'program-end', program, completed })
  }
}

function makeState(
  environment: RunEnvironment,
  options: RunOptions,
  subject: RunSubject,
  input: RunInput,
  stack: number,
): RunState {
  const { kernel } = environment.services
  if (subject.unchecked) kernel.integrity.unchecked.add(subject.name)
  const timeout = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const { progress } = options
  const start = environment.hostTime()
  return makeRunState({
    program: subject.name,
    btf: subject.btf,
    sleepable: isSleepable(subject),
    cpu: options.cpu ?? 0,
    kernel: kernel.memory,
    pages: kernel.pages,
    check: kernel.accessCheck,
    arena: subject.arena,
    packet: input.packet,
    context: input.context,
    stackTop: stack + STACK_BYTES,
    watch: {
      now: environment.hostTime,
      deadline: timeout === 0 ? Infinity : start + timeout,
      progress: progress === undefined ? undefined : (now) => progress(now - start),
    },
    hook: withSteps(environment, subject.hook),
    text: subject.text,
    source: subject.source,
  })
}

/** The hook of a run, with what is injected before instructions; for as long as anything is. */
function withSteps({ steps }: RunEnvironment, hook: Hook | undefined): Hook | undefined {
  if (steps === undefined || !steps.counts) return hook
  return (slot, state) => {
    hook?.(slot, state)
    // There is no step behind the exit.
    if (slot >= 0) steps.pass('instruction')
  }
}

/** What the types would not let through. */
export function checkOptions({ services }: RunEnvironment, options: RunOptions): void {
  const { cpu = 0, repeat = 1, timeoutMs = 0, context = 'task' } = options
  if (services.cpus[cpu] === undefined)
    throw new HarenaError(`there is no CPU ${cpu}: they are 0 to ${services.cpus.length - 1}`)
  if (!Number.isInteger(repeat) || repeat < 1) throw new HarenaError(`repeat is a count from 1, not ${repeat}`)
  if (!(timeoutMs >= 0)) throw new HarenaError(`timeoutMs is a number of milliseconds, not ${timeoutMs}`)
  if (!CONTEXTS.includes(context)) throw new HarenaError(`context is one of ${CONTEXTS.join(', ')}, not ${context}`)
}

/** Programs that may sleep do so in tasks; packets are worked on in softirq, and in a task for a test. */
export function checkContext(subject: RunSubject, context: Context): void {
  const { name, type, flags } = subject
  const contexts = isSleepable(subject) ? (['task'] as const) : kindOf(subject).contexts
  if (contexts.includes(context)) return
  const where = contexts.length === 1 ? `${contexts[0]} context only` : `${contexts.join(' or ')} context`
  const what = (flags & PROGRAM_FLAGS.sleepable) !== 0 && type !== 'syscall' ? `sleepable ${type}` : type
  throw new HarenaError(`program ${name}: ${what} programs run in ${where}, not in ${context}`)
}

/** Memory for a stack; it goes on `stacks` afterwards. @throws ErrnoError ENOMEM */
export function allocateStack(services: Services, name: string): number {
  const at = services.kernel.pages.allocBytes(STACK_BYTES, PageOwner.STACK)
  if (at === 0) throw new ErrnoError('ENOMEM', `program ${name}: no memory for ${STACK_BYTES} bytes`)
  return at
}
