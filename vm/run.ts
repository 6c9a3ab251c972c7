/**
 * Running a program once or several times, as BPF_PROG_TEST_RUN does for syscall programs (Linux 6.18, observed): the
 * context is copied in, r1 is its address (NULL for an empty one), it is copied back afterwards.
 */
import type { Arena } from '../arena/arena.ts'
import { CONTEXTS } from '../cpu/cpu.ts'
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { Runnable } from './engine.ts'
import type { RunOptions, RunResult } from './options.ts'
import type { Services } from './services.ts'
import { type Hook, makeRunState, type RunState, refuel, STACK_BYTES } from './state.ts'

/** Largest context of a syscall program. */
const MAX_CONTEXT = 65_535

const DEFAULT_TIMEOUT_MS = 10_000

export interface RunEnvironment {
  readonly services: Services
  /** Milliseconds of the host. */
  readonly hostTime: () => number
  /** Offsets of stacks that nothing runs on. */
  readonly stacks: number[]
}

/** What a run must know of the program. */
export interface RunSubject {
  readonly name: string
  readonly arena: Arena | undefined
  /** Bytes of context that it may access. */
  readonly maxContext: number
  readonly text: (slot: number) => string
  readonly hook: Hook | undefined
}

/** Runs on one CPU, in the context asked for. @throws ErrnoError, FaultError (see Program.run) */
export function testRun(
  environment: RunEnvironment,
  runnable: Runnable,
  options: RunOptions,
  subject: RunSubject,
): RunResult {
  checkOptions(environment, options, subject)
  const { kernel, cpus } = environment.services
  const cpu = cpus[options.cpu ?? 0]!
  const ctx = options.ctx ?? new Uint8Array()
  // A context of no bytes is NULL.
  const ctxAt = ctx.length === 0 ? 0 : allocate(environment, ctx.length, PageOwner.CONTEXT, subject.name)
  const stack = environment.stacks.pop() ?? allocate(environment, STACK_BYTES, PageOwner.STACK, subject.name)
  kernel.memory.u8.set(ctx, ctxAt)
  try {
    const state = makeState(environment, options, subject, stack)
    const runs = (): RunResult => runRepeatedly(environment, runnable, options, state, ctxAt)
    const context = options.context ?? 'task'
    const result = context === cpu.context ? runs() : cpu.interrupt(context, runs)
    ctx.set(kernel.memory.u8.subarray(ctxAt, ctxAt + ctx.length))
    return result
  } finally {
    environment.stacks.push(stack)
    if (ctxAt !== 0) kernel.pages.freeBytes(ctxAt, ctx.length)
  }
}

function runRepeatedly(
  environment: RunEnvironment,
  runnable: Runnable,
  options: RunOptions,
  state: RunState,
  ctxAt: number,
): RunResult {
  const repeat = options.repeat ?? 1
  const args = ctxAt === 0 ? [] : [ctxAt | 0, KERNEL_HIGH]
  const start = environment.hostTime()
  for (let run = 0; run < repeat; run++) {
    // A short program never looks at the clock itself.
    if (run > 0) refuel(state, 0)
    runnable.run(state, args)
  }
  const ms = environment.hostTime() - start
  const r0 = toBigUint(state.regs[0]!, state.regs[1]!)
  return { retval: state.regs[0]! >>> 0, r0, durationNs: Math.round((ms * 1e6) / repeat) }
}

function makeState(environment: RunEnvironment, options: RunOptions, subject: RunSubject, stack: number): RunState {
  const { kernel } = environment.services
  const timeout = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  return makeRunState({
    program: subject.name,
    cpu: options.cpu ?? 0,
    kernel: kernel.memory,
    pages: kernel.pages,
    arena: subject.arena,
    stackTop: stack + STACK_BYTES,
    watch: {
      now: environment.hostTime,
      deadline: timeout === 0 ? Infinity : environment.hostTime() + timeout,
    },
    hook: subject.hook,
    text: subject.text,
  })
}

/** What BPF_PROG_TEST_RUN refuses, and what the types would not let through. */
function checkOptions({ services }: RunEnvironment, options: RunOptions, { name, maxContext }: RunSubject): void {
  const { cpu = 0, repeat = 1, timeoutMs = 0, context = 'task' } = options
  if (services.cpus[cpu] === undefined)
    throw new HarenaError(`there is no CPU ${cpu}: they are 0 to ${services.cpus.length - 1}`)
  if (!Number.isInteger(repeat) || repeat < 1) throw new HarenaError(`repeat is a count from 1, not ${repeat}`)
  if (!(timeoutMs >= 0)) throw new HarenaError(`timeoutMs is a number of milliseconds, not ${timeoutMs}`)
  if (!CONTEXTS.includes(context)) throw new HarenaError(`context is one of ${CONTEXTS.join(', ')}, not ${context}`)
  if (options.data !== undefined) throw new ErrnoError('EINVAL', `program ${name}: a syscall program takes no data`)
  const size = options.ctx?.length ?? 0
  if (size > MAX_CONTEXT) {
    throw new ErrnoError('EINVAL', `program ${name}: a context of ${size} bytes is over ${MAX_CONTEXT}`)
  }
  if (size < maxContext) {
    throw new ErrnoError('EINVAL', `program ${name}: it uses ${maxContext} bytes of context and gets ${size}`)
  }
}

function allocate({ services }: RunEnvironment, bytes: number, owner: PageOwner, name: string): number {
  const at = services.kernel.pages.allocBytes(bytes, owner)
  if (at === 0) throw new ErrnoError('ENOMEM', `program ${name}: no memory for ${bytes} bytes`)
  return at
}
