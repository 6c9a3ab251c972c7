/**
 * Small loops written several times over, each copy jumping to the next one and the last one back. The host looks for
 * interruptions once a round of a WebAssembly loop, and moves values between registers there.
 *
 *     header --> body --> header        becomes    header --> body --> header' --> body' --> header
 */
import { type FlowGraph, type FlowNode, slotsOf } from './flow-graph.ts'
import type { Loop } from './loops.ts'

/** Instructions of a loop, and how often a loop of so many is written. */
const TIMES: readonly (readonly [slots: number, times: number])[] = [
  [16, 4],
  [32, 2],
]
/** Ways out of a loop: its own end and a may_goto. One with more of them hardly ever comes round. */
const MOST_EXITS = 2
/** Instructions that a function may grow by. */
const MOST_ADDED = 2000

/** `isPlain`: whether nothing in these slots is a call, beside which a loop's round costs nothing. */
export function unrollLoops(
  graph: FlowGraph,
  loops: readonly Loop[],
  isPlain: (start: number, last: number) => boolean,
): FlowGraph {
  const nodes: FlowNode[] = [...graph]
  let added = 0
  for (const loop of loops) {
    if (!loop.innermost) continue
    const { header } = loop
    const inside = [...loop.inside]
    const size = inside.reduce((sum, node) => sum + slotsOf(graph[node]!), 0)
    const times = TIMES.find(([slots]) => size <= slots)?.[1] ?? 1
    if (times === 1 || added + size * (times - 1) > MOST_ADDED || exitsOf(graph, inside) > MOST_EXITS) continue
    if (!inside.every((node) => isPlainNode(graph[node]!, isPlain))) continue
    added += size * (times - 1)
    copyLoop(nodes, header, inside, times)
  }
  return nodes
}

function isPlainNode(node: FlowNode, isPlain: (start: number, last: number) => boolean): boolean {
  return node.kind === 'block' && isPlain(node.block.start, node.block.last)
}

function exitsOf(graph: FlowGraph, inside: readonly number[]): number {
  return inside.reduce((sum, node) => sum + graph[node]!.next.filter((to) => !inside.includes(to)).length, 0)
}

function copyLoop(nodes: FlowNode[], header: number, inside: readonly number[], times: number): void {
  const first = nodes.length
  /** Where a node of the loop is in a copy; copy 0 is the loop itself. */
  const placeOf = (node: number, copy: number): number =>
    copy === 0 ? node : first + (copy - 1) * inside.length + inside.indexOf(node)
  const originals = inside.map((node) => nodes[node]!)
  for (let copy = 0; copy < times; copy++) {
    const following = (copy + 1) % times
    inside.forEach((node, index) => {
      const original = originals[index]!
      const next = original.next.map((to) => {
        if (to === header) return placeOf(header, following)
        return inside.includes(to) ? placeOf(to, copy) : to
      })
      nodes[placeOf(node, copy)] = { ...original, next }
    })
  }
}
