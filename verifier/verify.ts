/**
 * The verifier's entry: a program with its maps goes in, comes out checked and with what engines need to know, or is
 * refused with the kernel's message and log.
 */
import { VerifierError, type VerifierStats } from '../errors/errors.ts'
import { successors } from '../isa/cfg.ts'
import type { Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { type LoadableProgram, sealVerified, type VerifiedProgram } from '../program/loadable.ts'
import { PROGRAM_FLAGS, type ProgramType } from '../program/types.ts'
import { IdMap } from './compare.ts'
import { failureMessage, Rejection } from './errors.ts'
import { checkStackDepth, finishSubprograms, stackDepthText } from './fixup.ts'
import { LogBuffer, LogLevel, writeStatistics } from './log.ts'
import { textSink, writeFailure } from './log-events.ts'
import { refuseSpecialFields } from './memory-fields.ts'
import { type Prepared, prepare } from './prepare.ts'
import { StateTable } from './prune.ts'
import { Visits } from './scc.ts'
import { StackLiveness } from './stack-liveness.ts'
import { makeShared } from './state.ts'
import { type Transfer, transfer } from './transfer.ts'
import { walkGlobals, walkMain } from './walk.ts'
import type { Observer, Walk } from './walk-env.ts'

const TAIL_CALL = 12

export interface VerifyOptions {
  /** Bit mask as BPF_PROG_LOAD takes it: 1 failing path, 2 everything, 4 statistics. Default 1. */
  readonly logLevel?: number
  /** Helpers that engines have, by number: others are refused. Default: all. */
  readonly implementedHelpers?: ReadonlySet<number>
  /** kfuncs that engines have, by name: others are refused. Default: all. */
  readonly implementedKfuncs?: ReadonlySet<string>
  /** Program types that the machine runs: others are refused. Default: all that the verifier knows. */
  readonly implementedTypes?: ReadonlySet<ProgramType>
  /** CPUs of the machine, which bounds what bpf_get_smp_processor_id gives. Default 1. */
  readonly cpus?: number
  /** Is shown each state before the instruction it stands at is walked. */
  readonly observer?: Observer
  /** Is told now and then how many instructions were walked so far. */
  readonly progress?: (processed: number) => void
  /** False: no path is cut short by another, but where a loop ends by it. Default true. */
  readonly prune?: boolean
  /** Operations on scalars, when they are not to be the kernel's. */
  readonly transfer?: Transfer
  /** Write source lines into the log. Default false. */
  readonly sourceLines?: boolean
}

/** @throws VerifierError with errno, slot, message and log when the program is refused */
export function verify(program: LoadableProgram, options: VerifyOptions = {}): VerifiedProgram {
  const level = options.logLevel ?? 1
  const shown = level & (LogLevel.BASIC | LogLevel.DETAIL)
  if (shown !== LogLevel.BASIC || hasGlobals(program)) return attempt(program, options, new LogBuffer(level))
  // At level 1 nothing of an accepted program's walk stays in the log, and writing it takes far longer than the walk:
  // so it is written only when the program turns out to be refused.
  try {
    return attempt(program, options, new LogBuffer(level, { quiet: true }))
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error
    const { observer: _, ...rest } = options
    return attempt(program, rest, new LogBuffer(level))
  }
}

/** Global functions leave a line in the log of an accepted program. */
function hasGlobals(program: LoadableProgram): boolean {
  return program.subprograms.some(({ linkage, start }) => linkage === 'global' && start !== 0)
}

function attempt(program: LoadableProgram, options: VerifyOptions, log: LogBuffer): VerifiedProgram {
  let walk: Walk | undefined
  try {
    const { implementedTypes } = options
    const prepared = prepare(program, log, {
      sourceLines: options.sourceLines ?? false,
      ...(implementedTypes === undefined ? {} : { implementedTypes }),
    })
    for (const map of prepared.maps) refuseSpecialFields(map)
    walk = makeWalk(prepared, log, options)
    walkMain(walk)
    log.wipe()
    walkGlobals(walk, () => log.wipe())
    checkStackDepth(prepared, walk.stackDepths)
    return finish(walk, prepared, log)
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    throw refusal(program, error, log, walk)
  }
}

function finish(walk: Walk, prepared: Prepared, log: LogBuffer): VerifiedProgram {
  const subprograms = finishSubprograms(prepared, walk.stackDepths, walk.flags)
  const stats = statistics(walk, stackDepthText(subprograms, walk.flags))
  writeStatistics(log, stats)
  return sealVerified({
    program: prepared.program,
    access: walk.access,
    flags: walk.flags,
    subprograms,
    arena: prepared.arena,
    maxContext: walk.maxContext,
    log: log.text(),
    stats,
  })
}

function refusal(program: LoadableProgram, error: Rejection, log: LogBuffer, walk: Walk | undefined): VerifierError {
  const { failure } = error
  writeFailure(log, failure)
  const slot = walk?.current?.slot
  const stats = statistics(walk, walk === undefined ? '0' : walk.stackDepths.join('+'))
  writeStatistics(log, stats)
  return new VerifierError({
    program: program.name,
    errno: failure.errno,
    instruction: slot,
    reason: failureMessage(failure),
    log: log.text(),
    source: slot === undefined ? undefined : sourceOf(program, slot),
    stats,
  })
}

/** The source line that an instruction came from. */
function sourceOf(program: LoadableProgram, slot: Slot): VerifierError['source'] {
  let found: LoadableProgram['lines'][number] | undefined
  for (const line of program.lines)
    if (line.slot <= slot && (found === undefined || line.slot >= found.slot)) found = line
  return found === undefined ? undefined : { file: found.file, line: found.line, column: found.column }
}

function statistics(walk: Walk | undefined, stackDepth: string): VerifierStats {
  return {
    processed: walk?.processed ?? 0,
    maxStatesPerInsn: walk?.table.maxStatesPerInsn ?? 0,
    totalStates: walk?.table.totalStates ?? 0,
    peakStates: walk?.table.peakStates ?? 0,
    stackDepth,
  }
}

/** Everything that the walk starts with. */
function makeWalk(prepared: Prepared, log: LogBuffer, options: VerifyOptions): Walk {
  const { program } = prepared
  const { insns, flags } = program
  const sink = textSink(log, prepared.names)
  const detailed = (sink.level & 2) !== 0
  const subprogramAt = (start: Slot): number => prepared.subprogramOf[start]!
  return {
    prepared,
    insns,
    transfer: options.transfer ?? transfer,
    sink,
    shared: makeShared(),
    precision: {
      insns,
      sink,
      isGlobal: (start) => prepared.subprograms[subprogramAt(start)]!.linkage === 'global',
      callsCallback: (slot) => prepared.callsCallback[slot] === 1,
      isTailCall: (slot) => insns[slot]!.row.kind === Kind.CALL_HELPER && insns[slot]!.imm === TAIL_CALL,
    },
    liveness: new StackLiveness(livenessFlow(prepared), detailed ? sink.event : undefined),
    table: new StateTable(insns.length, new Visits((slot) => prepared.component[slot]!, sink), options.prune ?? true),
    ids: new IdMap(),
    observer: options.observer,
    progress: options.progress,
    strictAlignment: (flags & PROGRAM_FLAGS.strict_alignment) !== 0 && (flags & PROGRAM_FLAGS.any_alignment) === 0,
    testStateFrequency: (flags & PROGRAM_FLAGS.test_state_freq) !== 0,
    testInvariants: (flags & PROGRAM_FLAGS.test_reg_invariants) !== 0,
    implementedHelpers: options.implementedHelpers,
    implementedKfuncs: options.implementedKfuncs,
    cpus: options.cpus ?? 1,
    pending: [],
    entry: undefined,
    current: undefined,
    processed: 0,
    jumps: 0,
    access: new Uint8Array(insns.length),
    flags: new Uint8Array(insns.length),
    pointerTypes: new Int32Array(insns.length),
    stackDepths: new Int32Array(prepared.subprograms.length),
    maxContext: 0,
    calledGlobals: new Set(),
  }
}

/** The program's shape, as stack liveness needs it; successors are made when first asked for. */
function livenessFlow(prepared: Prepared): ConstructorParameters<typeof StackLiveness>[0] {
  const { cfg } = prepared
  const known: (readonly Slot[] | undefined)[] = []
  return {
    shape: (n) => {
      const { start, end } = prepared.subprograms[n]!
      return { start, end, postorder: prepared.postorders[n]! }
    },
    successors: (slot) => {
      known[slot] ??= successors(cfg, slot)
      return known[slot]!
    },
    isPrunePoint: (slot) => prepared.prunePoint[slot] === 1,
    callsCallback: (slot) => prepared.callsCallback[slot] === 1,
  }
}
