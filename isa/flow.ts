/** Where control goes from one instruction. Slots count as in the verifier's log: an LD_IMM64 takes two. */
import type { Instruction } from './instruction.ts'
import { Pseudo } from './opcode.ts'
import { Kind } from './table.ts'

/** Slots that the instruction takes: 2 for an LD_IMM64, else 1. */
export function slotsOf(insn: Instruction): 1 | 2 {
  return insn.row.kind === Kind.LD_IMM64 ? 2 : 1
}

/** Where a jump at `slot` may go, whether or not such a slot exists; undefined when `insn` is no jump. */
export function jumpTarget(insn: Instruction, slot: number): number | undefined {
  switch (insn.row.kind) {
    case Kind.JA:
      // goto has its displacement in off; gotol, of the 32-bit class, in imm.
      return slot + 1 + (insn.row.width === 32 ? insn.imm : insn.off)
    case Kind.JCOND:
    case Kind.MAY_GOTO:
      return slot + 1 + insn.off
    default:
      return undefined
  }
}

/** The function that `insn` at `slot` calls or takes the address of, as its first slot; undefined when it does not. */
export function referenceTarget(insn: Instruction, slot: number): number | undefined {
  const { row } = insn
  if (!insn.exact) return undefined
  const refers = row.kind === Kind.CALL_LOCAL || (row.kind === Kind.LD_IMM64 && row.pseudo === Pseudo.FUNC)
  return refers ? slot + 1 + insn.imm : undefined
}

/** True when control may go on to the slot behind `insn`. A call does: it comes back there. */
export function fallsThrough(insn: Instruction): boolean {
  const { kind } = insn.row
  return kind !== Kind.EXIT && kind !== Kind.JA
}
