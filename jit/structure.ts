/**
 * Structured control flow out of a graph, over its dominator tree (Ramsey: Beyond Relooper, ICFP 2022).
 *
 *     a node that is a loop's header        loop … end around all that it dominates
 *     a node that control joins at (Y)      block … end in front of it: a branch to Y leaves that block
 *     any other node                        stands where the only edge to it is
 *
 * Nothing recurses: programs are long. What is left to do stands on a stack of tasks, of which the last is next.
 */
import { dominators, type FlowGraph, predecessors, reversePostorder } from './flow-graph.ts'
import type { FunctionWriter } from './wasm/function.ts'
import { Wasm } from './wasm/opcodes.ts'

/** Writes what stands in the nodes. */
export interface NodeEmitter {
  /**
   * The node's instructions. A node with two successors leaves an i32 on the stack: not 0 to take the second; one
   * without ends in an instruction that does not go on.
   */
  body(node: number): void
  /** Stands at the start of every round of a loop. */
  loop?(node: number): void
  /** Which of the successors of a node with two is rarely taken; undefined when nobody knows. */
  unlikely?(node: number): 0 | 1 | undefined
}

type Task =
  | { readonly kind: 'tree'; readonly node: number }
  /** Opens the blocks in front of what `node` dominates and control joins at, then writes the node. */
  | { readonly kind: 'within'; readonly node: number; readonly joins: readonly number[]; readonly from: number }
  | { readonly kind: 'end' }

export function emitStructured(
  w: FunctionWriter,
  graph: FlowGraph,
  label: number | undefined,
  emitter: NodeEmitter,
): void {
  const order = reversePostorder(graph)
  const { place } = order
  const idom = dominators(graph, order)
  const shape = shapeOf(graph, place)
  const children = joinsByDominator(graph, idom, shape, place)
  /** Depth of the construct to branch to: back to a header, and forward to a join. */
  const loopAt = new Int32Array(graph.length)
  const blockAt = new Int32Array(graph.length)
  const tasks: Task[] = [{ kind: 'tree', node: 0 }]

  const isBack = (from: number, to: number): boolean => place[to]! <= place[from]!
  const isBranch = (from: number, to: number): boolean => isBack(from, to) || shape.join[to] === 1
  const depthOf = (from: number, to: number): number => (isBack(from, to) ? loopAt[to]! : blockAt[to]!)
  const go = (from: number, to: number): void => {
    if (isBranch(from, to)) w.br(depthOf(from, to))
    else tasks.push({ kind: 'tree', node: to })
  }

  const leave = (node: number): void => {
    const { kind, next } = graph[node]!
    const [first, second] = next
    if (kind === 'dispatch') {
      w.get(label!)
      w.brTable(next.map((to) => depthOf(node, to)))
      return
    }
    if (first === undefined) return
    if (second === undefined) {
      go(node, first)
      return
    }
    const unlikely = emitter.unlikely?.(node)
    if (isBranch(node, second)) {
      w.brIf(depthOf(node, second), unlikely === undefined ? undefined : unlikely === 0)
      go(node, first)
    } else if (isBranch(node, first)) {
      w.op(Wasm.I32_EQZ)
      w.brIf(depthOf(node, first), unlikely === undefined ? undefined : unlikely === 1)
      go(node, second)
    } else {
      w.if(undefined, unlikely === undefined ? undefined : unlikely === 0)
      tasks.push({ kind: 'tree', node: first }, { kind: 'end' }, { kind: 'tree', node: second })
    }
  }

  const body = (node: number): void => {
    const current = graph[node]!
    if (current.kind === 'label') {
      w.i32(current.value)
      w.set(label!)
    } else if (current.kind !== 'dispatch') emitter.body(node)
    leave(node)
  }

  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    switch (task.kind) {
      case 'tree': {
        const { node } = task
        if (shape.header[node] === 1) {
          loopAt[node] = w.depth
          w.loop()
          emitter.loop?.(node)
          tasks.push({ kind: 'end' })
        }
        tasks.push({ kind: 'within', node, joins: children[node]!, from: 0 })
        break
      }
      case 'within': {
        const { node, joins, from } = task
        const join = joins[from]
        if (join === undefined) {
          body(node)
          break
        }
        blockAt[join] = w.depth
        w.block()
        tasks.push({ kind: 'tree', node: join }, { kind: 'end' }, { kind: 'within', node, joins, from: from + 1 })
        break
      }
      case 'end':
        w.end()
        break
      default:
        task satisfies never
    }
  }
  // Control never falls out of the outermost construct.
  w.op(Wasm.UNREACHABLE)
}

interface Shape {
  /** 1 for nodes that something jumps back to. */
  readonly header: Uint8Array
  /** 1 for nodes that are branched to forward: several ways lead there, or a dispatch does. */
  readonly join: Uint8Array
}

function shapeOf(graph: FlowGraph, place: Int32Array): Shape {
  const header = new Uint8Array(graph.length)
  const join = new Uint8Array(graph.length)
  predecessors(graph).forEach((before, node) => {
    const forward = before.filter((from) => place[from]! < place[node]!)
    if (forward.length < before.length) header[node] = 1
    if (forward.length > 1 || forward.some((from) => graph[from]!.kind === 'dispatch')) join[node] = 1
  })
  return { header, join }
}

/** The joins that each node dominates immediately, the last in the order first: its block is the outermost. */
function joinsByDominator(
  graph: FlowGraph,
  idom: Int32Array,
  { join }: Shape,
  place: Int32Array,
): readonly (readonly number[])[] {
  const found: number[][] = graph.map(() => [])
  for (let node = 1; node < graph.length; node++) if (join[node] === 1) found[idom[node]!]!.push(node)
  for (const joins of found) joins.sort((a, b) => place[b]! - place[a]!)
  return found
}
