/**
 * Conditional jumps on two scalars: whether the ranges decide the outcome. What the outcome tells of the operands is
 * in branch-refine.ts. Source: Linux 6.18 (stable).
 */
import { Op } from '../isa/table.ts'
import { ltS, ltU } from '../memory/int64.ts'
import {
  MASK_HI,
  MASK_LO,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'

/** 1: always jumps; 0: never; -1: may do either. */
export type Prediction = 1 | 0 | -1

/**
 * Whether `if a op b` on two scalars jumps. Width 32 compares the low halves. The same register on both sides gets no
 * special treatment.
 */
export function predict(w: Int32Array, a: number, b: number, op: Op, width: 32 | 64): Prediction {
  switch (op) {
    case Op.JEQ:
      return predictEqual(w, a, b, width)
    case Op.JNE:
      return not(predictEqual(w, a, b, width))
    case Op.JSET:
      return isKnown(w, b, width) ? predictSet(w, a, b, width) : predictSet(w, b, a, width)
    case Op.JGT:
      return decide(isBelow(w, b, a, width), isNotBelow(w, b, a, width))
    case Op.JLT:
      return decide(isBelow(w, a, b, width), isNotBelow(w, a, b, width))
    case Op.JGE:
      return decide(isNotBelow(w, a, b, width), isBelow(w, a, b, width))
    case Op.JLE:
      return decide(isNotBelow(w, b, a, width), isBelow(w, b, a, width))
    case Op.JSGT:
      return decide(isLess(w, b, a, width), isNotLess(w, b, a, width))
    case Op.JSLT:
      return decide(isLess(w, a, b, width), isNotLess(w, a, b, width))
    case Op.JSGE:
      return decide(isNotLess(w, a, b, width), isLess(w, a, b, width))
    case Op.JSLE:
      return decide(isNotLess(w, b, a, width), isLess(w, b, a, width))
    default:
      return -1
  }
}

/** Where a range is empty, as on impossible paths, both may hold: then it jumps. */
function decide(always: boolean, never: boolean): Prediction {
  return always ? 1 : never ? 0 : -1
}

function not(prediction: Prediction): Prediction {
  return prediction === -1 ? -1 : prediction === 1 ? 0 : 1
}

function isKnown(w: Int32Array, at: number, width: 32 | 64): boolean {
  return w[at + MASK_LO] === 0 && (width === 32 || w[at + MASK_HI] === 0)
}

function predictEqual(w: Int32Array, a: number, b: number, width: 32 | 64): Prediction {
  const upper = width === 32 ? 0 : -1
  const differLo = w[a + VALUE_LO]! ^ w[b + VALUE_LO]!
  const differHi = (w[a + VALUE_HI]! ^ w[b + VALUE_HI]!) & upper
  const openLo = w[a + MASK_LO]! | w[b + MASK_LO]!
  const openHi = (w[a + MASK_HI]! | w[b + MASK_HI]!) & upper
  if ((openLo | openHi) === 0) return (differLo | differHi) === 0 ? 1 : 0
  // A bit known in both that differs.
  if (((differLo & ~openLo) | (differHi & ~openHi)) !== 0) return 0
  if (width === 64 && areApart64(w, a, b)) return 0
  return areApart32(w, a, b) ? 0 : -1
}

/** No overlap of the unsigned ranges, or none of the signed ones. */
function areApart64(w: Int32Array, a: number, b: number): boolean {
  return (
    lessU(w, a + UMAX_LO, b + UMIN_LO) ||
    lessU(w, b + UMAX_LO, a + UMIN_LO) ||
    lessS(w, a + SMAX_LO, b + SMIN_LO) ||
    lessS(w, b + SMAX_LO, a + SMIN_LO)
  )
}

/** The same for the low halves. */
function areApart32(w: Int32Array, a: number, b: number): boolean {
  return (
    w[a + U32MAX]! >>> 0 < w[b + U32MIN]! >>> 0 ||
    w[b + U32MAX]! >>> 0 < w[a + U32MIN]! >>> 0 ||
    w[a + S32MAX]! < w[b + S32MIN]! ||
    w[b + S32MAX]! < w[a + S32MIN]!
  )
}

/** JSET with `c` as the constant. */
function predictSet(w: Int32Array, a: number, c: number, width: 32 | 64): Prediction {
  if (!isKnown(w, c, width)) return -1
  const upper = width === 32 ? 0 : w[c + VALUE_HI]!
  const lower = w[c + VALUE_LO]!
  const vLo = w[a + VALUE_LO]!
  const vHi = w[a + VALUE_HI]!
  if (((vLo & lower) | (vHi & upper)) !== 0) return 1
  const mayBeSet = ((vLo | w[a + MASK_LO]!) & lower) | ((vHi | w[a + MASK_HI]!) & upper)
  return mayBeSet === 0 ? 0 : -1
}

/** a < b for all values, unsigned */
function isBelow(w: Int32Array, a: number, b: number, width: 32 | 64): boolean {
  return width === 32 ? w[a + U32MAX]! >>> 0 < w[b + U32MIN]! >>> 0 : lessU(w, a + UMAX_LO, b + UMIN_LO)
}

/** a >= b for all values, unsigned */
function isNotBelow(w: Int32Array, a: number, b: number, width: 32 | 64): boolean {
  return width === 32 ? w[a + U32MIN]! >>> 0 >= w[b + U32MAX]! >>> 0 : !lessU(w, a + UMIN_LO, b + UMAX_LO)
}

/** a < b for all values, signed */
function isLess(w: Int32Array, a: number, b: number, width: 32 | 64): boolean {
  return width === 32 ? w[a + S32MAX]! < w[b + S32MIN]! : lessS(w, a + SMAX_LO, b + SMIN_LO)
}

/** a >= b for all values, signed */
function isNotLess(w: Int32Array, a: number, b: number, width: 32 | 64): boolean {
  return width === 32 ? w[a + S32MIN]! >= w[b + S32MAX]! : !lessS(w, a + SMIN_LO, b + SMAX_LO)
}

function lessU(w: Int32Array, i: number, j: number): boolean {
  return ltU(w[i]!, w[i + 1]!, w[j]!, w[j + 1]!)
}

function lessS(w: Int32Array, i: number, j: number): boolean {
  return ltS(w[i]!, w[i + 1]!, w[j]!, w[j + 1]!)
}
