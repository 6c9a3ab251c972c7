/**
 * Scalars that are copies of one another share an id; one to which a constant was added since keeps it with the
 * constant as its delta (OFF) and the width of the addition (LINK). What a branch tells of one holds for all.
 * Source: Linux 6.18 (stable).
 */
import { Op } from '../isa/table.ts'
import { hi, sub } from '../memory/int64.ts'
import { addBounds } from './alu-bounds.ts'
import { ID, LINK, OFF, REG_WORDS, SUBREG_DEF, UMAX_HI, VALUE_HI, VALUE_LO } from './layout.ts'
import { clearId, copyReg, isConst, isConst32, S32_MIN, setConst } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { zeroExtend32 } from './scalar-width.ts'
import { tnumAdd } from './tnum.ts'

/**
 * What becomes of dst's id in `dst op= src`; to be called before `alu`, on every ALU operation that keeps dst a
 * scalar. The id stays, with a delta, for the first addition or subtraction of a constant; else it goes.
 */
export function trackAddConst(w: Int32Array, dst: number, src: number, op: Op, width: 32 | 64): void {
  if (w[dst + ID] === 0) return
  const delta = w[dst + LINK] === 0 && dst !== src ? addedConst(w, dst, src, op, width) : undefined
  if (delta === undefined) {
    clearId(w, dst)
    return
  }
  w[dst + LINK] = width
  w[dst + OFF] = delta
}

function addedConst(w: Int32Array, dst: number, src: number, op: Op, width: 32 | 64): number | undefined {
  if (op !== Op.ADD && op !== Op.SUB) return undefined
  const k = w[src + VALUE_LO]!
  if (width === 64) {
    if (!isConst(w, src) || w[src + VALUE_HI] !== k >> 31) return undefined
  } else if (!isConst32(w, src) || w[dst + UMAX_HI] !== 0) {
    return undefined
  }
  if (op === Op.ADD) return k
  return k === S32_MIN ? undefined : -k
}

const scratch = new Int32Array(2 * REG_WORDS)
const KNOWN = 0
const DELTA = REG_WORDS

/**
 * Carries to the register at `at` what a branch told of `from`, a register of the same id: a copy of it, or the copy
 * plus the difference of their deltas. Does nothing between deltas of different widths. Ids are not compared.
 */
export function updateLinked(w: Int32Array, at: number, from: Int32Array, fromAt: number): void {
  const link = w[at + LINK]!
  const fromLink = from[fromAt + LINK]!
  if (link !== 0 && fromLink !== 0 && link !== fromLink) return
  const own = link === 0 ? 0 : w[at + OFF]!
  const known = fromLink === 0 ? 0 : from[fromAt + OFF]!
  const subregDef = w[at + SUBREG_DEF]!
  if (own === known) {
    copyReg(w, at, from, fromAt)
    w[at + SUBREG_DEF] = subregDef
    return
  }
  const id = w[at + ID]!
  copyReg(scratch, KNOWN, from, fromAt)
  const deltaLo = sub(own, own >> 31, known, known >> 31)
  setConst(scratch, DELTA, deltaLo, hi)
  tnumAdd(scratch, KNOWN + VALUE_LO, KNOWN + VALUE_LO, DELTA + VALUE_LO)
  addBounds(scratch, KNOWN, KNOWN, DELTA)
  copyReg(w, at, scratch, KNOWN)
  w[at + ID] = id
  w[at + OFF] = own
  w[at + LINK] = link
  w[at + SUBREG_DEF] = subregDef
  if (link === 32 || fromLink === 32) zeroExtend32(w, at)
  sync(w, at)
}
