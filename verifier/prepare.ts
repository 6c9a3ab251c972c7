/**
 * Everything that is found out about a program before the walk, in the kernel's order: of two faults the one that an
 * earlier step finds is reported.
 *
 *     functions, kfuncs -> jump ranges -> LD_IMM64 and opcodes -> graph -> program type -> components -> live registers
 *
 * Not done here: the removal of spills around fastcall helpers, which only shortens the program and its stack.
 */
import { buildCfg, type Cfg, components, postorder } from '../isa/cfg.ts'
import { kernelText } from '../isa/disasm-kernel.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { contextLayout } from '../program/contexts.ts'
import type { AllocInfo, Binding, LoadableProgram, MapInfo } from '../program/loadable.ts'
import type { LineInfo } from '../program/object.ts'
import { PROGRAM_FLAGS, type ProgramType } from '../program/types.ts'
import { type Effects, type Marks, searchGraph, summarize } from './cfg.ts'
import { fail } from './errors.ts'
import { helperName } from './helper-names.ts'
import { liveRegisters } from './liveness.ts'
import type { LogBuffer } from './log.ts'
import type { TextNames } from './log-events.ts'
import { resolveImmediates } from './resolve.ts'
import { StructTable } from './structs.ts'
import {
  checkAbnormalReturns,
  checkJumps,
  collectSubprograms,
  isGplCompatible,
  type PreparedSubprogram,
} from './subprograms.ts'

const MAX_INSTRUCTIONS = 1_000_000

/** Types that may be sleepable when asked. */
const SLEEPABLE_TYPES: ReadonlySet<ProgramType> = new Set(['fentry', 'fexit', 'lsm', 'kprobe'])

export interface Prepared extends Marks {
  readonly program: LoadableProgram
  readonly cfg: Cfg
  /** By ascending start; the first is the program itself. */
  readonly subprograms: readonly PreparedSubprogram[]
  /** By subprogram, callees included. */
  readonly effects: readonly Effects[]
  /** Index in `subprograms`, by slot. */
  readonly subprogramOf: Uint16Array
  /** Slots of each subprogram in postorder. */
  readonly postorders: readonly Int32Array[]
  /** Strongly connected component by slot, 0 for none. */
  readonly component: Int32Array
  /** Bit n: register n is live before the slot. */
  readonly liveRegisters: Uint16Array
  /** MAP words of registers are indices here, plus 1. */
  readonly maps: readonly MapInfo[]
  /** In EXTRA words of registers they are indices here, plus 1. */
  readonly allocs: readonly AllocInfo[]
  /** Index in `maps`, plus 1, of what the LD_IMM64 at a slot names; else 0. */
  readonly mapAt: Uint8Array
  readonly arena: MapInfo | undefined
  readonly sleepable: boolean
  readonly gplCompatible: boolean
  /** BTF_ID words of registers are numbers here. */
  readonly structs: StructTable
  /** How the log names things. */
  readonly names: TextNames
}

/** How the log is to look where the kernel leaves a choice. */
export interface PrepareOptions {
  /** Write source lines, as the kernel does for programs with line_info. */
  readonly sourceLines?: boolean
  /** Program types that can be run. Default: all that there are contexts of. */
  readonly implementedTypes?: ReadonlySet<ProgramType>
}

/**
 * Runs the phases before the walk; writes the functions and the table of live registers into `log` at level 2.
 * @throws Rejection for the first fault
 */
