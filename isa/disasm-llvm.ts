/**
 * One instruction in LLVM's BPF assembly, as clang -S -mcpu=v4 writes it and llvm-mc reads it, numbers in decimal.
 *
 * What LLVM 19 has no notation for:
 *   `load_acquire`, `store_release`     as LLVM 20 writes them: `w` registers up to 32 bits
 *   `call kfunc ID[, OFF]`              a kfunc by BTF id, and the BTF it is in when that is not the kernel's
 *   `r0 = *(u8 *)skb[r7 + 4]`           a packet load whose immediate is not 0
 *   `ld_pseudo rD, SRC, IMM`            is LLVM's, but llvm-mc drops the upper 32 bits of IMM, which count here
 */

import { encode, type Instruction } from './instruction.ts'
import { ALU_SIGN, ATOMIC_NAME, END_NAME, JUMP_SIGN, signed, signed64, unsigned64 } from './notation.ts'
import { Pseudo, SLOT_BYTES } from './opcode.ts'
import { Kind, Op, Operand } from './table.ts'

/**
 * The text of one instruction. `target` is the label that a jump or local call leads to; without one a displacement
 * in slots is printed: `goto +3`, and `call pc+3`, which no assembler reads. What is no instruction is printed as the
 * eight bytes it is.
 */
export function llvmText(insn: Instruction, target?: string): string {
  const { row, dst, src, off, imm } = insn
  if (!insn.exact) return quadText(insn)
  const to = register(dst, row.width)
  switch (row.kind) {
    case Kind.ALU:
      return `${to} ${ALU_SIGN[row.op]} ${operand(insn)}`
    case Kind.NEG:
      return `${to} = -${to}`
    case Kind.END:
      return `r${dst} = ${END_NAME[row.op]}${row.memWidth} r${dst}`
    case Kind.MOV:
      return `${to} = ${operand(insn)}`
    case Kind.MOVSX:
      return `${to} = (s${row.memWidth})${operand(insn)}`
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`
    case Kind.LD_IMM64:
      return row.pseudo === Pseudo.NONE
        ? `r${dst} = ${signed64(insn.imm2, imm)} ll`
        : `ld_pseudo r${dst}, ${row.pseudo}, ${unsigned64(insn.imm2, imm)}`
    case Kind.LD_ABS:
      return `r0 = *(u${row.memWidth} *)skb[${imm}]`
    case Kind.LD_IND:
      return `r0 = *(u${row.memWidth} *)skb[${imm === 0 ? `r${src}` : address(src, imm)}]`
    case Kind.LDX:
      return `${memoryRegister(insn, dst)} = *(u${row.memWidth} *)(${address(src, off)})`
    case Kind.LDXSX:
      return `r${dst} = *(s${row.memWidth} *)(${address(src, off)})`
    case Kind.ST:
      return `*(u${row.memWidth} *)(${address(dst, off)}) = ${imm}`
    case Kind.STX:
      return `*(u${row.memWidth} *)(${address(dst, off)}) = ${memoryRegister(insn, src)}`
    case Kind.ATOMIC:
      return atomicText(insn)
    case Kind.LOAD_ACQUIRE:
      return `${memoryRegister(insn, dst)} = load_acquire((u${row.memWidth} *)(${address(src, off)}))`
    case Kind.STORE_RELEASE:
      return `store_release((u${row.memWidth} *)(${address(dst, off)}), ${memoryRegister(insn, src)})`
    case Kind.JA:
      return row.width === 32 ? `gotol ${target ?? signed(imm)}` : `goto ${target ?? signed(off)}`
    case Kind.JCOND:
      return `if ${to} ${JUMP_SIGN[row.op]} ${operand(insn)} goto ${target ?? signed(off)}`
    case Kind.MAY_GOTO:
      return `may_goto ${target ?? signed(off)}`
    case Kind.CALL_HELPER:
      return `call ${imm}`
    case Kind.CALL_LOCAL:
      return `call ${target ?? `pc${signed(imm)}`}`
    case Kind.CALL_KFUNC:
      return off === 0 ? `call kfunc ${imm}` : `call kfunc ${imm}, ${off}`
    case Kind.CALLX:
      return `callx r${dst}`
    case Kind.EXIT:
      return 'exit'
    case Kind.UNKNOWN:
    case Kind.LD_IMM64_HI:
      return quadText(insn)
    default:
      return row.kind satisfies never
  }
}

/** The slot as data, which assembles back to any bytes at all. */
export function quadText(insn: Instruction): string {
  const bytes = encode([insn])
  const value = new DataView(bytes.buffer, 0, SLOT_BYTES).getBigUint64(0, true)
  return `.quad 0x${value.toString(16).padStart(16, '0')}`
}

const register = (number: number, width: 32 | 64): string => `${width === 32 ? 'w' : 'r'}${number}`

/** The register whose memory counterpart is narrower than 64 bits is named by its 32-bit half. */
const memoryRegister = (insn: Instruction, number: number): string =>
  register(number, insn.row.memWidth === 64 ? 64 : 32)

function operand(insn: Instruction): string {
  return insn.row.operand === Operand.REG ? register(insn.src, insn.row.width) : `${insn.imm}`
}

function address(base: number, offset: number): string {
  return offset < 0 ? `r${base} - ${-offset}` : `r${base} + ${offset}`
}

function atomicText(insn: Instruction): string {
  const { row, dst, off } = insn
  const value = memoryRegister(insn, insn.src)
  const place = address(dst, off)
  const suffix = row.memWidth === 64 ? '_64' : '32_32'
  if (row.op === Op.XCHG) return `${value} = xchg${suffix}(${place}, ${value})`
  if (row.op === Op.CMPXCHG) {
    const r0 = memoryRegister(insn, 0)
    return `${r0} = cmpxchg${suffix}(${place}, ${r0}, ${value})`
  }
  const memory = `(u${row.memWidth} *)(${place})`
  if (row.fetch) return `${value} = atomic_fetch_${ATOMIC_NAME[row.op]}(${memory}, ${value})`
  return `lock *${memory} ${ALU_SIGN[row.op]} ${value}`
}
