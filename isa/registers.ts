/**
 * Which registers an instruction reads and writes, as masks with bit n for rn. They follow the verifier's live
 * register analysis, so a packet load reads everything and defines nothing, and a call defines r0 to r5, which it
 * leaves unusable but for r0.
 */
import type { Instruction } from './instruction.ts'
import { Kind, Op, Operand } from './table.ts'

/** r0 to r5: what no call preserves. */
export const CALLER_SAVED = 0x3f

/** r1 to r5: what a call may take. */
export const ARGUMENTS = 0x3e

/** What a packet load reads: all registers there can be. */
export const EVERY_REGISTER = 0xffff

/** r1 to rN. */
export function argumentMask(count: number): number {
  return ((1 << count) - 1) << 1
}

/**
 * Registers read by `insn`. `callArguments` is the number of parameters of the helper or kfunc that it calls, 0 to 5;
 * undefined means that any of r1 to r5 may be one, as for local calls.
 */
export function useMask(insn: Instruction, callArguments?: number): number {
  const { row } = insn
  const dst = 1 << insn.dst
  const src = 1 << insn.src
  switch (row.kind) {
    case Kind.ALU:
    case Kind.JCOND:
      return row.operand === Operand.REG ? dst | src : dst
    case Kind.NEG:
    case Kind.END:
    case Kind.ST:
      return dst
    case Kind.MOV:
      return row.operand === Operand.REG ? src : 0
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
      return src
    case Kind.STX:
    case Kind.STORE_RELEASE:
      return dst | src
    case Kind.ATOMIC:
      return row.op === Op.CMPXCHG ? dst | src | 1 : dst | src
    case Kind.LD_ABS:
    case Kind.LD_IND:
      return EVERY_REGISTER
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
      return callArguments === undefined ? ARGUMENTS : argumentMask(callArguments)
    case Kind.CALL_LOCAL:
      return ARGUMENTS
    case Kind.CALLX:
      return dst | ARGUMENTS
    case Kind.EXIT:
      return 1
    case Kind.LD_IMM64:
    case Kind.LD_IMM64_HI:
    case Kind.JA:
    case Kind.MAY_GOTO:
    case Kind.UNKNOWN:
      return 0
    default:
      return row.kind satisfies never
  }
}

/** Registers that `insn` writes or leaves unusable. */
export function defMask(insn: Instruction): number {
  const { row } = insn
  switch (row.kind) {
    case Kind.ALU:
    case Kind.NEG:
    case Kind.END:
    case Kind.MOV:
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
    case Kind.LD_IMM64:
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
      return 1 << insn.dst
    case Kind.ATOMIC:
      if (row.op === Op.CMPXCHG) return 1
      return row.fetch ? 1 << insn.src : 0
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
    case Kind.CALL_LOCAL:
    case Kind.CALLX:
      return CALLER_SAVED
    case Kind.LD_ABS:
    case Kind.LD_IND:
    case Kind.LD_IMM64_HI:
    case Kind.ST:
    case Kind.STX:
    case Kind.STORE_RELEASE:
    case Kind.JA:
    case Kind.JCOND:
    case Kind.MAY_GOTO:
    case Kind.EXIT:
    case Kind.UNKNOWN:
      return 0
    default:
      return row.kind satisfies never
  }
}
