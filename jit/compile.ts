/**
 * A program as a WebAssembly module: memories and natives imported, a function for each function of the program, and
 * `run`, which takes registers from the run area and leaves them there.
 *
 *     run area, in kernel memory:   r0 … r10, eight bytes each | slot of the last call
 *
 * Natives (vm/helpers.ts, vm/kfuncs.ts) find their arguments there, as from the interpreter, so there is one of each.
 */
import { InternalError } from '../errors/errors.ts'
import { basicBlocks, blocksFrom } from '../isa/blocks.ts'
import { buildCfg, type Cfg, subprogramStarts } from '../isa/cfg.ts'
import { Kind } from '../isa/table.ts'
import type { ClassLayout } from '../memalloc/class-layout.ts'
import { Access, type LoadableProgram } from '../program/loadable.ts'
import type { Services } from '../vm/services.ts'
import type { PieceSizes } from './chunks.ts'
import { ExactAccess } from './exact.ts'
import { compileFunction, type FunctionTarget } from './function-compiler.ts'
import { importMemories, type Memories } from './memories.ts'
import { type FunctionPlan, planFunction } from './plan.ts'
import { importRuntime, type RuntimeContext } from './runtime/host.ts'
import { Runtime } from './runtime/runtime.ts'
import { FunctionValues } from './values.ts'
import { type ModuleFunction, WasmModule } from './wasm/module.ts'
import { I32, I64, type ValueType, Wasm } from './wasm/opcodes.ts'

/** What is compiled. */
export interface CompileInput {
  readonly program: LoadableProgram
  /** Access, by slot; undefined for an unchecked program. */
  readonly access: Uint8Array | undefined
  /** SlotFlag, by slot; undefined for an unchecked program. */
  readonly flags: Uint8Array | undefined
  /** Upper half of the arena's user addresses; 0 with BPF_F_NO_USER_CONV or without an arena. */
  readonly userHigh: number
  /** Offset of the arena's page table in kernel memory; undefined without an arena. */
  readonly pageTable: number | undefined
  /** The machine's, for what the module does without its natives; undefined where it is to do nothing so. */
  readonly services?: Services | undefined
  /** Whether the memories are shared. */
  readonly shared: boolean
  /** Whether the exported global `exact` counts the accesses to the arena that leave the fast path; default no. */
  readonly countExact?: boolean
  /** How long functions are split; default PIECE_SIZES. */
  readonly pieces?: PieceSizes
}

/** A native that the program calls, in the order of the imports. */
export interface NativeUse {
  readonly kind: 'helper' | 'kfunc'
  readonly id: number
  readonly name: string
}

export interface Compiled {
  /** Size classes that the module allocates from. */
  readonly classes: Iterable<ClassLayout>
  readonly module: WasmModule
  readonly natives: readonly NativeUse[]
  /** A jump goes back: a single run may be long. */
  readonly loops: boolean
}

/** Where the run area has the slot of a call. */
export const SLOT_OFFSET = 88

/** Bytes of a run area. */
export const RUN_AREA_BYTES = 128

/** Fuel between two looks at the clock: calls, and rounds of unchecked loops. */
export const FUEL_BATCH = 65_536

/** Imported functions that are the engine's own. */
export interface HostFunctions {
  /** Looks at the clock. Throws when the time is up. */
  readonly tick: number
  /** LD_ABS and LD_IND: (at, bytes) -> whether the packet has it; the value in r0 of the run area. */
  readonly packet: number
  /** Executes the instruction at a slot on the registers of the run area, checked. */
  readonly checked: number
  /** Unchecked calls: (slot) enters a frame, and faults when there are too many. */
  readonly enter: number
  readonly leave: number
  /** Unchecked calls through a register: (slot, register) -> slot of the function; -1 when a helper was called. */
  readonly callx: number
  /** Faults: nothing is at this slot that could be executed. */
  readonly trap: number
}

/** Indices of globals. */
export interface Handover {
  /** r0 to r9. */
  readonly registers: readonly number[]
  /** What may_goto has left: see Emitter. */
  readonly left: number
}

/** What the functions of one module share. */
export interface ModuleContext {
  readonly input: CompileInput
  readonly module: WasmModule
  readonly memories: Memories
  readonly host: HostFunctions
  /** Index of the import of each native, by kind and number. */
  readonly native: (kind: NativeUse['kind'], id: number) => number
  readonly exact: ExactAccess
  /** What answers calls of helpers and kfuncs without the host; undefined where nothing does. */
  readonly runtime: Runtime | undefined
  /** Function that starts at a slot. */
  readonly target: (slot: number) => FunctionTarget
  /** All functions of the program, by their first slot. */
  readonly targets: ReadonlyMap<number, FunctionTarget>
  /** Index of the function that unchecked calls through registers go through; made when it is first asked for. */
  readonly dispatcher: () => number
  /** What is known of registers in a function: found once, for all its pieces and for every call that it replaces. */
  readonly values: (plan: FunctionPlan) => FunctionValues
  /** Globals through which pieces of a function hand registers on; made when they are first asked for. */
  readonly handover: () => Handover
  /** Globals: offset of the run area, and what is left until the clock is looked at. */
  readonly area: number
  readonly fuel: number
}

