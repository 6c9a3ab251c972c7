/**
 * Storing a range into a maple tree.
 *
 * A write reads the leaves it touches into one row of slots, with the new range in the middle:
 *
 *     leaf of `first`          leaf of `last`
 *     [ a | b | c c c ]  …  [ d d | e | f ]        ->     a | b | c | NEW | d | e | f
 *
 * When both are one leaf and the row still fits it, the leaf is rewritten in place. Otherwise the row (with a
 * neighbour's slots, when it is under the minimum fill) is cut into new nodes, and the same is done one level up: the
 * parents' slots before and behind, with the new nodes in the middle. Splits, merges, rebalancing, ranges that span
 * many leaves, a new root and a vanishing one are all this one step, repeated until a level fits in place.
 */
import { ERRNO } from '../../errors/errors.ts'
import {
  childOf,
  endOf,
  GAPS,
  gapSlotOf,
  Kind,
  kindOf,
  maximumOf,
  minimumFill,
  minimumOf,
  type NodeMemory,
  nextOf,
  PIVOTS,
  parentOf,
  parentSlotOf,
  previousOf,
  setEnd,
  setGapSlot,
  setParent,
  slotLimit,
  slotsAt,
  TOP,
} from './node.ts'
import type { MapleTree } from './tree.ts'

/** Two full leaves, what is put between them, and a neighbour of the smallest row. */
const ROW_LIMIT = 64

/** A row of slots of one level, and the nodes that it replaces. */
export class Writer {
  /** Last index of each slot. */
  readonly ends: Float64Array = new Float64Array(ROW_LIMIT)
  readonly values: Float64Array = new Float64Array(ROW_LIMIT)
  /** Largest gap below each child; inner levels of trees with gaps. */
  readonly gaps: Float64Array = new Float64Array(ROW_LIMIT)
  count = 0
  /** First index of the row. */
  min = 0
  kind: Kind = Kind.LEAF
  /** The first and the last node of the level that the row replaces. */
  left = 0
  right = 0

  push(end: number, value: number, gap: number): void {
    this.ends[this.count] = end
    this.values[this.count] = value
    this.gaps[this.count] = gap
    this.count++
  }
}

/** Overwrites [first, last] with an entry, 0 for empty. 0, -EINVAL, or -ENOMEM with nothing changed. */
export function storeRange(tree: MapleTree, first: number, last: number, value: number): number {
  if (!(first >= 0 && first <= last && last <= TOP)) return -ERRNO.EINVAL
  const before = tree.load(first)
  if (before !== 0 && value !== 0 && tree.first === first && tree.last === last) {
    tree.store.f64[tree.leaf + slotsAt(Kind.LEAF) + tree.slot] = value
    return 0
  }
  // All of it is empty already.
  if (before === 0 && value === 0 && tree.last >= last) return 0
  const row = tree.writer
  row.count = 0
  row.kind = Kind.LEAF
  row.min = tree.leafFirst
  row.left = tree.leaf
  if (value === 0) fillErased(tree, first, last)
  else fillStored(tree, first, last, value)
  if (rewrite(tree, row)) return 0
  if (!tree.store.ensure(nodesForStore(tree))) return -ERRNO.ENOMEM
  splice(tree, row)
  return 0
}

/** Nodes that one store may need at most. */
export function nodesForStore(tree: MapleTree): number {
  return 4 * tree.height + 4
}

/** The row of leaf slots with an entry stored. The cursor stands at `first`. */
function fillStored(tree: MapleTree, first: number, last: number, value: number): void {
  const row = tree.writer
  pushSlots(tree, tree.leaf, 0, tree.slot - 1, tree.leafLast)
  if (tree.first < first) row.push(first - 1, tree.value, 0)
  row.push(last, value, 0)
  if (last > tree.leafLast) tree.load(last)
  pushBehind(tree, last)
}

