/**
 * What a round of a loop counts against the clock. Where the verifier has walked every round there is no need to: such a
 * program is over after a million instructions. But what may_goto bounds, or a call of a global function, may have such
 * loops in it, round after round.
 *
 *     again: may_goto out          looks at the clock every 65,536 rounds; counts where it is long
 *            r7 = 0
 *     inner: r7 += 1               counts
 *            if r7 < 60000 goto inner
 *            goto again
 */
import { Kind } from '../isa/table.ts'
import type { CompileInput, ModuleContext } from './compile.ts'
import { isGlobal } from './emitter.ts'
import { type FlowGraph, type FlowNode, slotsOf } from './flow-graph.ts'
import { type Loop, loopsOf } from './loops.ts'

/** Instructions that a unit of fuel stands for. */
const UNIT = 64

/** Units of a round from which on a loop with may_goto counts as well: little beside the round itself. */
const LONG = 8

/** The units for a round of the loop that is entered at a node of `graph`. */
export function loopFuel(context: ModuleContext, graph: FlowGraph): (header: number) => number {
  const { input } = context
  const unchecked = input.access === undefined
  if (!unchecked && !mayRunLong(context)) return () => 0
  const loops = loopsOf(graph)
  const byHeader = new Map(loops.map((loop) => [loop.header, loop]))
  return (header) => {
    const loop = byHeader.get(header)
    // In a piece of a long function, whose loops may lead through others.
    if (loop === undefined) return 1
    const units = Math.ceil(slotsOfRound(graph, loop) / UNIT)
    return !unchecked && looksAtClock(input, graph, loop) && units < LONG ? 0 : units
  }
}

/** Whether anything but the verifier's limit of instructions bounds a run. */
function mayRunLong({ input, targets }: ModuleContext): boolean {
  return [...targets.values()].some(({ plan }) => plan.hasMayGoto || isGlobal(input, plan.start))
}

/** Whether there is no round without a may_goto, of the loop's own or of a loop inside. */
function looksAtClock({ program }: CompileInput, graph: FlowGraph, { header, inside }: Loop): boolean {
  const isMayGoto = (node: FlowNode): boolean =>
    node.kind === 'block' && program.insns[node.block.last]!.row.kind === Kind.MAY_GOTO
  const seen = new Set([header])
  const work = isMayGoto(graph[header]!) ? [] : [header]
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    for (const next of graph[node]!.next) {
      if (next === header) return false
      if (seen.has(next) || !inside.has(next)) continue
      seen.add(next)
      if (!isMayGoto(graph[next]!)) work.push(next)
    }
  }
  return true
}

function slotsOfRound(graph: FlowGraph, { inside }: Loop): number {
  let slots = 0
  for (const node of inside) {
    const current = graph[node]!
    // Of a loop that is written twice a round passes one.
    const isCopy = current.kind === 'block' && current.covered !== undefined
    if (!isCopy) slots += slotsOf(current)
  }
  return slots
}
