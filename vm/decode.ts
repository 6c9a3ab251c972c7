/**
 * Turns a program into the interpreter's packed code (engine-ops.ts), once, before it first runs. Everything that
 * can be known beforehand is settled here: which memory an access goes to, which arithmetic is narrow, where jumps
 * lead, what references and calls stand for.
 */
import { InternalError } from '../errors/errors.ts'
import { subprogramStarts } from '../isa/cfg.ts'
import { jumpTarget, referenceTarget } from '../isa/flow.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { Access, type LoadableProgram, SlotFlag } from '../program/loadable.ts'
import { EngineOp, packAtomic, REGISTER_WORDS, STRIDE } from './engine-ops.ts'
import { contextPlace, immediateOf } from './operands.ts'
import type { Native } from './state.ts'

/** What a program is decoded against. */
export interface DecodeInput {
  readonly program: LoadableProgram
  /** Access, by slot; undefined for an unchecked program. */
  readonly access: Uint8Array | undefined
  /** SlotFlag, by slot; undefined for an unchecked program. */
  readonly flags: Uint8Array | undefined
  /** Upper half of the arena's user addresses; 0 with BPF_F_NO_USER_CONV or without an arena. */
  readonly userHigh: number
  readonly helper: (id: number) => Native | undefined
  readonly kfunc: (id: number) => Native | undefined
}

export interface Decoded {
  readonly words: Int32Array
  /** Register array to start from: zeros, then the constants. */
  readonly regs: Int32Array
  readonly natives: readonly Native[]
  /** First slots of its functions. */
  readonly functions: ReadonlySet<number>
}

interface Builder extends DecodeInput {
  readonly words: Int32Array
  readonly constants: number[]
  readonly constantAt: Map<number, number>
  readonly natives: Native[]
}

export function decodeProgram(input: DecodeInput): Decoded {
  const { insns } = input.program
  // One more slot, so that running off the end of an unchecked program is a trap, not a wild read.
  const words = new Int32Array((insns.length + 1) * STRIDE)
  const builder: Builder = { ...input, words, constants: [], constantAt: new Map(), natives: [] }
  insns.forEach((insn, slot) => {
    const reached = input.flags === undefined || (input.flags[slot]! & SlotFlag.SEEN) !== 0
    if (reached) words.set(decodeSlot(builder, insn, slot), slot * STRIDE)
    else words.set(TRAP, slot * STRIDE)
  })
  words.set(TRAP, insns.length * STRIDE)
  const regs = new Int32Array(REGISTER_WORDS + builder.constants.length)
  regs.set(builder.constants, REGISTER_WORDS)
  return { words, regs, natives: builder.natives, functions: new Set(subprogramStarts(insns)) }
}

/** The four words of one instruction. */
type Quad = readonly [op: EngineOp, one: number, two: number, three: number]

function quad(op: EngineOp, one = 0, two = 0, three = 0): Quad {
  return [op, one, two, three]
}

const TRAP: Quad = quad(EngineOp.TRAP)

/** Index of a constant register that holds `value`, sign-extended. */
function constant(b: Builder, value: number): number {
  const found = b.constantAt.get(value)
  if (found !== undefined) return found
  const at = REGISTER_WORDS + b.constants.length
  b.constants.push(value, value >> 31)
  b.constantAt.set(value, at)
  return at
}

/** Index of the second operand: a register or a constant. */
function operand(b: Builder, insn: Instruction): number {
  return insn.row.operand === Operand.REG ? 2 * insn.src : constant(b, insn.imm)
}