/** The row with the span empty. Empty ranges stay maximal: what is empty on both sides is taken in. */
function fillErased(tree: MapleTree, first: number, last: number): void {
  const row = tree.writer
  const { f64 } = tree.store
  let kept = tree.slot - 1
  if (tree.value !== 0) {
    if (tree.first < first) {
      pushSlots(tree, tree.leaf, 0, kept, tree.leafLast)
      row.push(first - 1, tree.value, 0)
      kept = -1
    } else if (kept >= 0 && f64[tree.leaf + slotsAt(Kind.LEAF) + kept] === 0) {
      // Only within the leaf: the one before ends in an entry.
      kept--
    }
  }
  pushSlots(tree, tree.leaf, 0, kept, tree.leafLast)
  // A leaf that would end in an empty range gives it to the next one.
  if (last >= tree.leafLast && tree.leafLast < TOP) tree.load(Math.min(last + 1, TOP))
  const to = last < TOP ? endOfEmpty(tree, last + 1) : last
  row.push(to, 0, 0)
  pushBehind(tree, to)
}

/** Where the empty range at `index`, in the cursor's leaf, ends; index - 1 when there is an entry. */
function endOfEmpty(tree: MapleTree, index: number): number {
  const { f64 } = tree.store
  const { leaf } = tree
  const end = endOf(tree.store, leaf)
  let slot = 0
  while (slot < end && f64[leaf + PIVOTS + slot]! < index) slot++
  if (f64[leaf + slotsAt(Kind.LEAF) + slot] !== 0) return index - 1
  return slot < end ? f64[leaf + PIVOTS + slot]! : tree.leafLast
}

/** What the cursor's leaf, the last of the row, holds behind an index. */
function pushBehind(tree: MapleTree, index: number): void {
  const row = tree.writer
  const { f64 } = tree.store
  const { leaf } = tree
  row.right = leaf
  if (leaf === 0) {
    if (index < TOP) row.push(TOP, 0, 0)
    return
  }
  const end = endOf(tree.store, leaf)
  for (let slot = 0; slot <= end; slot++) {
    const slotLast = slot < end ? f64[leaf + PIVOTS + slot]! : tree.leafLast
    if (slotLast > index) row.push(slotLast, f64[leaf + slotsAt(Kind.LEAF) + slot]!, 0)
  }
}

/** Appends slots of a node, whose maximum is given, to the row. */
function pushSlots(tree: MapleTree, node: number, from: number, to: number, max: number): void {
  const { f64 } = tree.store
  const kind = tree.writer.kind
  const end = to < from ? 0 : endOf(tree.store, node)
  for (let slot = from; slot <= to; slot++) {
    const gap = kind === Kind.ARANGE ? f64[node + GAPS + slot]! : 0
    tree.writer.push(slot < end ? f64[node + PIVOTS + slot]! : max, f64[node + slotsAt(kind) + slot]!, gap)
  }
}

/** Writes the row over the one node that it replaces, when it fits there. */
function rewrite(tree: MapleTree, row: Writer): boolean {
  const node = row.left
  if (node === 0 || node !== row.right || row.count > slotLimit(row.kind)) return false
  const isRoot = parentOf(tree.store, node) === 0
  if (isRoot ? isDegenerate(row) : row.count < minimumFill(row.kind)) return false
  setEnd(tree.store, node, row.count - 1)
  const gap = writeSlots(tree, row, node, 0, row.count)
  if (tree.gaps) raiseGap(tree.store, node, gap)
  return true
}

/** A root with nothing in it, or with a single child. */
function isDegenerate(row: Writer): boolean {
  return row.count === 1 && (row.kind !== Kind.LEAF || row.values[0] === 0)
}

