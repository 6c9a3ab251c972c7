/**
 * The abstract operations that the verifier's walk applies to scalars, as one object: the walk takes it as an option,
 * so that tests can hand it a copy with one operation broken and see whether the checks notice.
 */
import { alu, assumeForked, forkWidth, negate, swapEnds } from './alu.ts'
import { addToPointer, subFromPointer } from './alu-pointer.ts'
import { predict } from './branch.ts'
import { refine } from './branch-refine.ts'
import { fitsUnsigned } from './scalar.ts'
import { trackAddConst, updateLinked } from './scalar-link.ts'
import { signExtend32, signExtend64, truncateTo, zeroExtend32 } from './scalar-width.ts'

export interface Transfer {
  /** dst = dst op src, on scalars */
  readonly alu: typeof alu
  readonly negate: typeof negate
  /** le, be, bswap */
  readonly swapEnds: typeof swapEnds
  readonly forkWidth: typeof forkWidth
  readonly assumeForked: typeof assumeForked
  /** Variable part of pointer + scalar. */
  readonly addToPointer: typeof addToPointer
  /** Variable part of pointer - scalar. */
  readonly subFromPointer: typeof subFromPointer
  /** After a 32-bit move or other 32-bit definition. */
  readonly zeroExtend32: typeof zeroExtend32
  /** After a narrow load or fill. */
  readonly truncateTo: typeof truncateTo
  /** After a sign-extending load or a 64-bit MOVSX. */
  readonly signExtend64: typeof signExtend64
  /** After a 32-bit MOVSX. */
  readonly signExtend32: typeof signExtend32
  /** Whether a spill, fill or 32-bit move of `bits` bits loses nothing. */
  readonly fitsUnsigned: typeof fitsUnsigned
  readonly predict: typeof predict
  readonly refine: typeof refine
  readonly trackAddConst: typeof trackAddConst
  readonly updateLinked: typeof updateLinked
}

/** The kernel's. */
export const transfer: Transfer = {
  alu,
  negate,
  swapEnds,
  forkWidth,
  assumeForked,
  addToPointer,
  subFromPointer,
  zeroExtend32,
  truncateTo,
  signExtend64,
  signExtend32,
  fitsUnsigned,
  predict,
  refine,
  trackAddConst,
  updateLinked,
}
