/** What instructions do to registers, as the compiler counts it. */
import type { Instruction } from '../isa/instruction.ts'
import { defMask } from '../isa/registers.ts'
import { Kind, Operand } from '../isa/table.ts'
import { PAGE_SIZE } from '../program/types.ts'

/** A page byte of 7 speaks for accesses that end within so many bytes of the base. */
export const REACH: number = PAGE_SIZE

/** Which registers an instruction leaves changed, as a mask; what calls make unusable does not count. */
export function writes(insn: Instruction): number {
  switch (insn.row.kind) {
    case Kind.LD_ABS:
    case Kind.LD_IND:
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
    case Kind.CALL_LOCAL:
    case Kind.CALLX:
      return 1
    default:
      return defMask(insn)
  }
}

/** True for a copy that keeps the low half: source and destination share a page byte. */
export function copiesLow(insn: Instruction): boolean {
  const { kind, operand } = insn.row
  return kind === Kind.CAST_KERN || kind === Kind.CAST_USER || (kind === Kind.MOV && operand === Operand.REG)
}