/** One instruction; what stands in its row decides. */
function decodeSlot(b: Builder, insn: Instruction, slot: number): Quad {
  const { row } = insn
  const dst = 2 * insn.dst
  const src = 2 * insn.src
  switch (row.kind) {
    case Kind.ALU:
      return decodeAlu(b, insn, slot)
    case Kind.NEG:
      return quad(isNarrow(b, insn, slot) ? EngineOp.NEG32 : EngineOp.NEG64, dst)
    case Kind.END:
      return quad(endOp(insn), dst)
    case Kind.MOV:
      if (row.operand === Operand.IMM)
        return quad(EngineOp.MOV_CONST, dst, insn.imm, row.width === 64 ? insn.imm >> 31 : 0)
      return quad(isNarrow(b, insn, slot) ? EngineOp.MOV32 : EngineOp.MOV64, dst, src)
    case Kind.MOVSX:
      return quad(movsxOp(insn), dst, src)
    case Kind.CAST_KERN:
      return quad(EngineOp.MOV32, dst, src)
    case Kind.CAST_USER:
      return quad(EngineOp.CAST_USER, dst, src, b.userHigh)
    case Kind.LD_IMM64: {
      const [low, high] = immediateOf(insn, slot, b.program.bindings.get(slot))
      return quad(EngineOp.LD_IMM64, dst, low, high)
    }
    case Kind.LD_ABS:
      return quad(EngineOp.LD_ABS, row.memWidth / 8, 0, insn.imm)
    case Kind.LD_IND:
      return quad(EngineOp.LD_IND, row.memWidth / 8, src, insn.imm)
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
      return decodeLoad(b, insn, slot)
    case Kind.ST:
    case Kind.STX:
    case Kind.STORE_RELEASE:
      return decodeStore(b, insn, slot)
    case Kind.ATOMIC:
      return decodeAtomic(b, insn, slot)
    case Kind.JA:
      return quad(EngineOp.JA, 0, 0, target(insn, slot))
    case Kind.JCOND:
      return quad(jumpOp(insn), dst, operand(b, insn), target(insn, slot))
    case Kind.MAY_GOTO:
      return quad(EngineOp.MAY_GOTO, 0, 0, target(insn, slot))
    case Kind.CALL_HELPER:
      return decodeCall(b, slot, b.helper(insn.imm), `helper ${insn.imm}`)
    case Kind.CALL_KFUNC:
      return decodeKfunc(b, insn, slot)
    case Kind.CALL_LOCAL:
      return quad(EngineOp.CALL_LOCAL, 0, 0, target(insn, slot))
    case Kind.CALLX:
      return quad(EngineOp.CALLX, dst)
    case Kind.EXIT:
      return quad(EngineOp.EXIT)
    case Kind.LD_IMM64_HI:
    case Kind.UNKNOWN:
      return quad(EngineOp.TRAP)
    default:
      throw new InternalError(`instruction kind ${row.kind satisfies never}`)
  }
}

/** True for 32-bit forms, and for 64-bit ones that the verifier marked. */
function isNarrow(b: Builder, insn: Instruction, slot: number): boolean {
  return insn.row.width === 32 || (b.flags !== undefined && (b.flags[slot]! & SlotFlag.NARROW) !== 0)
}

// Operations by `Op` of the instruction table.
const ALU32_OPS: Readonly<Record<number, EngineOp>> = {
  [Op.ADD]: EngineOp.ADD32,
  [Op.SUB]: EngineOp.SUB32,
  [Op.MUL]: EngineOp.MUL32,
  [Op.DIV]: EngineOp.DIV32,
  [Op.SDIV]: EngineOp.SDIV32,
  [Op.MOD]: EngineOp.MOD32,
  [Op.SMOD]: EngineOp.SMOD32,
  [Op.OR]: EngineOp.OR32,
  [Op.AND]: EngineOp.AND32,
  [Op.XOR]: EngineOp.XOR32,
  [Op.LSH]: EngineOp.LSH32,
  [Op.RSH]: EngineOp.RSH32,
  [Op.ARSH]: EngineOp.ARSH32,
}

const ALU64_OPS: Readonly<Record<number, EngineOp>> = {
  [Op.ADD]: EngineOp.ADD64,
  [Op.SUB]: EngineOp.SUB64,
  [Op.MUL]: EngineOp.MUL64,
  [Op.DIV]: EngineOp.DIV64,
  [Op.SDIV]: EngineOp.SDIV64,
  [Op.MOD]: EngineOp.MOD64,
  [Op.SMOD]: EngineOp.SMOD64,
  [Op.OR]: EngineOp.OR64,
  [Op.AND]: EngineOp.AND64,
  [Op.XOR]: EngineOp.XOR64,
  [Op.LSH]: EngineOp.LSH64,
  [Op.RSH]: EngineOp.RSH64,
  [Op.ARSH]: EngineOp.ARSH64,
}

/** 64-bit shifts by a constant: the forms for 1 to 31 and for 32 to 63. */
const SHIFTS: Readonly<Record<number, readonly [EngineOp, EngineOp]>> = {
  [Op.LSH]: [EngineOp.LSH64_LOW, EngineOp.LSH64_HIGH],
  [Op.RSH]: [EngineOp.RSH64_LOW, EngineOp.RSH64_HIGH],
  [Op.ARSH]: [EngineOp.ARSH64_LOW, EngineOp.ARSH64_HIGH],
}

