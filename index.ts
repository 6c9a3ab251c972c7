/**
 * harena: assemble, verify and run BPF programs, with arenas, in user space.
 *
 *     assemble(text) -> ObjectSpec --machine.load--> LoadedObject --program(name).run()--> result
 *                                                          \--map(name).mmap()--> the arena as user space sees it
 */

import { jit } from './jit/engine.ts'
import type { MapAttributes } from './maps/map.ts'
import type { ObjectSpec } from './program/object.ts'
import { verify } from './verifier/verify.ts'
import type { ProgramImage } from './vm/bind.ts'
import { runConformance as runVector } from './vm/conformance.ts'
import type { Engine, EngineName } from './vm/engine.ts'
import { Engines, warnOnConsole } from './vm/engines.ts'
import { interpreter } from './vm/interpreter-engine.ts'
import type { LoadedObject } from './vm/loaded-object.ts'
import { MachineCore } from './vm/machine.ts'
import type { MapHandle } from './vm/map-handle.ts'
import type { LoadOptions, MachineListeners, MachineOptions, MachineStatistics } from './vm/options.ts'
import type { Program } from './vm/program.ts'
import type { Watch } from './vm/state.ts'

/** The first that the host can run is the default. */
const ENGINES: readonly Engine[] = [jit, interpreter]

/** A whole simulated kernel: memory, CPUs, allocators, clock, maps and programs. Nothing of it is shared with others. */
export class Machine {
  readonly #core: MachineCore

  /** @throws HarenaError for options that cannot be, and where the address space is used up */
  constructor(options: MachineOptions = {}) {
    this.#core = new MachineCore(options, { verify, engines: ENGINES })
  }

  /**
   * Creates the object's maps, maps its arenas into user space, verifies its programs and gets them ready to run.
   * @throws VerifierError for the first program that is rejected; ErrnoError for a map that Linux would not create
   */
  load(object: ObjectSpec, options?: LoadOptions): LoadedObject {
    return this.#core.load(object, options)
  }

  /**
   * As `load`, with the translation of the programs made by other threads of the host where it has some. Programs with
   * loops start in code that is only optimised as it runs, where `load` has it optimised before their first run.
   */
  loadAsync(object: ObjectSpec, options?: LoadOptions): Promise<LoadedObject> {
    return this.#core.loadAsync(object, options)
  }

  /** Creates a map, as BPF_MAP_CREATE. An arena is mapped nowhere until its `mmap` says where. @throws ErrnoError */
  createMap(attributes: MapAttributes): MapHandle {
    return this.#core.createMap(attributes)
  }

  /** Loads one linked program, or raw instructions, as BPF_PROG_LOAD; `maps` are those that it names. */
  loadProgram(image: ProgramImage, maps?: ReadonlyMap<string, MapHandle>, options?: LoadOptions): Program {
    return this.#core.loadProgram(image, maps, options)
  }

  /**
   * Calls `listener` for what `about` names: `output`, each line that programs print; `event`, everything that happens
   * inside; `report`, misuse of memory (policy `debug`), and its limit. Returns what takes it away again.
   */
  on<About extends keyof MachineListeners>(about: About, listener: MachineListeners[About]): () => void {
    return this.#core.on(about, listener)
  }

  /** What runs programs: `jit`, or `interpreter`. */
  get engine(): EngineName {
    return this.#core.engine
  }

  /** Whether the policy `debug` is on. */
  get isDebugging(): boolean {
    return this.#core.isDebugging
  }

  /** Lets the virtual clock go on by so many nanoseconds. */
  advance(ns: number | bigint): void {
    this.#core.advance(ns)
  }

  /** Lets everything that is due happen. */
  settle(): void {
    this.#core.settle()
  }

  /** What the allocators hold now: pages by owner, caches by CPU and size, grace periods. */
  statistics(): MachineStatistics {
    return this.#core.statistics()
  }

  /** Gives all memory back; a second call does nothing. Handles of a closed machine say that it is closed. */
  close(): void {
    this.#core.close()
  }

  [Symbol.dispose](): void {
    this.#core.close()
  }
}

export interface ConformanceOptions {
  /** What runs it; default `jit` where the host can. */
  readonly engine?: EngineName | undefined
  /** Default: ten seconds of the host's clock. */
  readonly watch?: Watch
  /** Takes a line when the default engine cannot run it; default console.warn. */
  readonly warn?: (line: string) => void
}

