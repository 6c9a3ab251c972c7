import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NO_SLOT } from '../isa/cfg.ts'
import { dominators, type FlowGraph, graphOf, isReducible, makeReducible, reversePostorder } from './flow-graph.ts'
import { loopsOf } from './loops.ts'
import { unrollLoops } from './unroll.ts'

const unrolledGraph = (given: FlowGraph, isPlain: (start: number) => boolean): FlowGraph =>
  unrollLoops(given, loopsOf(given), isPlain)

/** Blocks of one slot each, by their successors. */
function graph(edges: readonly (readonly number[])[]): FlowGraph {
  return graphOf(
    edges.map(([fall = NO_SLOT, branch = NO_SLOT], start) => ({ start, last: start, end: start + 1, fall, branch })),
  )
}

const everything = (): boolean => true

/** Slots that a walk comes by; bit n of `decisions` takes the second way at step n. */
function walk(nodes: FlowGraph, decisions: number, steps: number): number[] {
  const trace: number[] = []
  let label = 0
  for (let node = 0; trace.length < steps; ) {
    const current = nodes[node]!
    if (current.kind === 'block') trace.push(current.block.start)
    if (current.kind === 'label') label = current.value
    if (current.next.length === 0) break
    const decision = (decisions >>> (trace.length % 31)) & 1
    node = current.next[current.kind === 'dispatch' ? label : current.next.length === 2 ? decision : 0]!
  }
  return trace
}

const copies = (nodes: FlowGraph, slot: number): number =>
  nodes.filter((node) => node.kind === 'block' && node.block.start === slot).length

describe('unrolled loops', () => {
  test('a loop of one block is written four times', () => {
    const loop = unrolledGraph(graph([[1], [2, 1], []]), everything)
    expect(copies(loop, 1)).toBe(4)
    expect(copies(loop, 0)).toBe(1)
    // Only the last copy jumps back.
    const { place } = reversePostorder(loop)
    expect(loop.filter(({ next }, from) => next.some((to) => place[to]! <= place[from]!)).length).toBe(1)
  })

  test.for<readonly [string, FlowGraph, (start: number) => boolean]>([
    ['with calls', graph([[1], [2, 1], []]), (start) => start !== 1],
    ['that holds another one', graph([[1], [2], [3, 2], [1, 4], []]), (start) => start !== 2],
    ['with three ways out', graph([[1], [2, 4], [3, 4], [1, 4], []]), everything],
  ])('a loop %s stays as it is', ([, given, isPlain]) => {
    expect(unrolledGraph(given, isPlain)).toEqual(given)
  })

  test('a loop that is too long stays as it is', () => {
    const long = graph([[1], ...Array.from({ length: 33 }, (_, at) => [at + 2]), [35, 1], []])
    expect(unrolledGraph(long, everything)).toEqual(long)
  })

  test('of any graph: go the same ways, and stay reducible', () => {
    const edges = fc.integer({ min: 1, max: 10 }).chain((size) =>
      fc.array(fc.array(fc.integer({ min: 0, max: size - 1 }), { maxLength: 2 }), {
        minLength: size,
        maxLength: size,
      }),
    )
    let unrolled = 0
    fc.assert(
      fc.property(edges, fc.integer(), (given, decisions) => {
        const names = [0]
        for (let at = 0; at < names.length; at++)
          for (const to of given[names[at]!]!) if (!names.includes(to)) names.push(to)
        const reached = names.map((name) => given[name]!.map((to) => names.indexOf(to)))
        const reducible = makeReducible(graph(reached))
        const made = unrolledGraph(reducible, everything)
        if (made.length > reducible.length) unrolled++
        const order = reversePostorder(made)
        expect(isReducible(made, order, dominators(made, order))).toBe(true)
        expect(walk(made, decisions, 50)).toEqual(walk(reducible, decisions, 50))
      }),
    )
    expect(unrolled).toBeGreaterThan(5)
  })
})
