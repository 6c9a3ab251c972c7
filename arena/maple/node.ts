/**
 * Layout of a maple tree's nodes: 256-byte records in kernel memory, 32 words of 8 bytes.
 *
 *     word   0        1 … 9       10 … 19      20 … 29     30 31
 *     arange header | 9 pivots  | 10 children | 10 gaps  | unused       inner, with gaps; at least 4 used
 *
 *     word   0        1 … 15              16 … 31
 *     leaf   header | 15 pivots         | 16 entries                    at least 6 used
 *     range  header | 15 pivots         | 16 children                   inner, without gaps; at least 6 used
 *
 *     header: parent (int32) | kind, index of the last used slot, slot in the parent, slot of the largest gap (bytes)
 *
 * Slot i covers the indices (pivot i-1, pivot i]. The first begins at the node's minimum; the last used one runs to
 * the node's maximum, which is in no pivot: it follows from the parents. A pivot, an entry and a gap are whole
 * numbers up to 2^53 - 1, kept as doubles: numbers that JavaScript computes with directly. Entry 0 means empty.
 *
 * A node is named by its handle, the index of its first word in a Float64Array over the memory; 0 is no node.
 */

/** The largest index of a tree. */
export const TOP: number = Number.MAX_SAFE_INTEGER

export const NODE_WORDS = 32

export const Kind = { FREE: 0, LEAF: 1, RANGE: 2, ARANGE: 3 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]
const { ARANGE } = Kind

/** The two views of the memory that nodes lie in. */
export interface NodeMemory {
  readonly f64: Float64Array
  readonly i32: Int32Array
}

export function slotLimit(kind: Kind): number {
  return kind === ARANGE ? 10 : 16
}

/** Fewest used slots of a node that is not the root. */
export function minimumFill(kind: Kind): number {
  return kind === ARANGE ? 4 : 6
}

/** Word of the first child or entry, from the node's handle on. */
export function slotsAt(kind: Kind): number {
  return kind === ARANGE ? 10 : 16
}

/** Word of the first pivot, and of the first gap. */
export const PIVOTS = 1
export const GAPS = 20

export function setHeader(memory: NodeMemory, node: number, kind: Kind, end: number): void {
  memory.i32[2 * node] = 0
  memory.i32[2 * node + 1] = kind | (end << 8)
}

export function kindOf(memory: NodeMemory, node: number): Kind {
  return (memory.i32[2 * node + 1]! & 0xff) as Kind
}

/** Index of the last used slot. */
export function endOf(memory: NodeMemory, node: number): number {
  return (memory.i32[2 * node + 1]! >> 8) & 0xff
}

export function setEnd(memory: NodeMemory, node: number, end: number): void {
  const at = 2 * node + 1
  memory.i32[at] = (memory.i32[at]! & ~0xff00) | (end << 8)
}

/** The parent's handle, 0 for the root. */
export function parentOf(memory: NodeMemory, node: number): number {
  return memory.i32[2 * node]!
}

export function parentSlotOf(memory: NodeMemory, node: number): number {
  return (memory.i32[2 * node + 1]! >> 16) & 0xff
}

export function setParent(memory: NodeMemory, node: number, parent: number, slot: number): void {
  const at = 2 * node + 1
  memory.i32[2 * node] = parent
  memory.i32[at] = (memory.i32[at]! & ~0xff0000) | (slot << 16)
}

/** The slot of an arange node that records its largest gap; among equals any, usually the highest. */
export function gapSlotOf(memory: NodeMemory, node: number): number {
  return memory.i32[2 * node + 1]! >>> 24
}

export function setGapSlot(memory: NodeMemory, node: number, slot: number): void {
  const at = 2 * node + 1
  memory.i32[at] = (memory.i32[at]! & 0xffffff) | (slot << 24)
}

export function childOf(memory: NodeMemory, node: number, slot: number): number {
  return memory.f64[node + slotsAt(kindOf(memory, node)) + slot]!
}

/** Lowest index that a node covers. */
export function minimumOf(memory: NodeMemory, node: number): number {
  for (let at = node; ; ) {
    const parent = parentOf(memory, at)
    if (parent === 0) return 0
    const slot = parentSlotOf(memory, at)
    if (slot > 0) return memory.f64[parent + PIVOTS + slot - 1]! + 1
    at = parent
  }
}

/** Highest index that a node covers. */
export function maximumOf(memory: NodeMemory, node: number): number {
  for (let at = node; ; ) {
    const parent = parentOf(memory, at)
    if (parent === 0) return TOP
    const slot = parentSlotOf(memory, at)
    if (slot < endOf(memory, parent)) return memory.f64[parent + PIVOTS + slot]!
    at = parent
  }
}

/** The node to the right on the same level, 0 when there is none. */
export function nextOf(memory: NodeMemory, node: number): number {
  let at = node
  for (let up = 1; ; up++) {
    const parent = parentOf(memory, at)
    if (parent === 0) return 0
    const slot = parentSlotOf(memory, at)
    if (slot < endOf(memory, parent)) {
      at = childOf(memory, parent, slot + 1)
      for (; up > 1; up--) at = childOf(memory, at, 0)
      return at
    }
    at = parent
  }
}

/** The node to the left on the same level, 0 when there is none. */
export function previousOf(memory: NodeMemory, node: number): number {
  let at = node
  for (let up = 1; ; up++) {
    const parent = parentOf(memory, at)
    if (parent === 0) return 0
    const slot = parentSlotOf(memory, at)
    if (slot > 0) {
      at = childOf(memory, parent, slot - 1)
      for (; up > 1; up--) at = childOf(memory, at, endOf(memory, at))
      return at
    }
    at = parent
  }
}
