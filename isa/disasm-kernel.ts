/**
 * One instruction's text as the verifier's log of Linux 6.18 writes it: `(b7) r0 = 0`.
 *
 * The log also prints instructions that it goes on to refuse, in the plainest form that the opcode has: a field with
 * a wrong value is printed where the form shows it (`le17`) and otherwise passed over (`r0 /= 3` with off 2).
 */

import type { Instruction } from './instruction.ts'
import { ALU_SIGN, ATOMIC_NAME, END_NAME, hex64, hexByte, JUMP_SIGN, signed } from './notation.ts'
import { Class, Mode, Pseudo, Size } from './opcode.ts'
import { Kind, Op, Operand, type Row, rowsOf } from './table.ts'

/** Where the names come from that an instruction holds only numbers of. */
export interface KernelNames {
  /** The helper with this number, such as `bpf_map_lookup_elem`; undefined prints `unknown`. */
  readonly helper?: (id: number) => string | undefined
  /** The kfunc with this BTF id (in the BTF that `off` selects); undefined prints no name. */
  readonly kfunc?: (id: number, off: number) => string | undefined
  /**
   * The address that an LD_IMM64 of a map, a map's value or a kernel variable stands for, unsigned; 0n where the
   * loader may not see pointers. Undefined prints the immediate as encoded.
   */
  readonly address?: (insn: Instruction) => bigint | undefined
}

/** The log's text of one instruction, opcode byte included. */
export function kernelText(insn: Instruction, names: KernelNames = {}): string {
  const { row } = insn
  if (row.kind === Kind.UNKNOWN || row.kind === Kind.LD_IMM64_HI) return undefinedText(insn.opcode)
  if ((insn.opcode & 0x07) === Class.STX && (insn.opcode & 0xe0) === Mode.ATOMIC) return atomicText(insn)
  return `(${hexByte(insn.opcode)}) ${body(insn, names)}`
}

const BUG_PREFIX: Readonly<Record<number, string>> = {
  [Class.LD]: 'BUG_ld_',
  [Class.LDX]: 'BUG_ldx_',
  [Class.ST]: 'BUG_st_',
}

/** What is printed for a byte that encodes nothing; the log refuses most of these before it prints anything. */
function undefinedText(opcode: number): string {
  return `${BUG_PREFIX[opcode & 0x07] ?? 'BUG_'}${hexByte(opcode)}`
}

const register = (number: number, width: 32 | 64): string => `${width === 32 ? 'w' : 'r'}${number}`

function body(insn: Instruction, names: KernelNames): string {
  const { row, dst, src, off, imm } = insn
  const to = register(dst, row.width)
  switch (row.kind) {
    case Kind.ALU:
      return `${to} ${ALU_SIGN[row.op]} ${operand(insn)}`
    case Kind.NEG:
      return `${to} = -${to}`
    case Kind.END:
      return `r${dst} = ${END_NAME[row.op]}${imm} r${dst}`
    case Kind.MOV:
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      return row.operand === Operand.REG ? moveText(insn, to) : `${to} = ${imm}`
    case Kind.LD_IMM64:
      return `r${dst} = ${wideText(insn, names)}`
    case Kind.LD_ABS:
      return `r0 = *(u${row.memWidth} *)skb[${imm}]`
    case Kind.LD_IND:
      return `r0 = *(u${row.memWidth} *)skb[r${src} + ${imm}]`
    case Kind.LDX:
      return `r${dst} = *(u${row.memWidth} *)(r${src} ${signed(off)})`
    case Kind.LDXSX:
      return `r${dst} = *(s${row.memWidth} *)(r${src} ${signed(off)})`
    case Kind.ST:
      return `*(u${row.memWidth} *)(r${dst} ${signed(off)}) = ${imm}`
    case Kind.STX:
      return `*(u${row.memWidth} *)(r${dst} ${signed(off)}) = r${src}`
    case Kind.JA:
      return row.width === 32 ? `gotol pc${signed(imm)}` : `goto pc${signed(off)}`
    case Kind.JCOND: {
      const against = row.operand === Operand.IMM ? hex64(0, imm) : register(src, row.width)
      return `if ${to} ${JUMP_SIGN[row.op]} ${against} goto pc${signed(off)}`
    }
    case Kind.MAY_GOTO:
      // With src set it is no may_goto: a conditional jump whose operator has no name.
      return src === 0 ? `may_goto pc${signed(off)}` : `if r${dst} (null) ${hex64(0, imm)} goto pc${signed(off)}`
    case Kind.CALL_HELPER:
    case Kind.CALL_LOCAL:
    case Kind.CALL_KFUNC:
      return callText(insn, names)
    case Kind.CALLX:
      return `callx r${dst}`
    case Kind.EXIT:
      return 'exit'
    case Kind.ATOMIC:
    case Kind.LOAD_ACQUIRE:
    case Kind.STORE_RELEASE:
      return atomicText(insn)
    case Kind.UNKNOWN:
    case Kind.LD_IMM64_HI:
      return undefinedText(insn.opcode)
    default:
      return row.kind satisfies never
  }
}

