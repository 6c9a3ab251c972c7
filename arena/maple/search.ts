/**
 * Empty areas of a maple tree that tracks gaps: first fit from below, or its mirror image from above.
 *
 * A child is entered when it reaches into [min, max] and has a gap that is large enough. Only children cut by the
 * bounds can disappoint (the gap may lie outside), so at most two paths are walked in vain.
 */
import { endOf, GAPS, Kind, kindOf, PIVOTS, slotsAt } from './node.ts'
import type { MapleTree } from './tree.ts'

/** Lowest start of `count` empty indices in [min, max] below this node, which covers [low, high]; -1 for none. */
export function searchForward(
  tree: MapleTree,
  node: number,
  low: number,
  high: number,
  min: number,
  max: number,
  count: number,
): number {
  const { f64 } = tree.store
  const kind = kindOf(tree.store, node)
  const end = endOf(tree.store, node)
  tree.visits++
  let first = low
  for (let slot = 0; slot <= end && first <= max; slot++) {
    const last = slot < end ? f64[node + PIVOTS + slot]! : high
    if (last >= min) {
      const content = f64[node + slotsAt(kind) + slot]!
      if (kind === Kind.LEAF) {
        const start = Math.max(first, min)
        if (content === 0 && Math.min(last, max) - start >= count - 1) return start
      } else if (f64[node + GAPS + slot]! >= count) {
        const found = searchForward(tree, content, first, last, min, max, count)
        if (found >= 0) return found
      }
    }
    first = last + 1
  }
  return -1
}

/** Highest start. */
export function searchReverse(
  tree: MapleTree,
  node: number,
  low: number,
  high: number,
  min: number,
  max: number,
  count: number,
): number {
  const { f64 } = tree.store
  const kind = kindOf(tree.store, node)
  tree.visits++
  let last = high
  for (let slot = endOf(tree.store, node); slot >= 0 && last >= min; slot--) {
    const first = slot > 0 ? f64[node + PIVOTS + slot - 1]! + 1 : low
    if (first <= max) {
      const content = f64[node + slotsAt(kind) + slot]!
      if (kind === Kind.LEAF) {
        const final = Math.min(last, max)
        if (content === 0 && final - Math.max(first, min) >= count - 1) return final - count + 1
      } else if (f64[node + GAPS + slot]! >= count) {
        const found = searchReverse(tree, content, first, last, min, max, count)
        if (found >= 0) return found
      }
    }
    last = first - 1
  }
  return -1
}