const NOTHING: { readonly params: readonly ValueType[]; readonly results: readonly ValueType[] } = {
  params: [],
  results: [],
}

export function compileProgram(input: CompileInput): Compiled {
  const module = new WasmModule()
  const cfg = buildCfg(input.program.insns)
  const plans = planFunctions(input, cfg)
  const memories = importMemories(module, input, plans.values())
  const natives = nativesOf(input)
  const imports = new Map(
    natives.map(({ kind, id, name }) => [`${kind} ${id}`, module.importFunction(kind, name, NOTHING)]),
  )
  const host = importHost(module, input)
  const imported = callsRuntime(input, natives) ? importRuntime(module) : undefined
  const area = module.global('area', I32)
  const fuel = module.global('fuel', I32)
  const counter = input.countExact === true ? module.global('exact', I32) : undefined
  const targets = declareFunctions(module, input, plans)
  const values = new Map<FunctionPlan, FunctionValues>()
  let handover: Handover | undefined
  let dispatcher: ModuleFunction | undefined
  const context: ModuleContext = {
    input,
    module,
    memories,
    host,
    native: (kind, id) => {
      const index = imports.get(`${kind} ${id}`)
      if (index === undefined) throw new InternalError(`${kind} ${id} was not imported`)
      return index
    },
    exact: new ExactAccess(module, memories, input.pageTable ?? 0, counter),
    runtime: imported && makeRuntime(input, { module, memory: memories.kernel, imports: imported, area }),
    target: (slot) => {
      const target = targets.get(slot)
      if (target === undefined) throw new InternalError(`no function starts at slot ${slot}`)
      return target
    },
    targets,
    values: (plan) => {
      const found = values.get(plan) ?? new FunctionValues(input, plan.graph)
      values.set(plan, found)
      return found
    },
    dispatcher: () => {
      dispatcher ??= makeDispatcher(module, targets)
      return dispatcher.index
    },
    handover: () => (handover ??= makeHandover(module)),
    area,
    fuel,
  }
  for (const target of targets.values()) target.declared.body = compileFunction(context, target)
  module.exportFunction('run', entryPoint(context))
  module.exportGlobal('area', area)
  module.exportGlobal('fuel', fuel)
  if (counter !== undefined) module.exportGlobal('exact', counter)
  return {
    module,
    natives,
    classes: context.runtime?.classes ?? [],
    loops: cfg.branch.some((to, slot) => to >= 0 && to <= slot),
  }
}

/** What the program cannot need is not imported, and has no index. */
function importHost(module: WasmModule, { program, access }: CompileInput): HostFunctions {
  const NONE = -1
  const unchecked = access === undefined
  const loadsPacket = program.insns.some(({ row }) => row.kind === Kind.LD_ABS || row.kind === Kind.LD_IND)
  const take = (wanted: boolean, name: string, params: readonly ValueType[], results: readonly ValueType[]): number =>
    wanted ? module.importFunction('host', name, { params, results }) : NONE
  return {
    tick: take(true, 'tick', [], []),
    packet: take(loadsPacket, 'packet', [I32, I32], [I32]),
    checked: take(unchecked || access.includes(Access.CHECKED), 'checked', [I32], []),
    enter: take(unchecked, 'enter', [I32], []),
    leave: take(unchecked, 'leave', [], []),
    callx: take(unchecked, 'callx', [I32, I32], [I32]),
    trap: take(true, 'trap', [I32], []),
  }
}

/** (what an unchecked function takes, slot of a function) -> what it gives. The function is found by halving. */
function makeDispatcher(module: WasmModule, targets: ReadonlyMap<number, FunctionTarget>): ModuleFunction {
  const all = [...targets]
  const { params, results } = all[0]![1].declared.signature
  return module.define('callx', { params: [...params, I32], results }, (w) => {
    const find = (from: number, to: number): void => {
      if (to - from === 1) {
        params.forEach((_, param) => {
          w.get(param)
        })
        w.call(all[from]![1].declared.index)
        w.op(Wasm.RETURN)
        return
      }
      const middle = (from + to) >> 1
      w.get(params.length)
      w.i32(all[middle]![0])
      w.op(Wasm.I32_LT_U)
      w.if()
      find(from, middle)
      w.else()
      find(middle, to)
      w.end()
    }
    find(0, all.length)
    w.op(Wasm.UNREACHABLE)
  })
}

