/**
 * Long functions in pieces. V8's optimising compiler takes more than linear time, and a function has a greatest size,
 * so a function of many instructions becomes several of some thousand, and one that calls them:
 *
 *     fn_12          next = first entry; loop: next = the piece of `next`(frame, next), until it is LEFT
 *     fn_12 piece 0  enters at one of its entries, runs until control leaves for another piece, says for which entry
 *
 * Registers are in globals between two pieces, and only there.
 */
import type { Block } from '../isa/blocks.ts'
import { NO_SLOT } from '../isa/cfg.ts'
import { type FlowGraph, type FlowNode, makeReducible, slotsOf } from './flow-graph.ts'

/** Instructions of a function from which on it is split. */
export const SPLIT_FROM = 6000

/** How long functions are split. */
export interface PieceSizes {
  /** Instructions of a function from which on it is split. */
  readonly from: number
  /** Instructions of a piece. */
  readonly piece: number
  /** Instructions of a block, which is then cut in two. */
  readonly block: number
}

export const PIECE_SIZES: PieceSizes = { from: SPLIT_FROM, piece: 2000, block: 500 }
/** Entries that a piece may have: an entry's number is its piece's times this, plus its own. */
export const ENTRIES = 65_536
/** In place of an entry: the function has returned. */
export const LEFT = -1

export interface Piece {
  readonly graph: FlowGraph
}

/** The same blocks, none of them longer than so many slots. `starts`: whether an instruction starts at a slot. */
export function cutBlocks(
  blocks: readonly Block[],
  starts: (slot: number) => boolean,
  longest: number = PIECE_SIZES.block,
): Block[] {
  const found: Block[] = []
  /** Where each block's first part is among those found. */
  const first: number[] = []
  const cuts = blocks.map((block) => cutPoints(block, starts, longest))
  let count = 0
  for (const points of cuts) {
    first.push(count)
    count += points.length
  }
  const moved = (block: number): number => (block === NO_SLOT ? NO_SLOT : first[block]!)
  blocks.forEach((block, index) => {
    const points = cuts[index]!
    points.forEach((start, part) => {
      const next = points[part + 1]
      if (next === undefined) {
        found.push({ ...block, start, fall: moved(block.fall), branch: moved(block.branch) })
        return
      }
      let last = next - 1
      while (!starts(last)) last--
      found.push({ start, last, end: next, fall: found.length + 1, branch: NO_SLOT })
    })
  })
  return found
}

function cutPoints({ start, last }: Block, starts: (slot: number) => boolean, longest: number): number[] {
  const points = [start]
  for (let slot = start + 1; slot <= last; slot++) {
    if (slot - points[points.length - 1]! >= longest && starts(slot)) points.push(slot)
  }
  return points
}

/** Splits a graph of blocks, of which the first is the entry: entry 0 of piece 0 is its start. */
export function splitGraph(graph: FlowGraph, size: number = PIECE_SIZES.piece): Piece[] {
  const groups = groupBlocks(graph, size)
  const pieceOf = new Int32Array(graph.length)
  groups.forEach((group, piece) => {
    for (const node of group) pieceOf[node] = piece
  })
  const entries = entriesOf(graph, groups.length, pieceOf)
  const entryNumber = (node: number): number => pieceOf[node]! * ENTRIES + entries[pieceOf[node]!]!.indexOf(node)
  return groups.map((group, piece) => ({
    graph: makeReducible(pieceGraph(graph, group, piece, pieceOf, entries[piece]!, entryNumber)),
  }))
}

/** Neighbours together, in the order of their slots. */
function groupBlocks(graph: FlowGraph, most: number): number[][] {
  const groups: number[][] = [[]]
  let size = 0
  graph.forEach((node, index) => {
    if (node.kind !== 'block') return
    const length = slotsOf(node)
    if (size > 0 && size + length > most) {
      groups.push([])
      size = 0
    }
    groups[groups.length - 1]!.push(index)
    size += length
  })
  return groups
}

/** The blocks of each piece that control comes to from another one. */
function entriesOf(graph: FlowGraph, pieces: number, pieceOf: Int32Array): number[][] {
  const found = Array.from({ length: pieces }, () => new Set<number>())
  found[0]!.add(0)
  graph.forEach(({ next }, node) => {
    for (const to of next) if (pieceOf[to] !== pieceOf[node]) found[pieceOf[to]!]!.add(to)
  })
  return found.map((set) => [...set])
}

/** Node 0 dispatches to the entries; an edge to another piece leads to a node that leaves. */
function pieceGraph(
  graph: FlowGraph,
  group: readonly number[],
  piece: number,
  pieceOf: Int32Array,
  entries: readonly number[],
  entryNumber: (node: number) => number,
): FlowNode[] {
  const nodes: FlowNode[] = []
  const placed = new Map(group.map((node, at) => [node, 1 + entries.length + at]))
  nodes.push({ kind: 'dispatch', next: entries.map((_, at) => 1 + at) })
  for (const node of entries) nodes.push({ kind: 'enter', node, next: [placed.get(node)!] })
  const leaving = new Map<number, number>()
  const leaves: FlowNode[] = []
  const through = (to: number): number => {
    if (pieceOf[to] === piece) return placed.get(to)!
    const known = leaving.get(to)
    if (known !== undefined) return known
    const at = 1 + entries.length + group.length + leaves.length
    leaves.push({ kind: 'leave', node: to, entry: entryNumber(to), next: [] })
    leaving.set(to, at)
    return at
  }
  for (const node of group) nodes.push({ ...graph[node]!, next: graph[node]!.next.map(through) })
  return [...nodes, ...leaves]
}
