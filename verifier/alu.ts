/**
 * What arithmetic does to a scalar: tnum and bounds by operation (alu-bounds.ts), then the upper half of 32-bit
 * results, then sync. Pointer arithmetic is not here. Source: Linux 6.18 (stable).
 */
import { Op } from '../isa/table.ts'
import { bswap16, bswap32, bswap64, hi } from '../memory/int64.ts'
import {
  addBounds,
  arshBounds32,
  arshBounds64,
  bitwiseBounds,
  bothConst,
  bothConst32,
  lshBounds32,
  lshBounds64,
  mulBounds,
  rshBounds32,
  rshBounds64,
  subBounds,
} from './alu-bounds.ts'
import {
  MASK_HI,
  MASK_LO,
  REG_WORDS,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  U32MAX,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'
import { clearId, isConst, makeUnknown, setConst, setUnbounded64, setUnknown } from './scalar.ts'
import { boundsFromTnum, sync } from './scalar-sync.ts'
import { clearUpperHalf, truncateTo } from './scalar-width.ts'
import {
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumCast,
  tnumLsh,
  tnumMul,
  tnumNeg,
  tnumOr,
  tnumRsh,
  tnumSub,
  tnumXor,
} from './tnum.ts'

/**
 * dst = dst op src, for ADD SUB MUL DIV SDIV MOD SMOD OR AND XOR LSH RSH ARSH on two scalars, which may be the same
 * register. Division, remainder and a shift by what is no known constant below the width give an unknown scalar
 * without an id; in all other cases ids and links are the caller's to keep or clear (trackAddConst in scalar-link.ts).
 */
export function alu(w: Int32Array, dst: number, src: number, op: Op, width: 32 | 64): void {
  const d = dst + VALUE_LO
  const s = src + VALUE_LO
  switch (op) {
    case Op.ADD:
      tnumAdd(w, d, d, s)
      addBounds(w, dst, dst, src)
      break
    case Op.SUB:
      tnumSub(w, d, d, s)
      subBounds(w, dst, dst, src)
      break
    case Op.MUL:
      tnumMul(w, d, d, s)
      mulBounds(w, dst, src)
      break
    case Op.AND:
    case Op.OR:
    case Op.XOR:
      bitwise(w, dst, src, op)
      break
    case Op.LSH:
    case Op.RSH:
    case Op.ARSH: {
      const by = w[s]!
      if (!isConst(w, src) || w[s + 1] !== 0 || by < 0 || by >= width) {
        makeUnknown(w, dst)
        return
      }
      if (width === 64) shift64(w, dst, by, op)
      else shift32(w, dst, by, op)
      break
    }
    default:
      makeUnknown(w, dst)
      return
  }
  finish(w, dst, width)
}

/** The kernel syncs 32-bit results twice, and the second time may tell more. */
function finish(w: Int32Array, dst: number, width: 32 | 64): void {
  if (width === 32) {
    clearUpperHalf(w, dst)
    if (sync(w, dst)) return
  }
  sync(w, dst)
}

function bitwise(w: Int32Array, dst: number, src: number, op: Op): void {
  const known64 = bothConst(w, dst, src)
  const known32 = bothConst32(w, dst, src)
  const d = dst + VALUE_LO
  if (op === Op.AND) tnumAnd(w, d, d, src + VALUE_LO)
  else if (op === Op.OR) tnumOr(w, d, d, src + VALUE_LO)
  else tnumXor(w, d, d, src + VALUE_LO)
  bitwiseBounds(w, dst, src, op, known64, known32)
}

function shift64(w: Int32Array, dst: number, by: number, op: Op): void {
  const d = dst + VALUE_LO
  if (op === Op.LSH) {
    lshBounds64(w, dst, by)
    tnumLsh(w, d, d, by)
  } else if (op === Op.RSH) {
    rshBounds64(w, dst, by)
    tnumRsh(w, d, d, by)
  } else {
    arshBounds64(w, dst, by)
    tnumArsh(w, d, d, by, 64)
  }
  boundsFromTnum(w, dst)
}

function shift32(w: Int32Array, dst: number, by: number, op: Op): void {
  const d = dst + VALUE_LO
  setUnbounded64(w, dst)
  tnumCast(w, d, d, 4)
  if (op === Op.LSH) {
    lshBounds32(w, dst, by)
    tnumLsh(w, d, d, by)
    tnumCast(w, d, d, 4)
  } else if (op === Op.RSH) {
    rshBounds32(w, dst, by)
    tnumRsh(w, d, d, by)
  } else {
    arshBounds32(w, dst, by)
    tnumArsh(w, d, d, by, 32)
  }
}

// Register 0 stays the constant 0; register 1 is what is subtracted from it.
const zero = new Int32Array(2 * REG_WORDS)

/** dst = -dst */
export function negate(w: Int32Array, dst: number, width: 32 | 64): void {
  tnumNeg(w, dst + VALUE_LO, dst + VALUE_LO)
  for (let i = SMIN_LO; i <= U32MAX; i++) zero[REG_WORDS + i] = w[dst + i]!
  subBounds(zero, REG_WORDS, 0, REG_WORDS)
  for (let i = SMIN_LO; i <= U32MAX; i++) w[dst + i] = zero[REG_WORDS + i]!
  finish(w, dst, width)
}

/** le, be or bswap of `bits` (16, 32 or 64) on a little-endian machine; the id goes unless nothing happens. */
export function swapEnds(w: Int32Array, at: number, op: Op, bits: 16 | 32 | 64): void {
  if (op === Op.LE) {
    if (bits === 64) return
    truncateTo(w, at, bits / 8)
    clearId(w, at)
    return
  }
  swapTnum(w, at, bits)
  const vLo = w[at + VALUE_LO]!
  const vHi = w[at + VALUE_HI]!
  const mLo = w[at + MASK_LO]!
  const mHi = w[at + MASK_HI]!
  setUnknown(w, at)
  w[at + VALUE_LO] = vLo
  w[at + VALUE_HI] = vHi
  w[at + MASK_LO] = mLo
  w[at + MASK_HI] = mHi
  clearId(w, at)
  sync(w, at)
}

function swapTnum(w: Int32Array, at: number, bits: 16 | 32 | 64): void {
  for (let i = at + VALUE_LO; i <= at + MASK_LO; i += 2) {
    if (bits === 64) {
      w[i] = bswap64(w[i]!, w[i + 1]!)
      w[i + 1] = hi
    } else {
      w[i] = bits === 32 ? bswap32(w[i]!) : bswap16(w[i]!)
      w[i + 1] = 0
    }
  }
}

/** Whether, and by which bounds, AND and OR with a constant are walked twice: once for 0, once for -1. */
export type Fork = 0 | 32 | 64

/**
 * `dst` is 0 or -1 by its signed bounds, and `src` a constant: before AND or OR of either width the walk pushes a
 * state in which dst is 0 (`assumeForked(…, 0)`) and goes on with -1 (`assumeForked(…, -1)`); both execute the
 * instruction. 0: no fork.
 */
export function forkWidth(w: Int32Array, dst: number, src: number): Fork {
  if (!isConst(w, src)) return 0
  const isMinusOne = (w[dst + SMIN_LO]! & w[dst + SMIN_HI]!) === -1
  if (isMinusOne && (w[dst + SMAX_LO]! | w[dst + SMAX_HI]!) === 0) return 64
  return w[dst + S32MIN] === -1 && w[dst + S32MAX] === 0 ? 32 : 0
}

/** Makes `dst` the `value` of a fork; a fork by the 32-bit bounds sets these and the tnum's low half alone. */
export function assumeForked(w: Int32Array, dst: number, fork: 32 | 64, value: 0 | -1): void {
  if (fork === 64) {
    clearId(w, dst)
    setConst(w, dst, value, value)
    return
  }
  w[dst + VALUE_LO] = value
  w[dst + MASK_LO] = 0
  for (let i = S32MIN; i <= U32MAX; i++) w[dst + i] = value
}
