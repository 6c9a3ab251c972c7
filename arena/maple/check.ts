/** What must hold in a maple tree at any time between two operations. */
import { InternalError } from '../../errors/errors.ts'
import {
  endOf,
  GAPS,
  gapSlotOf,
  Kind,
  kindOf,
  minimumFill,
  PIVOTS,
  parentOf,
  parentSlotOf,
  slotLimit,
  slotsAt,
  TOP,
} from './node.ts'
import type { MapleTree } from './tree.ts'

export interface TreeStatistics {
  readonly nodes: number
  readonly height: number
  /** Non-empty ranges. */
  readonly entries: number
}

/** Walks the whole tree; throws InternalError, saying what does not hold. */
export function checkTree(tree: MapleTree): TreeStatistics {
  const seen = { nodes: 0, entries: 0, lastEmpty: false }
  if (tree.root === 0) return { nodes: 0, height: 0, entries: 0 }
  demand(parentOf(tree.store, tree.root) === 0, 'the root has a parent')
  const { height } = checkNode(tree, tree.root, 0, TOP, seen)
  demand(seen.entries > 0, 'a tree without entries has a root')
  return { nodes: seen.nodes, height, entries: seen.entries }
}

interface Seen {
  nodes: number
  entries: number
  /** The range before was empty. */
  lastEmpty: boolean
}

function checkNode(
  tree: MapleTree,
  node: number,
  low: number,
  high: number,
  seen: Seen,
): { height: number; gap: number } {
  const { store } = tree
  const kind = kindOf(store, node)
  const end = endOf(store, node)
  const isRoot = node === tree.root
  seen.nodes++
  demand(kind !== Kind.FREE, `node ${node} is free`)
  demand(kind === Kind.LEAF || (kind === Kind.ARANGE) === tree.gaps, `node ${node} is of the wrong kind ${kind}`)
  demand(end < slotLimit(kind), `node ${node} is over-full`)
  demand(end + 1 >= (isRoot ? (kind === Kind.LEAF ? 1 : 2) : minimumFill(kind)), `node ${node} has ${end + 1} slots`)
  let first = low
  let height = 0
  let largest = 0
  for (let slot = 0; slot <= end; slot++) {
    const last = slot < end ? store.f64[node + PIVOTS + slot]! : high
    demand(first <= last && last <= high, `node ${node}: slot ${slot} is [${first}, ${last}] within [${low}, ${high}]`)
    const content = store.f64[node + slotsAt(kind) + slot]!
    let gap: number
    if (kind === Kind.LEAF) {
      gap = checkEntry(node, content, first, last, slot === end, seen)
      height = 1
    } else {
      demand(parentOf(store, content) === node && parentSlotOf(store, content) === slot, `${content}: wrong parent`)
      const child = checkNode(tree, content, first, last, seen)
      demand(height === 0 || height === child.height + 1, `node ${node}: leaves at different depths`)
      height = child.height + 1
      gap = child.gap
      const recorded = tree.gaps ? store.f64[node + GAPS + slot]! : gap
      demand(recorded === gap, `node ${node}: gap ${slot} is ${gap}, recorded ${recorded}`)
    }
    largest = Math.max(largest, gap)
    first = last + 1
  }
  if (kind === Kind.ARANGE) {
    const recorded = store.f64[node + GAPS + gapSlotOf(store, node)]!
    demand(recorded === largest, `node ${node}: its largest gap is ${largest}, recorded ${recorded}`)
  }
  return { height, gap: largest }
}

/** One slot of a leaf; returns its gap. */
function checkEntry(node: number, content: number, first: number, last: number, isLast: boolean, seen: Seen): number {
  const empty = content === 0
  demand(!(empty && seen.lastEmpty), `leaf ${node}: two empty ranges side by side at ${first}`)
  demand(!(empty && isLast && last !== TOP), `leaf ${node} ends in an empty range at ${last}`)
  if (!empty) seen.entries++
  seen.lastEmpty = empty
  return empty ? last - first + 1 : 0
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new InternalError(`maple tree: ${what}`)
}