/** Slots [from, to) of the row into a node; children learn of their parent. Returns the node's largest gap. */
function writeSlots(tree: MapleTree, row: Writer, node: number, from: number, to: number): number {
  const { store } = tree
  const { f64 } = store
  const slots = node + slotsAt(row.kind)
  let start = from === 0 ? row.min : row.ends[from - 1]! + 1
  let largest = 0
  let largestSlot = 0
  for (let index = from; index < to; index++) {
    const slot = index - from
    const end = row.ends[index]!
    const value = row.values[index]!
    if (index < to - 1) f64[node + PIVOTS + slot] = end
    f64[slots + slot] = value
    let gap = 0
    if (row.kind !== Kind.LEAF) {
      setParent(store, value, node, slot)
      gap = row.gaps[index]!
      if (row.kind === Kind.ARANGE) f64[node + GAPS + slot] = gap
    } else if (value === 0) gap = end - start + 1
    if (gap >= largest) {
      largest = gap
      largestSlot = slot
    }
    start = end + 1
  }
  if (row.kind === Kind.ARANGE) setGapSlot(store, node, largestSlot)
  return largest
}

/** A node's largest gap has become `gap`: tells the nodes above, as far up as anything changes. */
function raiseGap(memory: NodeMemory, from: number, largest: number): void {
  const { f64 } = memory
  let gap = largest
  for (let node = from; ; ) {
    const parent = parentOf(memory, node)
    if (parent === 0) return
    const slot = parentSlotOf(memory, node)
    const recorded = gapSlotOf(memory, parent)
    const before = f64[parent + GAPS + recorded]!
    f64[parent + GAPS + slot] = gap
    if (slot !== recorded) {
      if (gap <= before) return
      setGapSlot(memory, parent, slot)
    } else if (gap < before) {
      let best = endOf(memory, parent)
      for (let other = best - 1; other >= 0; other--) {
        if (f64[parent + GAPS + other]! > f64[parent + GAPS + best]!) best = other
      }
      setGapSlot(memory, parent, best)
      gap = f64[parent + GAPS + best]!
    }
    if (gap === before) return
    node = parent
  }
}

/** Replaces the nodes from row.left to row.right by new ones, level by level upwards. */
function splice(tree: MapleTree, row: Writer): void {
  const { store } = tree
  for (;;) {
    if (row.count < minimumFill(row.kind)) takeNeighbour(tree, row)
    const { left, right } = row
    const whole = left === 0 || (nextOf(store, right) === 0 && previousOf(store, left) === 0)
    if (whole && row.count <= slotLimit(row.kind)) {
      const above = left === 0 ? 0 : parentOf(store, left)
      const aboveRight = left === 0 ? 0 : parentOf(store, right)
      // The nodes go before the root is made, which may reuse one of them: the row holds all that is needed.
      if (left !== 0) freeLevel(tree, left, right)
      freeAbove(tree, above, aboveRight)
      tree.root = makeRoot(tree, row)
      return
    }
    const parentLeft = parentOf(store, left)
    const slotLeft = parentSlotOf(store, left)
    const parentRight = parentOf(store, right)
    const slotRight = parentSlotOf(store, right)
    const nodes = cut(tree, row)
    freeLevel(tree, left, right)
    row.count = 0
    row.kind = tree.gaps ? Kind.ARANGE : Kind.RANGE
    row.left = parentLeft
    row.right = parentRight
    if (parentLeft === 0) {
      for (const one of nodes) row.push(one.end, one.node, one.gap)
      row.min = 0
      tree.root = makeRoot(tree, row)
      return
    }
    row.min = minimumOf(store, parentLeft)
    pushSlots(tree, parentLeft, 0, slotLeft - 1, TOP)
    for (const one of nodes) row.push(one.end, one.node, one.gap)
    pushSlots(tree, parentRight, slotRight + 1, endOf(store, parentRight), maximumOf(store, parentRight))
    if (rewrite(tree, row)) return
  }
}