function makeHandover(module: WasmModule): Handover {
  const registers = Array.from({ length: 10 }, (_, n) => module.global(`r${n}`, I64))
  return { registers, left: module.global('left', I32) }
}

/** Whether there may be calls that the module answers itself. In debug mode natives look at everything. */
function callsRuntime({ services, access }: CompileInput, natives: readonly NativeUse[]): boolean {
  return (
    services !== undefined && services.kernel.slab.debug === undefined && access !== undefined && natives.length > 0
  )
}

function makeRuntime({ services }: CompileInput, parts: Omit<RuntimeContext, 'cpus'>): Runtime | undefined {
  return services && new Runtime(services, { ...parts, cpus: services.cpus.length })
}

/** Every native that is called, once. */
function nativesOf({ program, flags }: CompileInput): NativeUse[] {
  const found = new Map<string, NativeUse>()
  program.insns.forEach((_, slot) => {
    if (flags !== undefined && flags[slot] === 0) return
    const use = nativeAt(program, slot)
    if (use !== undefined) found.set(`${use.kind} ${use.id}`, use)
  })
  return [...found.values()]
}

/** The native that the call at `slot` leads to. */
export function nativeAt(program: LoadableProgram, slot: number): NativeUse | undefined {
  const insn = program.insns[slot]!
  if (insn.row.kind === Kind.CALL_HELPER) return { kind: 'helper', id: insn.imm, name: `${insn.imm}` }
  if (insn.row.kind !== Kind.CALL_KFUNC) return undefined
  const binding = program.bindings.get(slot)
  const id = binding?.kind === 'kfunc' ? binding.prototype.id : insn.imm
  return { kind: 'kfunc', id, name: `${id}` }
}

/** The program's functions by their first slots: where it starts, and what calls lead to. */
function planFunctions(input: CompileInput, cfg: Cfg): ReadonlyMap<number, FunctionPlan> {
  const { insns } = input.program
  const { flags } = input
  const starts = subprogramStarts(insns, (slot) => flags === undefined || flags[slot] !== 0)
  const pagesAfter = new Uint16Array(insns.length)
  const blocks = basicBlocks(cfg, starts)
  const at = new Map(blocks.map(({ start }, index) => [start, index]))
  return new Map(
    starts.map((start) => [start, planFunction(input, blocksFrom(blocks, at.get(start)!), start, pagesAfter)]),
  )
}

function declareFunctions(
  module: WasmModule,
  input: CompileInput,
  plans: ReadonlyMap<number, FunctionPlan>,
): ReadonlyMap<number, FunctionTarget> {
  const names = new Map(input.program.subprograms.map(({ start, name }) => [start as number, name]))
  return new Map(
    [...plans].map(([start, plan]) => [
      start,
      { plan, declared: module.declare(names.get(start) ?? `fn_${start}`, signatureOf(input, plan)) },
    ]),
  )
}

/**
 * A verified function takes its frame and the arguments that it reads, and gives r0. One that nobody has checked may
 * read what its caller had in any register, and leaves r0 to r5 to it.
 */
function signatureOf({ access }: CompileInput, { params }: FunctionPlan): ModuleFunction['signature'] {
  if (access === undefined) return { params: [I32, ...wide(10)], results: wide(6) }
  const count = [1, 2, 3, 4, 5].filter((n) => (params & (1 << n)) !== 0).length
  return { params: [I32, ...wide(count)], results: [I64] }
}

function wide(count: number): ValueType[] {
  return Array.from({ length: count }, (): ValueType => I64)
}

/**
 * `run(area, frame)`: frame is the lowest address of the program's own stack frame. A program may be entered again
 * while it runs, so the area of the run below is kept; where the run ends by an exception the host puts it back.
 */
function entryPoint({ module, memories, area, fuel, target, input }: ModuleContext): ModuleFunction {
  const { plan, declared } = target(0)
  return module.define('run', { params: [I32, I32], results: [] }, (w) => {
    const unchecked = input.access === undefined
    const below = w.local(I32)
    w.globalGet(area)
    w.set(below)
    w.get(0)
    w.globalSet(area)
    w.i32(FUEL_BATCH)
    w.globalSet(fuel)
    if (!unchecked) w.get(0)
    w.get(1)
    for (let n = unchecked ? 0 : 1; n <= (unchecked ? 9 : 5); n++) {
      if (!unchecked && (plan.params & (1 << n)) === 0) continue
      w.get(0)
      w.access(Wasm.I64_LOAD, memories.kernel, 8 * n, true)
    }
    w.call(declared.index)
    if (unchecked) {
      const value = w.local(I64)
      for (let n = 5; n >= 0; n--) {
        w.set(value)
        w.get(0)
        w.get(value)
        w.access(Wasm.I64_STORE, memories.kernel, 8 * n, true)
      }
    } else w.access(Wasm.I64_STORE, memories.kernel, 0, true)
    w.get(below)
    w.globalSet(area)
  })
}
