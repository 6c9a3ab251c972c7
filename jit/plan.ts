/**
 * What has to be known of a function before its code is written: its blocks, which registers it takes, and where the
 * page bytes of arena pointers are kept.
 *
 * A page byte (arena/page-table.ts) stands beside each register that a later store or atomic to the arena goes
 * through. It is read where the register is written, not where it is used: so it moves out of loops with the pointer,
 * and several accesses through one pointer share it. Reading it is harmless whatever the register holds.
 *
 *     r1 = addr_space_cast(r2, 0, 1)     page1 = table[r1 >> 12]
 *     *(u64 *)(r1 + 0) = r3              if page1 == 7: store, else the exact way
 *     r1 += 16                           page1 = table[r1 >> 12]        (only if it is used again)
 */
import type { Block } from '../isa/blocks.ts'
import type { Instruction } from '../isa/instruction.ts'
import { useMask } from '../isa/registers.ts'
import { Kind } from '../isa/table.ts'
import { helperById } from '../program/helpers.ts'
import { kfuncById } from '../program/kfuncs.ts'
import { Access } from '../program/loadable.ts'
import { cutBlocks, PIECE_SIZES, type Piece, splitGraph } from './chunks.ts'
import type { CompileInput } from './compile.ts'
import { copiesLow, REACH, writes } from './effects.ts'
import { type FlowGraph, graphOf, makeReducible } from './flow-graph.ts'
import { type Loop, loopDepths, loopsOf } from './loops.ts'
import { unrollLoops } from './unroll.ts'
import { windowLoops, writeTwice } from './window-loops.ts'

/** r0 to r9. */
const REGISTER_MASK = 0x3ff

export interface FunctionPlan {
  readonly start: number
  /** The whole of it; with every loop entered at one node unless it is in pieces. */
  readonly graph: FlowGraph
  /**
   * The graph as it is written: some loops several times over (unroll.ts, window-loops.ts). What is known of a slot holds
   * in every copy.
   */
  readonly code: FlowGraph
  /** The pieces of a long function. */
  readonly pieces: readonly Piece[] | undefined
  /** By node of the graph: registers that are used from there on, and those whose page byte is. */
  readonly liveBefore: Uint16Array
  readonly pagesBefore: Uint16Array
  /** The same registers by the first slot of a block. */
  readonly liveAt: (start: number) => number
  /** Registers it takes, as a mask: those that it may read before it writes them. */
  readonly params: number
  /** By slot: registers whose page byte is used behind the instruction. */
  readonly pagesAfter: Uint16Array
  /**
   * By first slot of a loop's header: registers that the loop moves on, whose page bytes are read there. They are not
   * carried around the loop beside the register.
   */
  readonly pagesAtHeader: ReadonlyMap<number, number>
  /** By node: in how many loops it is. */
  readonly depths: Uint8Array
  /** The same at its entry. */
  readonly pagesAtEntry: number
  readonly hasMayGoto: boolean
}

/** Which registers an instruction reads, as a mask. */
export function reads(insn: Instruction, input: CompileInput, slot: number): number {
  const { kind } = insn.row
  switch (kind) {
    // To the verifier's analysis packet loads read everything.
    case Kind.LD_ABS:
      return 0
    case Kind.LD_IND:
      return 1 << insn.src
    // Where a page of the arena is absent the register stays as it is.
    case Kind.LOAD_ACQUIRE:
      return useMask(insn) | (input.access?.[slot] === Access.ARENA ? 1 << insn.dst : 0)
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
      return useMask(insn, argumentCount(insn, input, slot))
    default:
      return useMask(insn)
  }
}

/** The helper that takes more than its prototype says: what its format asks for. */
const TRACE_PRINTK = 6

const MOST_ARGUMENTS = 5

