/**
 * Copies of the verifier's transfer functions, each with one mistake of a kind that verifiers have had. State checking
 * is only worth something if it finds every one of them.
 */
import { Op } from '../isa/table.ts'
import { add, hi } from '../memory/int64.ts'
import { MASK_HI, MASK_LO, S32MIN, U32MAX, VALUE_HI, VALUE_LO } from '../verifier/layout.ts'
import { type Transfer, transfer } from '../verifier/transfer.ts'

export interface PlantedBug {
  readonly name: string
  readonly transfer: Transfer
}

/** Known bits of a sum: forgets that a carry reaches bits above those that are unknown. */
function addWithoutCarry(w: Int32Array, dst: number, src: number, op: Op, width: 32 | 64): void {
  const lo = add(w[dst + VALUE_LO]!, w[dst + VALUE_HI]!, w[src + VALUE_LO]!, w[src + VALUE_HI]!)
  const high = hi
  const maskLo = w[dst + MASK_LO]! | w[src + MASK_LO]!
  const maskHi = w[dst + MASK_HI]! | w[src + MASK_HI]!
  transfer.alu(w, dst, src, op, width)
  if (op !== Op.ADD) return
  w[dst + VALUE_LO] = lo & ~maskLo
  w[dst + MASK_LO] = maskLo
  if (width === 32) return
  w[dst + VALUE_HI] = high & ~maskHi
  w[dst + MASK_HI] = maskHi
}

/** A 64-bit addition: leaves the bounds of the low half as they were. */
function addWithStaleHalf(w: Int32Array, dst: number, src: number, op: Op, width: 32 | 64): void {
  const before = w.slice(dst + S32MIN, dst + U32MAX + 1)
  transfer.alu(w, dst, src, op, width)
  if (op === Op.ADD && width === 64) w.set(before, dst + S32MIN)
}

/** Where a > b is false, a < b: forgets that they may be equal. */
function refineSignedGreater(w: Int32Array, a: number, b: number, op: Op, width: 32 | 64, outcome: boolean): void {
  if (op === Op.JSGT && !outcome) transfer.refine(w, a, b, Op.JSLT, width, true)
  else transfer.refine(w, a, b, op, width, outcome)
}

/** A narrow fill of what was spilled wider: takes twice the bytes. */
function fillTooWide(w: Int32Array, at: number, bytes: number): void {
  if (bytes < 4) transfer.truncateTo(w, at, 2 * bytes)
}

/** Sign-extending loads and moves: extends with zeros. */
function extendWithZeros(w: Int32Array, at: number, bytes: number): void {
  transfer.truncateTo(w, at, bytes)
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  { name: 'wrong tnum add', transfer: { ...transfer, alu: addWithoutCarry } },
  { name: '32-bit bounds left stale after a 64-bit add', transfer: { ...transfer, alu: addWithStaleHalf } },
  { name: 'wrong JSGT refinement', transfer: { ...transfer, refine: refineSignedGreater } },
  { name: 'wrong spill width', transfer: { ...transfer, truncateTo: fillTooWide } },
  {
    name: 'missed sign extension',
    transfer: { ...transfer, signExtend64: extendWithZeros, signExtend32: extendWithZeros },
  },
]
