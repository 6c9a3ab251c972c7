/**
 * Any graph becomes structured code that walks it as the graph says. Nodes write their number to a trace and take the
 * next of a list of decisions; the module's trace is held against a walk of the graph itself.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NO_SLOT } from '../isa/cfg.ts'
import {
  dominators,
  type FlowGraph,
  type FlowNode,
  graphOf,
  isReducible,
  makeReducible,
  reversePostorder,
} from './flow-graph.ts'
import { emitStructured } from './structure.ts'
import { WasmModule } from './wasm/module.ts'
import { I32, Wasm } from './wasm/opcodes.ts'

/** Nodes by their successors. */
type Edges = readonly (readonly number[])[]

const STEPS = 40

/** The nodes that can be reached, numbered anew; their names are the old numbers. */
function reachable(edges: Edges): { readonly graph: FlowGraph; readonly names: readonly number[] } {
  const names = [0]
  for (let at = 0; at < names.length; at++) {
    for (const to of edges[names[at]!]!) if (!names.includes(to)) names.push(to)
  }
  const at = (node: number | undefined): number => (node === undefined ? NO_SLOT : names.indexOf(node))
  const blocks = names.map((name, start) => {
    const [fall, branch] = edges[name]!
    return { start, last: start, end: start + 1, fall: at(fall), branch: at(branch) }
  })
  return { graph: graphOf(blocks), names }
}

/** Block numbers that a walk comes by; bit n of `decisions` takes the second way at step n. */
function walk(graph: FlowGraph, decisions: number): number[] {
  const trace: number[] = []
  for (let node = 0; trace.length < STEPS; ) {
    trace.push(node)
    const { next } = graph[node]!
    if (next.length === 0) break
    const taken = (decisions >>> (trace.length - 1)) & 1
    node = next[next.length === 2 ? taken : 0]!
  }
  return trace
}

/** The same by structured code. */
function walkStructured(graph: FlowGraph, decisions: number): number[] {
  const trace: number[] = []
  const module = new WasmModule()
  const visit = module.importFunction('host', 'visit', { params: [I32], results: [I32] })
  const main = module.define('main', { params: [], results: [] }, (w) => {
    const label = w.local(I32)
    emitStructured(w, graph, label, {
      body: (node) => {
        const { next, kind } = graph[node]!
        if (kind !== 'block') throw new Error(`node ${node} is a ${kind}`)
        w.i32(node)
        w.call(visit)
        if (next.length !== 2) w.op(Wasm.DROP)
        if (next.length === 0) w.op(Wasm.RETURN)
      },
    })
  })
  module.exportFunction('main', main)
  class Stop extends Error {}
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    host: {
      visit: (node: number) => {
        if (trace.length >= STEPS) throw new Stop()
        trace.push(node)
        return (decisions >>> (trace.length - 1)) & 1
      },
    },
  })
  try {
    ;(instance.exports.main as () => void)()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
  }
  return trace
}

const anyEdges = (most: number): fc.Arbitrary<Edges> =>
  fc
    .integer({ min: 1, max: most })
    .chain((size) =>
      fc.array(fc.array(fc.integer({ min: 0, max: size - 1 }), { maxLength: 2 }), { minLength: size, maxLength: size }),
    )

describe('structured code walks as the graph does', () => {
  test.for<readonly [string, Edges]>([
    ['straight', [[1], [2], []]],
    ['a diamond', [[1, 2], [3], [3], []]],
    ['both ways to one node', [[1, 1], []]],
    ['a loop on itself', [[0, 1], []]],
    ['loops in loops', [[1], [2], [2, 3], [1, 4], [0, 5], []]],
    ['two ways into a loop', [[1, 2], [2], [1, 3], []]],
    ['three ways into a loop of three', [[1, 4], [2], [3, 5], [1], [2, 3], []]],
    ['irreducible in irreducible', [[1, 3], [2, 4], [1, 5], [4, 2], [3, 1], []]],
    ['no way out', [[1], [2], [1]]],
  ])('%s', ([, edges]) => {
    const { graph } = reachable(edges)
    const reducible = makeReducible(graph)
    for (let decisions = 0; decisions < 256; decisions++) {
      const trace = walkStructured(reducible, decisions)
      const expected = walk(graph, decisions)
      expect(trace).toEqual(expected)
    }
  })

  test('of any graph', () => {
    fc.assert(
      fc.property(anyEdges(12), fc.integer(), (edges, decisions) => {
        const { graph } = reachable(edges)
        expect(walkStructured(makeReducible(graph), decisions)).toEqual(walk(graph, decisions))
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 300 : 3000 },
    )
  })
})

test('a graph of many thousand blocks, one behind the other', () => {
  const size = 20_000
  const edges = Array.from({ length: size }, (_, node) => (node + 2 < size ? [node + 1, node + 2] : [size - 1]))
  edges[size - 1] = []
  const { graph } = reachable(edges.slice(0, 1).concat(edges.slice(1)))
  expect(walkStructured(makeReducible(graph), 0b1010)).toEqual(walk(graph, 0b1010))
})

describe('graphs', () => {
  const dominatorsOf = (graph: FlowGraph): number[] => [...dominators(graph, reversePostorder(graph))]

  test('dominators are what every way comes by', () => {
    fc.assert(
      fc.property(anyEdges(8), (edges) => {
        const { graph } = reachable(edges)
        const idom = dominatorsOf(graph)
        const without = (avoid: number): Set<number> => {
          const seen = new Set<number>(avoid === 0 ? [] : [0])
          for (const node of seen) for (const to of graph[node]!.next) if (to !== avoid) seen.add(to)
          return seen
        }
        // A node dominates what cannot be reached without it.
        const dominated = graph.map((_, node) => without(node))
        for (let node = 1; node < graph.length; node++) {
          const above: number[] = []
          for (let at = idom[node]!; ; at = idom[at]!) {
            above.push(at)
            if (at === 0) break
          }
          const expected = graph.flatMap((_, other) => (other !== node && !dominated[other]!.has(node) ? [other] : []))
          expect(above.sort((a, b) => a - b)).toEqual(expected)
        }
      }),
    )
  })

  test('become reducible, and stay as they are when they were', () => {
    fc.assert(
      fc.property(anyEdges(10), (edges) => {
        const { graph } = reachable(edges)
        const order = reversePostorder(graph)
        const made = makeReducible(graph)
        const madeOrder = reversePostorder(made)
        expect(isReducible(made, madeOrder, dominators(made, madeOrder))).toBe(true)
        if (isReducible(graph, order, dominators(graph, order))) expect(made).toBe(graph)
        else expect(made.some((node: FlowNode) => node.kind === 'dispatch')).toBe(true)
      }),
    )
  })
})