export function prepare(program: LoadableProgram, log: LogBuffer, options: PrepareOptions = {}): Prepared {
  const { insns } = program
  // Linux says no more of this than the errno.
  if (insns.length === 0 || insns.length > MAX_INSTRUCTIONS) {
    fail('program-length', { count: insns.length, limit: MAX_INSTRUCTIONS })
  }
  const subprograms = collectSubprograms(program)
  if (log.detail) for (const [n, { start }] of subprograms.entries()) log.write(`func#${n} @${start}\n`)
  checkJumps(insns, subprograms)
  checkAbnormalReturns(program, subprograms)
  const resolved = resolveImmediates(program)
  const structs = new StructTable()
  const cfg = buildCfg(insns)
  const marks = searchGraph(program, cfg)
  checkType(program, options)
  const subprogramOf = new Uint16Array(insns.length)
  for (const [n, { start, end }] of subprograms.entries()) subprogramOf.fill(n, start, end)
  const postorders = subprograms.map(({ start }) => postorder(cfg, start))
  const prepared: Prepared = {
    ...marks,
    ...resolved,
    program,
    cfg,
    subprograms,
    effects: summarize(program, subprogramOf, subprograms.length),
    subprogramOf,
    postorders,
    component: components(cfg),
    liveRegisters: liveRegisters(program, cfg, postorders),
    sleepable: isSleepable(program),
    gplCompatible: isGplCompatible(program.license),
    structs,
    names: textNames(program, resolved.maps, structs, options),
  }
  if (log.detail) log.write(liveTable(prepared))
  return prepared
}

/** Syscall programs are sleepable without saying so. */
function isSleepable(program: LoadableProgram): boolean {
  return program.type === 'syscall' || (program.flags & PROGRAM_FLAGS.sleepable) !== 0
}

function checkType(program: LoadableProgram, { implementedTypes }: PrepareOptions): void {
  const { type } = program
  if (type !== 'syscall' && isSleepable(program) && !SLEEPABLE_TYPES.has(type)) fail('cannot-be-sleepable', {})
  const known = type === 'syscall' || contextLayout(type) !== undefined
  if (!known || implementedTypes?.has(type) === false) fail('not-implemented', { name: `program type ${type}` })
}

/** Names for the log; texts of instructions are made when first asked for. */
function textNames(
  program: LoadableProgram,
  maps: readonly MapInfo[],
  structs: StructTable,
  options: PrepareOptions,
): TextNames {
  const texts: (string | undefined)[] = []
  const lines = options.sourceLines === true ? new Map<Slot, LineInfo>() : undefined
  if (lines !== undefined) for (const line of program.lines) lines.set(line.slot, line)
  return {
    maps,
    lines,
    instructionText: (slot) => {
      texts[slot] ??= instructionText(program, slot)
      return texts[slot]!
    },
    structName: (number) => structs.entry(number).type.name,
  }
}

function instructionText(program: LoadableProgram, slot: Slot): string {
  const binding = program.bindings.get(slot)
  const insn = program.insns[slot]!
  return kernelText(bound(insn, binding), {
    helper: helperName,
    kfunc: () => {
      if (binding?.kind === 'kfunc') return binding.prototype.name
      return binding?.kind === 'unknown-kfunc' ? binding.name : undefined
    },
    address: () => {
      if (binding?.kind === 'map') return binding.map.address
      if (binding?.kind !== 'map-value') return undefined
      const base = binding.map.type === 'arena' ? (binding.map.userStart ?? 0n) : binding.map.valueAddress
      return base + BigInt(binding.offset)
    },
  })
}

/** Numbers that are known only on the machine: of kfuncs, and addresses of allocators. */
function bound(insn: Instruction, binding: Binding | undefined): Instruction {
  if (binding?.kind === 'kfunc') return { ...insn, imm: binding.prototype.id }
  if (binding?.kind !== 'alloc') return insn
  const { address } = binding.alloc
  return { ...insn, imm: Number(BigInt.asIntN(32, address)), imm2: Number(BigInt.asIntN(32, address >> 32n)) }
}

/** `  1   1: 0......... (55) if r0 != 0x0 goto pc-1`, a line an instruction. */
function liveTable(prepared: Prepared): string {
  const lines = ['Live regs before insn:\n']
  prepared.program.insns.forEach((insn, slot) => {
    if (insn.row.kind === Kind.LD_IMM64_HI) return
    const component = prepared.component[slot]!
    const live = prepared.liveRegisters[slot]!
    let registers = ''
    for (let n = 0; n < 10; n++) registers += ((live >>> n) & 1) === 1 ? n : '.'
    const column = component === 0 ? '   ' : String(component).padStart(3)
    lines.push(`${column}${String(slot).padStart(4)}: ${registers} ${prepared.names.instructionText(slot)}\n`)
  })
  return lines.join('')
}
