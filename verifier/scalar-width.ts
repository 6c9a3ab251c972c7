/**
 * What becomes of a scalar when it is narrowed or widened: 32-bit results, loads and fills, sign extensions.
 */
import {
  MASK_HI,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  U32MAX,
  U32MIN,
  UMAX_HI,
  UMAX_LO,
  UMIN_HI,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'
import { isConst, setConst, setUnbounded32, setUnboundedU64 } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { tnumCast, tnumRange, tnumUnknown } from './tnum.ts'

/** The upper half becomes 0, as in every 32-bit result. */
export function zeroExtend32(w: Int32Array, at: number): void {
  clearUpperHalf(w, at)
  sync(w, at)
}

/** zeroExtend32 without the sync that has to follow. */
export function clearUpperHalf(w: Int32Array, at: number): void {
  w[at + VALUE_HI] = 0
  w[at + MASK_HI] = 0
  w[at + UMIN_LO] = w[at + U32MIN]!
  w[at + UMIN_HI] = 0
  w[at + UMAX_LO] = w[at + U32MAX]!
  w[at + UMAX_HI] = 0
  const positive = w[at + S32MIN]! >= 0 && w[at + S32MAX]! >= 0
  w[at + SMIN_LO] = positive ? w[at + S32MIN]! : 0
  w[at + SMIN_HI] = 0
  w[at + SMAX_LO] = positive ? w[at + S32MAX]! : -1
  w[at + SMAX_HI] = 0
}

/** Only the low `bytes` bytes (1, 2 or 4) stay, as in a zero-extending load of what was stored wider. */
export function truncateTo(w: Int32Array, at: number, bytes: number): void {
  tnumCast(w, at + VALUE_LO, at + VALUE_LO, bytes)
  const keep = bytes === 4 ? -1 : (1 << (bytes * 8)) - 1
  const sameAbove = w[at + UMIN_HI] === w[at + UMAX_HI] && ((w[at + UMIN_LO]! ^ w[at + UMAX_LO]!) & ~keep) === 0
  const min = sameAbove ? w[at + UMIN_LO]! & keep : 0
  const max = sameAbove ? w[at + UMAX_LO]! & keep : keep
  setRange64(w, at, min, 0, max, 0)
  if (bytes < 4) setUnbounded32(w, at)
  sync(w, at)
}

/** The 64-bit sign extension of the low `bytes` bytes (1, 2 or 4). Not synced afterwards: the kernel does not. */
export function signExtend64(w: Int32Array, at: number, bytes: number): void {
  const shift = 32 - bytes * 8
  if (isConst(w, at)) {
    const value = (w[at + VALUE_LO]! << shift) >> shift
    setConst(w, at, value, value >> 31)
    return
  }
  const min = (w[at + SMIN_LO]! << shift) >> shift
  const max = (w[at + SMAX_LO]! << shift) >> shift
  const sameAbove =
    w[at + SMIN_HI] === w[at + SMAX_HI] && (bytes === 4 || (w[at + SMIN_LO]! ^ w[at + SMAX_LO]!) >> (bytes * 8) === 0)
  if (sameAbove && min < 0 === max < 0) {
    const low = Math.min(min, max)
    const high = Math.max(min, max)
    setRange64(w, at, low, low >> 31, high, high >> 31)
    setRange32(w, at, low, high)
    tnumRange(w, at + VALUE_LO, low, low >> 31, high, high >> 31)
    return
  }
  const least = -1 << (bytes * 8 - 1)
  setRange64(w, at, least, -1, ~least, 0)
  setUnboundedU64(w, at)
  setUnbounded32(w, at)
  w[at + S32MIN] = least
  w[at + S32MAX] = ~least
  tnumUnknown(w, at + VALUE_LO)
}

/** The 32-bit sign extension of the low `bytes` bytes (1 or 2), in a register whose upper half becomes 0. */
export function signExtend32(w: Int32Array, at: number, bytes: number): void {
  const shift = 32 - bytes * 8
  if (isConst(w, at)) {
    setConst(w, at, (w[at + VALUE_LO]! << shift) >> shift, 0)
    return
  }
  const min = (w[at + S32MIN]! << shift) >> shift
  const max = (w[at + S32MAX]! << shift) >> shift
  const sameAbove = (w[at + S32MIN]! ^ w[at + S32MAX]!) >> (bytes * 8) === 0
  if (sameAbove && min < 0 === max < 0) {
    const low = Math.min(min, max)
    const high = Math.max(min, max)
    setRange32(w, at, low, high)
    tnumRange(w, at + VALUE_LO, low, 0, high, 0)
  } else {
    const least = -1 << (bytes * 8 - 1)
    setUnbounded32(w, at)
    w[at + S32MIN] = least
    w[at + S32MAX] = ~least
    tnumRange(w, at + VALUE_LO, 0, 0, -1, 0)
  }
  zeroExtend32(w, at)
}

/** Signed and unsigned 64-bit bounds of the same bits. */
function setRange64(w: Int32Array, at: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  w[at + SMIN_LO] = minLo
  w[at + SMIN_HI] = minHi
  w[at + SMAX_LO] = maxLo
  w[at + SMAX_HI] = maxHi
  w[at + UMIN_LO] = minLo
  w[at + UMIN_HI] = minHi
  w[at + UMAX_LO] = maxLo
  w[at + UMAX_HI] = maxHi
}

/** Signed and unsigned 32-bit bounds of the same bits. */
function setRange32(w: Int32Array, at: number, min: number, max: number): void {
  w[at + S32MIN] = min
  w[at + S32MAX] = max
  w[at + U32MIN] = min
  w[at + U32MAX] = max
}
