/**
 * Control flow of one function as the compiler sees it: basic blocks, and the nodes that make every loop enterable at
 * one place only.
 *
 *     entry 0 --> 1 <--> 2 <-- 0        two ways into the loop of 1 and 2
 *
 *     becomes     0 --> [label 0] --> dispatch --> 1 or 2, and every edge to 1 or 2 goes through a label node:
 *     the loop's only entry is `dispatch`, which jumps by the label variable.
 */
import type { Block } from '../isa/blocks.ts'
import { NO_SLOT } from '../isa/cfg.ts'
import type { AlignedGuard } from './guards.ts'

export type FlowNode =
  /** Instructions. `next`: where it falls through, then where its jump leads. */
  | {
      readonly kind: 'block'
      readonly block: Block
      readonly next: readonly number[]
      /** Slots of arena loads that a test node in front has answered for. */
      readonly covered?: ReadonlySet<number>
    }
  /** Goes to the second node where the guard does not hold (window-loops.ts). */
  | { readonly kind: 'test'; readonly guard: AlignedGuard; readonly next: readonly number[] }
  /** Sets the label variable. */
  | { readonly kind: 'label'; readonly value: number; readonly next: readonly number[] }
  /** Jumps by the label variable. */
  | { readonly kind: 'dispatch'; readonly next: readonly number[] }
  /** Where control comes from another piece of the function (chunks.ts), to what is `node` in the whole graph. */
  | { readonly kind: 'enter'; readonly node: number; readonly next: readonly number[] }
  /** Control goes to another piece, to the entry of this number. */
  | { readonly kind: 'leave'; readonly node: number; readonly entry: number; readonly next: readonly number[] }

/** Node 0 is the entry; every node can be reached from it. */
export type FlowGraph = readonly FlowNode[]

/** Slots of instructions that stand in a node. */
export function slotsOf(node: FlowNode): number {
  return node.kind === 'block' ? node.block.last - node.block.start + 1 : 0
}

/** The graph of `blocks`, of which the first is the entry. */
export function graphOf(blocks: readonly Block[]): FlowGraph {
  return blocks.map((block) => ({
    kind: 'block',
    block,
    next: [block.fall, block.branch].filter((next) => next !== NO_SLOT),
  }))
}

/** What the order of a depth-first search says of a graph. */
export interface Order {
  /** Nodes, each before those that are only reached through it. */
  readonly order: Int32Array
  /** Place of each node in `order`. */
  readonly place: Int32Array
}

/** Reverse postorder, without recursion. */
export function reversePostorder(graph: FlowGraph): Order {
  const { length } = graph
  const seen = new Uint8Array(length)
  const taken = new Int32Array(length)
  const stack = [0]
  const order = new Int32Array(length)
  let left = length
  seen[0] = 1
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!
    const { next } = graph[node]!
    if (taken[node]! < next.length) {
      const to = next[taken[node]!++]!
      if (seen[to] === 0) {
        seen[to] = 1
        stack.push(to)
      }
      continue
    }
    stack.pop()
    order[--left] = node
  }
  const place = new Int32Array(length)
  order.forEach((node, at) => {
    place[node] = at
  })
  return { order, place }
}

export function predecessors(graph: FlowGraph): readonly (readonly number[])[] {
  const found: number[][] = graph.map(() => [])
  graph.forEach(({ next }, node) => {
    for (const to of next) found[to]!.push(node)
  })
  return found
}

/**
 * The immediate dominator of each node; the entry is its own. Iterates over the graph in reverse postorder until
 * nothing moves (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, 2001).
 */
export function dominators(graph: FlowGraph, { order, place }: Order): Int32Array {
  const before = predecessors(graph)
  const idom = new Int32Array(graph.length).fill(-1)
  idom[0] = 0
  const meet = (a: number, b: number): number => {
    let x = a
    let y = b
    while (x !== y) {
      while (place[x]! > place[y]!) x = idom[x]!
      while (place[y]! > place[x]!) y = idom[y]!
    }
    return x
  }
  for (let moved = true; moved; ) {
    moved = false
    for (let at = 1; at < order.length; at++) {
      const node = order[at]!
      let found = -1
      for (const from of before[node]!) {
        if (idom[from] !== -1) found = found === -1 ? from : meet(found, from)
      }
      if (idom[node] !== found) {
        idom[node] = found
        moved = true
      }
    }
  }
  return idom
}

/** True when `node` lies at or below `above` in the dominator tree. */
function dominates(idom: Int32Array, place: Int32Array, above: number, node: number): boolean {
  let at = node
  while (place[at]! > place[above]!) at = idom[at]!
  return at === above
}

