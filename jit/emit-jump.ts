/** Conditions of jumps: an i32 on the stack, not 0 when the jump is taken. */
import { InternalError } from '../errors/errors.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Op } from '../isa/table.ts'
import { pushOperand } from './emit-alu.ts'
import { BATCHES_OFFSET, type Emitter, MAY_GOTO_BATCH } from './emitter.ts'
import { I32, Wasm } from './wasm/opcodes.ts'

const COMPARE: Readonly<Record<number, readonly [Wasm, Wasm]>> = {
  [Op.JEQ]: [Wasm.I32_EQ, Wasm.I64_EQ],
  [Op.JNE]: [Wasm.I32_NE, Wasm.I64_NE],
  [Op.JGT]: [Wasm.I32_GT_U, Wasm.I64_GT_U],
  [Op.JGE]: [Wasm.I32_GE_U, Wasm.I64_GE_U],
  [Op.JLT]: [Wasm.I32_LT_U, Wasm.I64_LT_U],
  [Op.JLE]: [Wasm.I32_LE_U, Wasm.I64_LE_U],
  [Op.JSGT]: [Wasm.I32_GT_S, Wasm.I64_GT_S],
  [Op.JSGE]: [Wasm.I32_GE_S, Wasm.I64_GE_S],
  [Op.JSLT]: [Wasm.I32_LT_S, Wasm.I64_LT_S],
  [Op.JSLE]: [Wasm.I32_LE_S, Wasm.I64_LE_S],
}

export function emitCondition(e: Emitter, insn: Instruction): void {
  const { w } = e
  const { op, width } = insn.row
  const narrow = width === 32
  if (narrow) e.get32(insn.dst)
  else e.get64(insn.dst)
  pushOperand(e, insn, narrow)
  if (op === Op.JSET) {
    if (narrow) w.op(Wasm.I32_AND)
    else {
      w.op(Wasm.I64_AND)
      w.i64(0)
      w.op(Wasm.I64_NE)
    }
    return
  }
  const codes = COMPARE[op]
  if (codes === undefined) throw new InternalError(`the compiler has no condition for ${insn.row.name}`)
  w.op(codes[narrow ? 0 : 1])
}

/**
 * Counts down to 0, with a look at the clock there; then the next batch is taken, of which this is the first fall. The
 * jump is taken when no batch is left, and from then on each time. How many are left is in the run area: a local would
 * be carried around each loop.
 */
export function emitMayGoto(e: Emitter): void {
  const { w, left, scratch32 } = e
  const { kernel } = e.context.memories
  w.get(left)
  w.i32(1)
  w.op(Wasm.I32_SUB)
  w.tee(left)
  w.op(Wasm.I32_EQZ)
  w.if(I32, false)
  w.call(e.context.host.tick)
  e.pushBatchesAt()
  w.access(Wasm.I32_LOAD8_U, kernel, BATCHES_OFFSET, true)
  w.tee(scratch32)
  w.op(Wasm.I32_EQZ)
  w.if(I32, false)
  // The next time ends here as well.
  w.i32(1)
  w.tee(left)
  w.else()
  e.pushBatchesAt()
  w.get(scratch32)
  w.i32(1)
  w.op(Wasm.I32_SUB)
  w.access(Wasm.I32_STORE8, kernel, BATCHES_OFFSET, true)
  w.i32(MAY_GOTO_BATCH)
  w.set(left)
  w.i32(0)
  w.end()
  w.else()
  w.i32(0)
  w.end()
}