/**
 * Runs a raw program on its own, with r1 the address of `memory` and r2 its length, as the bpf_conformance suite wants
 * it, and gives r0 (unsigned) at the exit. Not verified.
 * @throws RangeError when the bytes are no whole number of instructions, InvalidProgramError when they are no
 * well-formed program, FaultError when the program leaves its memory or runs out of time
 */
export function runConformance(program: Uint8Array, memory: Uint8Array, options: ConformanceOptions = {}): bigint {
  const { engine, watch, warn } = options
  const { main } = new Engines(ENGINES, engine, warn ?? warnOnConsole)
  return runVector(program, memory, { engine: main, ...(watch === undefined ? {} : { watch }) })
}

export type { Arena } from './arena/arena.ts'
export type { ArenaMapping } from './arena/mapping.ts'
export type { MapRequest } from './arena/mmap.ts'
export { UserProcess } from './arena/process.ts'
export { type AssembleOptions, assemble } from './asm/assemble.ts'
export type { Btf, BtfMember, BtfType } from './btf/types.ts'
export type { Actor } from './cpu/actor.ts'
export type { Context } from './cpu/cpu.ts'
export type { EventDetail, EventListener, EventPlace, MachineEvent } from './cpu/events.ts'
export { ATTACH_POINTS, type AttachPointName } from './cpu/points.ts'
export {
  AssemblyError,
  CorruptionError,
  type Diagnostic,
  type Errno,
  ErrnoError,
  FaultError,
  HarenaError,
  InternalError,
  LockError,
  type LockHolder,
  type LockReport,
  renderDiagnostic,
  SegmentationFault,
  type SourcePosition,
  VerifierError,
} from './errors/errors.ts'
export { kernelText } from './isa/disasm-kernel.ts'
export { type DisassembleOptions, disassemble, type Syntax } from './isa/disassemble.ts'
export { decode, encode, type Instruction, type Slot } from './isa/instruction.ts'
export { firstFlaw, renderFlaw } from './isa/validate.ts'
export { type Batch, BatchError, type BatchOptions } from './maps/user.ts'
export type { Data, Value } from './maps/values.ts'
export type { GroupStatistics } from './memalloc/group.ts'
export {
  type DebugReport,
  type DebugReportKind,
  type Holder,
  type MemoryReport,
  type OutOfMemoryReport,
  type ReportListener,
  renderReport,
} from './memalloc/reports.ts'
export type { MemCacheStatistics, MemoryStatistics } from './memalloc/statistics.ts'
export type { HugePages } from './memory/pool.ts'
export { helperById, helperNamed } from './program/helpers.ts'
export { kfuncById, kfuncNamed } from './program/kfuncs.ts'
export { LinkError, link, linkRaw } from './program/link.ts'
export type { LinkedProgram, LoadableProgram, MapInfo, VerifiedProgram } from './program/loadable.ts'
export type {
  FunctionSpec,
  GlobalSpec,
  LineInfo,
  MapSpec,
  ObjectSpec,
  ParameterSpec,
  ProgramSpec,
  Reference,
} from './program/object.ts'
export type { MapFlag, MapType, ProgramFlag, ProgramType } from './program/types.ts'
export { MAP_FLAGS, MAP_TYPES, PROGRAM_FLAGS, PROGRAM_TYPES, packetVerdict, XDP_ACTIONS } from './program/types.ts'
export type { Attachment } from './vm/attachment.ts'
export type { ProgramImage } from './vm/bind.ts'
export type { EngineName, Translation } from './vm/engine.ts'
export type { Global } from './vm/global.ts'
export type { Injection, InjectionOptions } from './vm/injection.ts'
export { InvalidProgramError } from './vm/invalid-program.ts'
export type { LoadedObject } from './vm/loaded-object.ts'
export type { MapHandle } from './vm/map-handle.ts'
export {
  type LoadOptions,
  type MachineListeners,
  type MachineOptions,
  type MachinePolicies,
  type MachineStatistics,
  POLICIES,
  type PolicySpec,
  type RunOptions,
  type RunResult,
} from './vm/options.ts'
export type { Program } from './vm/program.ts'
export type { Hook, RunState, Watch } from './vm/state.ts'
export type { MapAttributes }