/** True when every edge that goes back in the order leads to a dominator of where it starts. */
export function isReducible(graph: FlowGraph, { order, place }: Order, idom: Int32Array): boolean {
  for (const node of order) {
    for (const to of graph[node]!.next) {
      if (place[to]! <= place[node]! && !dominates(idom, place, to, node)) return false
    }
  }
  return true
}

/** The same flow with every loop entered at one node. */
export function makeReducible(graph: FlowGraph): FlowGraph {
  const order = reversePostorder(graph)
  if (isReducible(graph, order, dominators(graph, order))) return graph
  const nodes: FlowNode[] = [...graph]
  // Sets of nodes to look for loops in. The header of a loop that was found stays out, so inner loops are found next.
  const work: (readonly number[])[] = [[...nodes.keys()]]
  for (let set = work.pop(); set !== undefined; set = work.pop()) {
    for (const loop of cycles(nodes, set)) {
      const inside = new Set(loop)
      const entries = entriesOf(nodes, inside)
      if (entries.length <= 1) {
        const header = entries[0] ?? loop[0]!
        work.push(loop.filter((node) => node !== header))
      } else {
        // The labels that edges from inside pass stay in the loop.
        work.push([...loop, ...addDispatch(nodes, entries, inside)])
      }
    }
  }
  return nodes
}

/** Nodes of `inside` that are entered from outside it. */
function entriesOf(nodes: readonly FlowNode[], inside: ReadonlySet<number>): number[] {
  const entries = new Set<number>()
  if (inside.has(0)) entries.add(0)
  nodes.forEach(({ next }, from) => {
    if (inside.has(from)) return
    for (const to of next) if (inside.has(to)) entries.add(to)
  })
  return [...entries].sort((a, b) => a - b)
}

/** Leads every edge to one of `entries` through a label and the new dispatch node. Gives the labels inside. */
function addDispatch(nodes: FlowNode[], entries: readonly number[], inside: ReadonlySet<number>): number[] {
  const dispatch = nodes.length
  nodes.push({ kind: 'dispatch', next: entries })
  const added: number[] = []
  // One label node from inside and one from outside: one for both would be a second way into the loop.
  const labels = new Map<string, number>()
  const through = (to: number, within: boolean): number => {
    const value = entries.indexOf(to)
    if (value < 0) return to
    const key = `${value} ${within}`
    const known = labels.get(key)
    if (known !== undefined) return known
    labels.set(key, nodes.length)
    if (within) added.push(nodes.length)
    nodes.push({ kind: 'label', value, next: [dispatch] })
    return nodes.length - 1
  }
  for (let node = 0; node < dispatch; node++) {
    const { next } = nodes[node]!
    const redirected = next.map((to) => through(to, inside.has(node)))
    nodes[node] = { ...nodes[node]!, next: redirected }
  }
  return added
}

/** The strongly connected parts of the graph within `set` that hold a cycle (Tarjan 1972), without recursion. */
function cycles(nodes: readonly FlowNode[], set: readonly number[]): number[][] {
  const within = new Set(set)
  const index = new Map<number, number>()
  const low = new Map<number, number>()
  const open: number[] = []
  const isOpen = new Set<number>()
  const found: number[][] = []
  for (const start of set) {
    if (index.has(start)) continue
    const path: { node: number; taken: number }[] = []
    const enter = (node: number): void => {
      index.set(node, index.size)
      low.set(node, index.size - 1)
      open.push(node)
      isOpen.add(node)
      path.push({ node, taken: 0 })
    }
    enter(start)
    while (path.length > 0) {
      const top = path[path.length - 1]!
      const { next } = nodes[top.node]!
      if (top.taken < next.length) {
        const to = next[top.taken++]!
        if (!within.has(to)) continue
        if (!index.has(to)) enter(to)
        else if (isOpen.has(to)) low.set(top.node, Math.min(low.get(top.node)!, index.get(to)!))
        continue
      }
      path.pop()
      const parent = path[path.length - 1]
      if (parent !== undefined) low.set(parent.node, Math.min(low.get(parent.node)!, low.get(top.node)!))
      if (low.get(top.node) !== index.get(top.node)) continue
      const part: number[] = []
      for (let node = -1; node !== top.node; ) {
        node = open.pop()!
        isOpen.delete(node)
        part.push(node)
      }
      if (part.length > 1 || nodes[part[0]!]!.next.includes(part[0]!)) found.push(part)
    }
  }
  return found
}