/** Arguments of the helper or kfunc that `insn` calls. */
export function argumentCount(insn: Instruction, { program }: CompileInput, slot: number): number {
  if (insn.row.kind === Kind.CALL_HELPER) {
    const helper = helperById(insn.imm)
    if (helper === undefined || insn.imm === TRACE_PRINTK) return MOST_ARGUMENTS
    return Math.max(helper.args.length, ...(helper.variants ?? []).map(({ args }) => args.length))
  }
  const binding = program.bindings.get(slot)
  const prototype = binding?.kind === 'kfunc' ? binding.prototype : kfuncById(insn.imm)
  return prototype?.params.length ?? MOST_ARGUMENTS
}

/** The register through whose page byte `insn` goes to the arena; -1 for none. */
export function pageBase(insn: Instruction, access: number): number {
  if (access !== Access.ARENA) return -1
  const { kind, memWidth } = insn.row
  const writesMemory = kind === Kind.ST || kind === Kind.STX || kind === Kind.STORE_RELEASE || kind === Kind.ATOMIC
  if (!writesMemory && kind !== Kind.LOAD_ACQUIRE) return -1
  if (Math.abs(insn.off) + memWidth / 8 > REACH) return -1
  return kind === Kind.LOAD_ACQUIRE ? insn.src : insn.dst
}

/** Helpers beside which nobody else gets to run: look-ups, time, random numbers, the number of the CPU. */
const RUN_ALONE: ReadonlySet<number> = new Set([1, 5, 7, 8, 195])

/**
 * Calls that may change which pages are there. Helpers do so by whom they let run: programs that are attached, and
 * listeners to what those print, which may run others.
 */
export function changesPages({ row: { kind }, imm }: Instruction): boolean {
  if (kind === Kind.CALL_HELPER) return !RUN_ALONE.has(imm)
  return kind === Kind.CALL_KFUNC || kind === Kind.CALL_LOCAL || kind === Kind.CALLX
}

/**
 * `found`: the function's blocks, in slot order. `pagesAfter` is that of the whole program, all 0 at first: functions
 * that have such bytes share no slots.
 */
export function planFunction(
  input: CompileInput,
  found: readonly Block[],
  start: number,
  pagesAfter: Uint16Array,
): FunctionPlan {
  const { insns } = input.program
  const ordered = entryFirst(
    found,
    found.findIndex((block) => block.start === start),
  )
  const sizes = input.pieces ?? PIECE_SIZES
  const isLong = found.reduce((sum, block) => sum + block.last - block.start + 1, 0) >= sizes.from
  const blocks = isLong
    ? cutBlocks(ordered, (slot) => insns[slot]!.row.kind !== Kind.LD_IMM64_HI, sizes.block)
    : ordered
  const whole = graphOf(blocks)
  const graph = isLong ? whole : makeReducible(whole)
  const loops = isLong ? [] : loopsOf(graph)
  const twice = windowLoops(input, graph, loops)
  const once = loops.filter((loop) => !twice.some((other) => other.loop === loop))
  const moving = movingBases(graph, loops, insns)
  const pagesAtHeader = new Map<number, number>()
  const pagesBefore = solve(graph, (node, after) => {
    const live = pagesThrough(input, graph, node, after, pagesAfter)
    const read = live & moving[node]!
    const current = graph[node]!
    if (read !== 0 && current.kind === 'block') pagesAtHeader.set(current.block.start, read)
    return live & ~read
  })
  const liveBefore = solve(graph, (node, after) => liveThrough(input, graph, node, after))
  return {
    start,
    graph,
    code: writeTwice(
      unrollLoops(graph, once, (from, last) => isPlain(insns, from, last)),
      twice,
    ),
    depths: loopDepths(graph, loops),
    pieces: isLong ? splitGraph(graph, sizes.piece) : undefined,
    liveBefore,
    liveAt: byStart(graph, liveBefore),
    pagesBefore,
    params: liveBefore[0]! & REGISTER_MASK,
    pagesAfter,
    pagesAtHeader,
    pagesAtEntry: pagesBefore[0]!,
    hasMayGoto: blocks.some(({ last }) => insns[last]!.row.kind === Kind.MAY_GOTO),
  }
}

