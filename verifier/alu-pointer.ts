/**
 * The variable part of a pointer when a scalar that is no constant is added or subtracted: tnum and 64-bit bounds,
 * where any overflow forgets both unsigned bounds (a scalar's wrap together). The fixed offset is the caller's.
 */
import { ltU } from '../memory/int64.ts'
import { addBounds, subBounds } from './alu-bounds.ts'
import { UMAX_HI, UMAX_LO, UMIN_HI, UMIN_LO, VALUE_LO } from './layout.ts'
import { setUnbounded32, setUnboundedU64 } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { tnumAdd, tnumSub } from './tnum.ts'

/** The variable part at `dst` becomes ptr's plus that of the scalar `off`; dst may be either. */
export function addToPointer(w: Int32Array, dst: number, ptr: number, off: number): void {
  // A carry out of the greatest sum is one out of the pair.
  const maxLo = ~w[ptr + UMAX_LO]!
  const maxHi = ~w[ptr + UMAX_HI]!
  const overflows = ltU(maxLo, maxHi, w[off + UMAX_LO]!, w[off + UMAX_HI]!)
  addBounds(w, dst, ptr, off)
  if (overflows) setUnboundedU64(w, dst)
  tnumAdd(w, dst + VALUE_LO, ptr + VALUE_LO, off + VALUE_LO)
  setUnbounded32(w, dst)
  sync(w, dst)
}

/** The variable part at `dst` becomes ptr's minus that of the scalar `off`; dst may be either. */
export function subFromPointer(w: Int32Array, dst: number, ptr: number, off: number): void {
  const underflows = ltU(w[ptr + UMIN_LO]!, w[ptr + UMIN_HI]!, w[off + UMAX_LO]!, w[off + UMAX_HI]!)
  subBounds(w, dst, ptr, off)
  if (underflows) setUnboundedU64(w, dst)
  tnumSub(w, dst + VALUE_LO, ptr + VALUE_LO, off + VALUE_LO)
  setUnbounded32(w, dst)
  sync(w, dst)
}