function operand(insn: Instruction): string {
  return insn.row.operand === Operand.REG ? register(insn.src, insn.row.width) : `${insn.imm}`
}

/** A register move, told apart by `off` even where the combination is refused. */
function moveText(insn: Instruction, to: string): string {
  const { dst, src, off, imm } = insn
  const from = operand(insn)
  if (insn.row.width === 64 && off === 1) return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`
  if (insn.row.width === 64 && off === -1) return `r${dst} = &(void __percpu *)(r${src})`
  return off === 8 || off === 16 || off === 32 ? `${to} = (s${off})${from}` : `${to} = ${from}`
}

function wideText(insn: Instruction, names: KernelNames): string {
  const { pseudo } = insn.row
  const address = pseudo === Pseudo.NONE || pseudo === Pseudo.FUNC ? undefined : names.address?.(insn)
  return address === undefined ? hex64(insn.imm2, insn.imm) : `0x${address.toString(16)}`
}

function callText(insn: Instruction, names: KernelNames): string {
  const { row, imm } = insn
  if (row.kind === Kind.CALL_LOCAL && insn.exact) return `call pc${signed(imm)}`
  if (row.kind === Kind.CALL_KFUNC && insn.exact) return `call ${names.kfunc?.(imm, insn.off) ?? ''}#${imm}`
  return `call ${(insn.exact ? names.helper?.(imm) : undefined) ?? 'unknown'}#${imm}`
}

/** Rows of 64-bit atomics by `imm`: one- and two-byte ones print alike, though most of them are no encoding. */
const ATOMICS: ReadonlyMap<number, Row> = new Map(
  rowsOf(Class.STX | Mode.ATOMIC | Size.DW).map((row) => [row.select?.value ?? 0, row]),
)

function atomicText(insn: Instruction): string {
  const { dst, src, off } = insn
  const row = ATOMICS.get(insn.imm)
  if (row === undefined) return undefinedText(insn.opcode)
  const size = insn.row.memWidth
  const family = size === 64 ? 'atomic64' : 'atomic'
  const at = (base: number): string => `(u${size} *)(r${base} ${signed(off)})`
  const text = (): string => {
    if (row.kind === Kind.LOAD_ACQUIRE) return `r${dst} = load_acquire(${at(src)})`
    if (row.kind === Kind.STORE_RELEASE) return `store_release(${at(dst)}, r${src})`
    if (row.op === Op.CMPXCHG) return `r0 = ${family}_cmpxchg(${at(dst)}, r0, r${src})`
    if (row.op === Op.XCHG) return `r${src} = ${family}_xchg(${at(dst)}, r${src})`
    if (row.fetch) return `r${src} = ${family}_fetch_${ATOMIC_NAME[row.op]}(${at(dst)}, r${src})`
    return `lock *${at(dst)} ${ALU_SIGN[row.op]} r${src}`
  }
  return `(${hexByte(insn.opcode)}) ${text()}`
}