/** What holds for any node of a block, by the block's first slot; everything where there is no such block. */
function byStart(graph: FlowGraph, masks: Uint16Array): (start: number) => number {
  const found = new Map<number, number>()
  graph.forEach((node, at) => {
    if (node.kind === 'block') found.set(node.block.start, (found.get(node.block.start) ?? 0) | masks[at]!)
  })
  return (start) => found.get(start) ?? -1
}

/** By node: registers that are written in the loop of which it is the header. */
function movingBases(graph: FlowGraph, loops: readonly Loop[], insns: readonly Instruction[]): Uint16Array {
  const moving = new Uint16Array(graph.length)
  for (const { header, inside } of loops) {
    let written = 0
    for (const node of inside) {
      const current = graph[node]!
      if (current.kind !== 'block') continue
      for (let slot = current.block.start; slot <= current.block.last; slot++) written |= writes(insns[slot]!)
    }
    if (graph[header]!.kind === 'block') moving[header] = written
  }
  return moving
}

/** Whether nothing in these slots calls. */
function isPlain(insns: readonly Instruction[], from: number, last: number): boolean {
  for (let slot = from; slot <= last; slot++) if (isCall(insns[slot]!)) return false
  return true
}

function isCall({ row }: Instruction): boolean {
  const { kind } = row
  return kind === Kind.CALL_HELPER || kind === Kind.CALL_KFUNC || kind === Kind.CALL_LOCAL || kind === Kind.CALLX
}

/** Blocks with the entry's at index 0; the edges follow. */
function entryFirst(blocks: readonly Block[], entry: number): readonly Block[] {
  if (entry === 0) return blocks
  const moved = (at: number): number => (at === entry ? 0 : at >= 0 && at < entry ? at + 1 : at)
  const ordered = [blocks[entry]!, ...blocks.slice(0, entry), ...blocks.slice(entry + 1)]
  return ordered.map((block) => ({ ...block, fall: moved(block.fall), branch: moved(block.branch) }))
}

/** A mask before a node from the mask behind it. */
type Through = (node: number, after: number) => number

/** The mask before each node, where a mask behind a node is those before its successors, or-ed. */
function solve(graph: FlowGraph, through: Through): Uint16Array {
  const before = new Uint16Array(graph.length)
  for (let moved = true; moved; ) {
    moved = false
    for (let node = graph.length - 1; node >= 0; node--) {
      let after = 0
      for (const to of graph[node]!.next) after |= before[to]!
      const found = through(node, after)
      if (found === before[node]) continue
      before[node] = found
      moved = true
    }
  }
  return before
}

/** Calls `visit` with each slot of a node, the last first. */
function backwards(graph: FlowGraph, node: number, insns: readonly Instruction[], visit: (slot: number) => void): void {
  const current = graph[node]!
  if (current.kind !== 'block') return
  const { start, last } = current.block
  for (let slot = last; slot >= start; slot--) if (insns[slot]!.row.kind !== Kind.LD_IMM64_HI) visit(slot)
}

function pagesThrough(
  input: CompileInput,
  graph: FlowGraph,
  node: number,
  after: number,
  pagesAfter: Uint16Array,
): number {
  const { insns } = input.program
  let live = after
  backwards(graph, node, insns, (slot) => {
    const insn = insns[slot]!
    pagesAfter[slot] = live
    const written = writes(insn)
    if (copiesLow(insn)) {
      if ((live & written) !== 0) live = (live & ~written) | (1 << insn.src)
    } else live &= ~written
    // After such a call the bytes are read again.
    if (changesPages(insn)) live = 0
    const base = pageBase(insn, input.access?.[slot] ?? Access.CHECKED)
    if (base >= 0) live |= 1 << base
  })
  return live
}

function liveThrough(input: CompileInput, graph: FlowGraph, node: number, after: number): number {
  const { insns } = input.program
  let live = after
  backwards(graph, node, insns, (slot) => {
    const insn = insns[slot]!
    live = (live & ~writes(insn)) | reads(insn, input, slot)
  })
  return live
}
