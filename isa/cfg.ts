/**
 * Control-flow graph over slots, and what is computed from it once for a program. Calls fall through: the graph
 * stays inside functions, as the verifier's pre-analysis has it.
 *
 *     slot  instruction             fall  branch
 *        0  r1 = 7 ll                  2      -1
 *        1  (its second half)         -1      -1
 *        2  if r1 == 0 goto +1         3       4
 *        3  goto -2                   -1       2
 *        4  exit                      -1      -1
 *
 * Everything is iterative and in flat arrays: a program may have a million slots.
 */
import { fallsThrough, jumpTarget, referenceTarget, slotsOf } from './flow.ts'
import type { Instruction } from './instruction.ts'
import { Kind } from './table.ts'

/** No edge. */
export const NO_SLOT = -1

export interface Cfg {
  /** Slots in the program. */
  readonly size: number
  /** The slot behind, where control may just go on; NO_SLOT for exit, jumps and second halves. */
  readonly fall: Int32Array
  /** The target of a jump, conditional or not. Edges out of the program are left out. */
  readonly branch: Int32Array
}

export function buildCfg(program: readonly Instruction[]): Cfg {
  const size = program.length
  const fall = new Int32Array(size).fill(NO_SLOT)
  const branch = new Int32Array(size).fill(NO_SLOT)
  program.forEach((insn, slot) => {
    if (insn.row.kind === Kind.LD_IMM64_HI) return
    const next = slot + slotsOf(insn)
    if (fallsThrough(insn) && next < size) fall[slot] = next
    const target = jumpTarget(insn, slot)
    if (target !== undefined && target >= 0 && target < size) branch[slot] = target
  })
  return { size, fall, branch }
}

/** Where control goes from `slot`: the slot behind first, then the jump's target. One slot may come twice. */
export function successors(cfg: Cfg, slot: number): number[] {
  const found: number[] = []
  if (cfg.fall[slot]! !== NO_SLOT) found.push(cfg.fall[slot]!)
  if (cfg.branch[slot]! !== NO_SLOT) found.push(cfg.branch[slot]!)
  return found
}

/**
 * First slots of the program's functions, ascending: slot 0, what local calls call, and whose address is taken.
 * Element n is the log's `func#n`. Targets outside the program are left out, and references that do not count.
 */
export function subprogramStarts(
  program: readonly Instruction[],
  counts: (slot: number) => boolean = () => true,
): number[] {
  const starts = new Set<number>([0])
  program.forEach((insn, slot) => {
    const target = counts(slot) ? referenceTarget(insn, slot) : undefined
    if (target !== undefined && target >= 0 && target < program.length) starts.add(target)
  })
  return [...starts].sort((a, b) => a - b)
}

/** 1 for every slot that control can get to from `entries` without calls; second halves are never reached. */
export function reachableFrom(cfg: Cfg, entries: Iterable<number>): Uint8Array {
  const seen = new Uint8Array(cfg.size)
  const stack: number[] = []
  const visit = (slot: number): void => {
    if (slot === NO_SLOT || seen[slot] === 1) return
    seen[slot] = 1
    stack.push(slot)
  }
  for (const entry of entries) visit(entry)
  for (let slot = stack.pop(); slot !== undefined; slot = stack.pop()) {
    visit(cfg.fall[slot]!)
    visit(cfg.branch[slot]!)
  }
  return seen
}

/**
 * Slots reached from `entry`, each after what was reached through it: the order of the verifier's liveness analysis.
 * All successors not seen yet are pushed at once, the slot behind first, so the branch is walked first.
 */
export function postorder(cfg: Cfg, entry: number): Int32Array {
  const UNSEEN = 0
  const PUSHED = 1
  const EXPANDED = 2
  const state = new Uint8Array(cfg.size)
  const order: number[] = []
  const stack: number[] = []
  const push = (slot: number): void => {
    if (slot === NO_SLOT || state[slot] !== UNSEEN) return
    state[slot] = PUSHED
    stack.push(slot)
  }
  push(entry)
  while (stack.length > 0) {
    const slot = stack[stack.length - 1]!
    if (state[slot] === EXPANDED) {
      order.push(slot)
      stack.pop()
      continue
    }
    state[slot] = EXPANDED
    push(cfg.fall[slot]!)
    push(cfg.branch[slot]!)
  }
  return Int32Array.from(order)
}

/**
 * The strongly connected component of each slot: ids from 1 in the order in which Tarjan's algorithm, started at each
 * slot in turn, completes them; 0 for a slot that is on no cycle. The log prints them in its table of live registers.
 */
export function components(cfg: Cfg): Int32Array {
  const { size, fall, branch } = cfg
  const component = new Int32Array(size)
  // Order of discovery from 1; 0 for slots not visited; for those whose component is complete DONE, which is above
  // all others and so never lowers `low`.
  const DONE = size + 1
  const index = new Int32Array(size)
  const low = new Int32Array(size)
  // Edges of each slot already followed: 0 to 2.
  const followed = new Uint8Array(size)
  const path: number[] = []
  const open: number[] = []
  let discovered = 0
  let completed = 0

  const enter = (slot: number): void => {
    index[slot] = ++discovered
    low[slot] = discovered
    path.push(slot)
    open.push(slot)
  }
  const close = (root: number): void => {
    const alone = open[open.length - 1] === root && fall[root] !== root && branch[root] !== root
    const id = alone ? 0 : ++completed
    for (let slot = NO_SLOT; slot !== root; ) {
      slot = open.pop()!
      component[slot] = id
      index[slot] = DONE
    }
  }

  for (let start = 0; start < size; start++) {
    if (index[start] === 0) enter(start)
    while (path.length > 0) {
      const slot = path[path.length - 1]!
      if (followed[slot]! < 2) {
        const next = followed[slot]!++ === 0 ? fall[slot]! : branch[slot]!
        if (next === NO_SLOT) continue
        if (index[next] === 0) enter(next)
        else low[slot] = Math.min(low[slot]!, index[next]!)
        continue
      }
      path.pop()
      const parent = path[path.length - 1]
      if (low[slot] === index[slot]) close(slot)
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[slot]!)
    }
  }
  return component
}
