/**
 * Loops written twice: for rounds in which one test at the start has said that the loads from the arena lie in its
 * window, without tests; and as they are, for the others.
 *
 *     header --> body --> header        becomes    test --> header' --> body' --> test
 *                                                   |-----> header  --> body  --> test
 *
 * Runs of accesses (guards.ts) end with their block; here a test answers for loads between which the program decides:
 *
 *     next: r1 = *(u8 *)(r6 + 0)
 *           if r1 == 0 goto found
 *           r1 = *(u8 *)(r6 + 1)        one comparison of r6 for both
 *           if r1 == 0 goto found
 *           r6 += 2
 *           goto next
 */
import { Kind } from '../isa/table.ts'
import { Access } from '../program/loadable.ts'
import type { CompileInput } from './compile.ts'
import { type FlowGraph, type FlowNode, reversePostorder, slotsOf } from './flow-graph.ts'
import {
  type AlignedGuard,
  type Covered,
  type GuardedRun,
  guardedRuns,
  type Low,
  loadGuard,
  meetLows,
  rootsAt,
  step,
} from './guards.ts'
import type { Loop } from './loops.ts'

/** Instructions of a loop that is written twice, at most; and of all of them in a function. */
const LONGEST = 256
const MOST_ADDED = 2000
/** Tests that a round has to be spared: of few the second loop costs as much, by the registers that it takes. */
const LEAST_SPARED = 5

export interface WindowLoop {
  readonly loop: Loop
  readonly guard: AlignedGuard
  /** Loads that the guard answers for. */
  readonly covered: ReadonlySet<number>
}

/** The loops for which it pays. */
export function windowLoops(input: CompileInput, graph: FlowGraph, loops: readonly Loop[]): WindowLoop[] {
  if (input.access === undefined || input.pageTable === undefined || loops.length === 0) return []
  const { place } = reversePostorder(graph)
  const found: WindowLoop[] = []
  let added = 0
  for (const loop of loops) {
    const size = sizeOf(graph, loop)
    // The entry of a function has to stay node 0.
    if (!loop.innermost || loop.header === 0 || size > LONGEST || added + size > MOST_ADDED) continue
    const made = bestGuard(input, graph, loop, place)
    if (made === undefined) continue
    added += size
    found.push(made)
  }
  return found
}

function sizeOf(graph: FlowGraph, { inside }: Loop): number {
  let size = 0
  for (const node of inside) {
    const current = graph[node]!
    if (current.kind !== 'block') return Number.POSITIVE_INFINITY
    size += slotsOf(current)
  }
  return size
}

/** The loop with the guard that spares most, where that is enough. */
function bestGuard(input: CompileInput, graph: FlowGraph, loop: Loop, place: Int32Array): WindowLoop | undefined {
  const loads = loadsOf(input, graph, loop, place)
  // The guard itself is a test.
  if (loads.length <= LEAST_SPARED) return undefined
  const runs = runsOf(input, graph, loop)
  const made = [...new Set(loads.map((load) => load.root))].map((root) => {
    const [guard, answered] = loadGuard(
      root,
      loads.filter((load) => load.root === root),
    )
    const covered = new Set(answered.map(({ slot }) => slot))
    return { loop, guard, covered, spared: testsOf(input, runs, covered) - 1 }
  })
  // Of one root: V8 makes a value of each guard when there are two, and keeps them in registers.
  const [best] = made.sort((a, b) => b.spared - a.spared)
  return best !== undefined && best.spared >= LEAST_SPARED ? best : undefined
}

/** Plain loads whose base is, on every way from the header, a register of the header's and a constant. */
function loadsOf(input: CompileInput, graph: FlowGraph, { header, inside }: Loop, place: Int32Array): Covered[] {
  const { program, access } = input
  const before = new Map<number, Low[]>([[header, rootsAt()]])
  const found: Covered[] = []
  // Without its ways back an innermost loop has no cycle: every node comes behind those that lead to it.
  for (const node of [...inside].sort((a, b) => place[a]! - place[b]!)) {
    const current = graph[node]!
    const lows = [...before.get(node)!]
    if (current.kind !== 'block') continue
    for (let slot = current.block.start; slot <= current.block.last; slot++) {
      const insn = program.insns[slot]!
      const { kind, memWidth } = insn.row
      if (kind === Kind.LD_IMM64_HI) continue
      if (access![slot] === Access.ARENA && (kind === Kind.LDX || kind === Kind.LDXSX)) {
        const { root, delta } = lows[insn.src]!
        const bytes = memWidth / 8
        if (root >= 0) found.push({ slot, root, delta, at: delta + insn.off, bytes, store: false })
      }
      step(lows, insn)
    }
    for (const to of current.next) {
      if (to === header || !inside.has(to)) continue
      const known = before.get(to)
      before.set(to, known === undefined ? lows : meetLows(known, lows))
    }
  }
  return found
}

function runsOf(input: CompileInput, graph: FlowGraph, { inside }: Loop): GuardedRun[] {
  return [...inside].flatMap((node) => {
    const current = graph[node]!
    return current.kind === 'block' ? [...guardedRuns(input, current.block).values()] : []
  })
}

/**
 * Tests that a round has for loads of `covered`: of a run one for each guard, where all of it is covered; and one of a
 * load by itself (pushLoadMayLeave), but for a byte at its base.
 */
function testsOf({ program }: CompileInput, runs: readonly GuardedRun[], covered: ReadonlySet<number>): number {
  const { insns } = program
  let tests = 0
  const inRuns = new Set<number>()
  for (const run of runs) {
    for (const slot of run.covered) inRuns.add(slot)
    if (isWithin(run.covered, covered)) tests += run.guards.length
  }
  for (const slot of covered) {
    const { off, row } = insns[slot]!
    if (!inRuns.has(slot) && (off !== 0 || row.memWidth > 8)) tests++
  }
  return tests
}

/** Whether all of `slots` are among `others`. */
export function isWithin(slots: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const slot of slots) if (!others.has(slot)) return false
  return true
}

/** The graph with those loops written twice. */
export function writeTwice(graph: FlowGraph, loops: readonly WindowLoop[]): FlowGraph {
  const nodes: FlowNode[] = [...graph]
  for (const { loop, guard, covered } of loops) {
    const { header } = loop
    const inside = [...loop.inside]
    const test = nodes.length
    const copyOf = new Map(inside.map((node, index) => [node, test + 1 + index]))
    const toTest = (next: readonly number[]): readonly number[] => next.map((to) => (to === header ? test : to))
    for (let node = 0; node < test; node++) nodes[node] = { ...nodes[node]!, next: toTest(nodes[node]!.next) }
    nodes.push({ kind: 'test', guard, next: [copyOf.get(header)!, header] })
    for (const node of inside) {
      const original = nodes[node]!
      const next = original.next.map((to) => copyOf.get(to) ?? to)
      nodes.push(original.kind === 'block' ? { ...original, next, covered } : { ...original, next })
    }
  }
  return nodes
}