/** Immediates have forms of their own where they are frequent; elsewhere they are constants behind the registers. */
function decodeAlu(b: Builder, insn: Instruction, slot: number): Quad {
  const { row } = insn
  const dst = 2 * insn.dst
  if (isNarrow(b, insn, slot)) return quad(known(ALU32_OPS[row.op], insn), dst, operand(b, insn))
  if (row.operand === Operand.IMM) {
    if (row.op === Op.ADD) return quad(EngineOp.ADD64_IMM, dst, 0, insn.imm)
    const forms = SHIFTS[row.op]
    if (forms !== undefined) {
      const by = insn.imm & 63
      if (by === 0) return quad(EngineOp.NOP)
      return quad(by < 32 ? forms[0] : forms[1], dst, 0, by)
    }
  }
  return quad(known(ALU64_OPS[row.op], insn), dst, operand(b, insn))
}

/** On a little-endian machine LE only truncates, and BE swaps as BSWAP does. */
function endOp({ row }: Instruction): EngineOp {
  const swap = row.op !== Op.LE
  switch (row.memWidth) {
    case 16:
      return swap ? EngineOp.BSWAP16 : EngineOp.LE16
    case 32:
      return swap ? EngineOp.BSWAP32 : EngineOp.LE32
    default:
      return swap ? EngineOp.BSWAP64 : EngineOp.NOP
  }
}

function movsxOp({ row }: Instruction): EngineOp {
  if (row.memWidth === 32) return EngineOp.MOVSX64_32
  if (row.memWidth === 16) return row.width === 64 ? EngineOp.MOVSX64_16 : EngineOp.MOVSX32_16
  return row.width === 64 ? EngineOp.MOVSX64_8 : EngineOp.MOVSX32_8
}

const JUMP_OPS: Readonly<Record<number, readonly [EngineOp, EngineOp]>> = {
  [Op.JEQ]: [EngineOp.JEQ32, EngineOp.JEQ64],
  [Op.JNE]: [EngineOp.JNE32, EngineOp.JNE64],
  [Op.JGT]: [EngineOp.JGT32, EngineOp.JGT64],
  [Op.JGE]: [EngineOp.JGE32, EngineOp.JGE64],
  [Op.JLT]: [EngineOp.JLT32, EngineOp.JLT64],
  [Op.JLE]: [EngineOp.JLE32, EngineOp.JLE64],
  [Op.JSET]: [EngineOp.JSET32, EngineOp.JSET64],
  [Op.JSGT]: [EngineOp.JSGT32, EngineOp.JSGT64],
  [Op.JSGE]: [EngineOp.JSGE32, EngineOp.JSGE64],
  [Op.JSLT]: [EngineOp.JSLT32, EngineOp.JSLT64],
  [Op.JSLE]: [EngineOp.JSLE32, EngineOp.JSLE64],
}

function jumpOp(insn: Instruction): EngineOp {
  const forms = JUMP_OPS[insn.row.op]
  return known(insn.row.width === 32 ? forms?.[0] : forms?.[1], insn)
}

/** Word index that a jump or local call leads to. */
function target(insn: Instruction, slot: number): number {
  const to = jumpTarget(insn, slot) ?? referenceTarget(insn, slot)
  if (to === undefined) throw new InternalError(`${insn.row.name} at slot ${slot} leads nowhere`)
  return to * STRIDE
}

// Loads and stores by bits in memory: of kernel memory (K) and the arena (A), zero-extending and SIGNED.
const LOADS_K: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.LDX8_K,
  16: EngineOp.LDX16_K,
  32: EngineOp.LDX32_K,
  64: EngineOp.LDX64_K,
}
const LOADS_A: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.LDX8_A,
  16: EngineOp.LDX16_A,
  32: EngineOp.LDX32_A,
  64: EngineOp.LDX64_A,
}
const SIGNED_K: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.LDXS8_K,
  16: EngineOp.LDXS16_K,
  32: EngineOp.LDXS32_K,
}
const SIGNED_A: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.LDXS8_A,
  16: EngineOp.LDXS16_A,
  32: EngineOp.LDXS32_A,
}
const STORES_K: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.STX8_K,
  16: EngineOp.STX16_K,
  32: EngineOp.STX32_K,
  64: EngineOp.STX64_K,
}
const STORES_A: Readonly<Record<number, EngineOp>> = {
  8: EngineOp.STX8_A,
  16: EngineOp.STX16_A,
  32: EngineOp.STX32_A,
  64: EngineOp.STX64_A,
}

/** The memory that the access at `slot` goes to. */
function accessAt(b: Builder, slot: number): Access {
  return b.access === undefined ? Access.CHECKED : (b.access[slot] as Access)
}