/** Adds the slots of a node beside the row to it; a sibling where there is one. */
function takeNeighbour(tree: MapleTree, row: Writer): void {
  const { store } = tree
  if (row.left === 0) return
  const hasRightSibling =
    parentOf(store, row.right) !== 0 && parentSlotOf(store, row.right) < endOf(store, parentOf(store, row.right))
  const hasLeftSibling = parentOf(store, row.left) !== 0 && parentSlotOf(store, row.left) > 0
  const next = hasLeftSibling && !hasRightSibling ? 0 : nextOf(store, row.right)
  if (next !== 0) {
    pushSlots(tree, next, 0, endOf(store, next), maximumOf(store, next))
    row.right = next
    return
  }
  const previous = previousOf(store, row.left)
  if (previous === 0) return
  const max = row.min - 1
  const added = endOf(store, previous) + 1
  const own = row.count
  for (const part of [row.ends, row.values, row.gaps]) part.copyWithin(added, 0, own)
  row.count = 0
  pushSlots(tree, previous, 0, added - 1, max)
  row.count = added + own
  row.left = previous
  row.min = minimumOf(store, previous)
}

interface NewNode {
  readonly node: number
  readonly end: number
  readonly gap: number
}

/** Cuts the row into as few nodes as it takes, evenly; none but the last of the tree ends in an empty range. */
function cut(tree: MapleTree, row: Writer): NewNode[] {
  const limit = slotLimit(row.kind)
  // Two slots are kept spare so that a cut can move by one.
  const parts = row.count <= limit ? 1 : Math.ceil(row.count / (limit - 1))
  const atEdge = parts === 2 && nextOf(tree.store, row.right) === 0
  const nodes: NewNode[] = []
  let from = 0
  for (let part = 0; part < parts; part++) {
    // At the right edge of the tree more is likely to follow behind: the left parts are filled well.
    const spare = row.kind === Kind.LEAF ? 1 : 0
    const share = atEdge ? Math.min(limit - 1, row.count - minimumFill(row.kind) - spare) : 0
    const even = Math.round((row.count - from) / (parts - part))
    let to = part === parts - 1 ? row.count : from + Math.max(share, even)
    if (row.kind === Kind.LEAF && to < row.count && row.values[to - 1] === 0) to += to - from < limit ? 1 : -1
    const node = tree.store.alloc(row.kind, to - from - 1)
    const gap = writeSlots(tree, row, node, from, to)
    nodes.push({ node, end: row.ends[to - 1]!, gap })
    from = to
  }
  return nodes
}

/** The row, which fits one node, as the whole tree. */
function makeRoot(tree: MapleTree, row: Writer): number {
  if (isDegenerate(row)) {
    const only = row.values[0]!
    // A single child becomes the root itself; a single empty range is the empty tree.
    if (only !== 0) setParent(tree.store, only, 0, 0)
    return only
  }
  const node = tree.store.alloc(row.kind, row.count - 1)
  writeSlots(tree, row, node, 0, row.count)
  return node
}

/** Frees the nodes of one level from `left` to `right`. */
function freeLevel(tree: MapleTree, left: number, right: number): void {
  for (let node = left; ; ) {
    // Freeing keeps nothing of a node: go on first.
    const next = node === right ? 0 : nextOf(tree.store, node)
    tree.store.free(node)
    if (next === 0) return
    node = next
  }
}

/** Frees the levels from these nodes up, which are all that is left of theirs. */
function freeAbove(tree: MapleTree, left: number, right: number): void {
  for (let first = left, last = right; first !== 0; ) {
    const parent = parentOf(tree.store, first)
    const parentRight = parentOf(tree.store, last)
    freeLevel(tree, first, last)
    first = parent
    last = parentRight
  }
}

/** Frees every node of the tree. */
export function clearTree(tree: MapleTree): void {
  if (tree.root === 0) return
  const levels: number[] = []
  for (let node = tree.root; ; node = childOf(tree.store, node, 0)) {
    levels.push(node)
    if (kindOf(tree.store, node) === Kind.LEAF) break
  }
  for (const first of levels.reverse()) {
    let last = first
    for (let node = first; node !== 0; node = nextOf(tree.store, node)) last = node
    freeLevel(tree, first, last)
  }
  tree.root = 0
}
