/** The loops of a reducible graph: each has one node that it is entered at, its header. */
import { dominators, type FlowGraph, predecessors, reversePostorder } from './flow-graph.ts'

export interface Loop {
  readonly header: number
  /** Its nodes, the header among them. */
  readonly inside: ReadonlySet<number>
  /** It holds no other loop. */
  readonly innermost: boolean
}

/** Every loop; those with a common header are one. Cycles with several entries are left out. */
export function loopsOf(graph: FlowGraph): Loop[] {
  const order = reversePostorder(graph)
  const { place } = order
  const idom = dominators(graph, order)
  const before = predecessors(graph)
  const ends = new Map<number, number[]>()
  graph.forEach(({ next }, from) => {
    for (const to of next) if (place[to]! <= place[from]!) ends.set(to, [...(ends.get(to) ?? []), from])
  })
  const loops: Loop[] = []
  for (const [header, back] of ends) {
    // Whatever leads back without passing the header is then below it as well.
    if (!back.every((node) => isBelow(idom, place, header, node))) continue
    const inside = new Set([header])
    const work = [...back]
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      if (inside.has(node)) continue
      inside.add(node)
      work.push(...before[node]!)
    }
    const innermost = ![...inside].some((node) => node !== header && ends.has(node))
    loops.push({ header, inside, innermost })
  }
  return loops
}

function isBelow(idom: Int32Array, place: Int32Array, above: number, node: number): boolean {
  let at = node
  while (place[at]! > place[above]!) at = idom[at]!
  return at === above
}

/** In how many loops each node is. */
export function loopDepths(graph: FlowGraph, loops: readonly Loop[]): Uint8Array {
  const depths = new Uint8Array(graph.length)
  for (const { inside } of loops) for (const node of inside) depths[node] = Math.min(255, depths[node]! + 1)
  return depths
}