/** An acquire is an ordinary load here, but for arenas, where absent pages make a difference. */
function decodeLoad(b: Builder, insn: Instruction, slot: number): Quad {
  const { row, off } = insn
  const dst = 2 * insn.dst
  const src = 2 * insn.src
  const signed = row.kind === Kind.LDXSX
  const packed = (off << 16) | (row.memWidth / 8) | (signed ? 16 : 0)
  const access = accessAt(b, slot)
  switch (access) {
    case Access.KERNEL:
      return quad(known((signed ? SIGNED_K : LOADS_K)[row.memWidth], insn), dst, src, off)
    case Access.ARENA:
      if (row.kind === Kind.LOAD_ACQUIRE) return quad(EngineOp.LOAD_ACQUIRE_A, dst, src, packed)
      return quad(known((signed ? SIGNED_A : LOADS_A)[row.memWidth], insn), dst, src, off)
    case Access.CONTEXT: {
      const { place, bytes } = contextPlace(b.program.type, insn, slot, false)
      return quad(known((signed ? SIGNED_K : LOADS_K)[8 * bytes], insn), dst, src, place)
    }
    case Access.CHECKED:
      return quad(row.kind === Kind.LOAD_ACQUIRE ? EngineOp.LOAD_ACQUIRE_C : EngineOp.LOAD_C, dst, src, packed)
    case Access.NONE:
      throw untagged(insn, slot)
    default:
      throw new InternalError(`access ${access satisfies never}`)
  }
}

/** ST and STX are one: the immediate of an ST is a constant register. */
function decodeStore(b: Builder, insn: Instruction, slot: number): Quad {
  const { row, off } = insn
  const base = 2 * insn.dst
  const value = operand(b, insn)
  const access = accessAt(b, slot)
  switch (access) {
    case Access.KERNEL:
      return quad(known(STORES_K[row.memWidth], insn), base, value, off)
    case Access.ARENA:
      return quad(known(STORES_A[row.memWidth], insn), base, value, off)
    case Access.CONTEXT: {
      const { place, bytes } = contextPlace(b.program.type, insn, slot, true)
      return quad(known(STORES_K[8 * bytes], insn), base, value, place)
    }
    case Access.CHECKED:
      return quad(EngineOp.STORE_C, base, value, (off << 16) | (row.memWidth / 8))
    case Access.NONE:
      throw untagged(insn, slot)
    default:
      throw new InternalError(`access ${access satisfies never}`)
  }
}

function decodeAtomic(b: Builder, insn: Instruction, slot: number): Quad {
  const { row } = insn
  const packed = packAtomic(insn.off, row.op, row.fetch, row.memWidth === 64)
  const access = accessAt(b, slot)
  const base = 2 * insn.dst
  const src = 2 * insn.src
  switch (access) {
    case Access.KERNEL:
      return quad(EngineOp.ATOMIC_K, base, src, packed)
    case Access.ARENA:
      return quad(EngineOp.ATOMIC_A, base, src, packed)
    case Access.CHECKED:
      return quad(EngineOp.ATOMIC_C, base, src, packed)
    case Access.CONTEXT:
    case Access.NONE:
      throw untagged(insn, slot)
    default:
      throw new InternalError(`access ${access satisfies never}`)
  }
}

/** By the binding where the call is by name, else by harena's number. */
function decodeKfunc(b: Builder, insn: Instruction, slot: number): Quad {
  const binding = b.program.bindings.get(slot)
  const id = binding?.kind === 'kfunc' ? binding.prototype.id : insn.imm
  return decodeCall(b, slot, b.kfunc(id), binding?.kind === 'kfunc' ? binding.prototype.name : `kfunc ${id}`)
}

function decodeCall(b: Builder, slot: number, native: Native | undefined, name: string): Quad {
  // The verifier, or the loader of unchecked programs, has refused by name what has no implementation.
  if (native === undefined) throw new InternalError(`${name} at slot ${slot} has no implementation`)
  b.natives.push(native)
  return quad(EngineOp.CALL, b.natives.length - 1)
}

/** Holds tables and instruction set together: a row without an operation is our mistake. */
function known(op: EngineOp | undefined, insn: Instruction): EngineOp {
  if (op === undefined) throw new InternalError(`the interpreter has no operation for ${insn.row.name}`)
  return op
}

function untagged(insn: Instruction, slot: number): InternalError {
  return new InternalError(`the verifier has not said what ${insn.row.name} at slot ${slot} accesses`)
}
