/** One memory access of an unchecked program, on registers in the run area: what compiled code asks the host for. */
import { InternalError } from '../errors/errors.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Kind, Operand } from '../isa/table.ts'
import { atomicChecked, loadAcquireChecked, loadChecked, storeChecked } from '../vm/access.ts'
import { packAtomic } from '../vm/engine-ops.ts'
import type { RunState } from '../vm/state.ts'

/** Index of a pair behind r10 that holds the immediate of a store. */
const IMMEDIATE = 24

/** @throws FaultError for an access to nothing */
export function checkedAccess(state: RunState, R: Int32Array, insn: Instruction, slot: number): void {
  const { row, dst, src, off, imm } = insn
  const bytes = row.memWidth / 8
  switch (row.kind) {
    case Kind.LDX:
    case Kind.LDXSX: {
      const signed = row.kind === Kind.LDXSX
      loadChecked(state, R, 2 * dst, 2 * src, (off << 16) | bytes | (signed ? 16 : 0), slot)
      return
    }
    case Kind.LOAD_ACQUIRE:
      loadAcquireChecked(state, R, 2 * dst, 2 * src, (off << 16) | bytes, slot)
      return
    case Kind.ST:
    case Kind.STX:
    case Kind.STORE_RELEASE: {
      const immediate = row.operand === Operand.IMM
      if (immediate) {
        R[IMMEDIATE] = imm
        R[IMMEDIATE + 1] = imm >> 31
      }
      storeChecked(state, R, 2 * dst, immediate ? IMMEDIATE : 2 * src, (off << 16) | bytes, slot)
      return
    }
    case Kind.ATOMIC:
      atomicChecked(state, R, 2 * dst, 2 * src, packAtomic(off, row.op, row.fetch, row.memWidth === 64), slot)
      return
    default:
      throw new InternalError(`${row.name} accesses no memory`)
  }
}
