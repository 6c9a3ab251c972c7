/**
 * What is known of registers before each instruction of a function: a forward dataflow analysis over its flow graph.
 *
 *     r1 = map[0] ll          r1: the reference at slot 0
 *     r2 = r10                r2: frame + 512
 *     r2 += -8                r2: frame + 504
 *     w4 = 0                  r4: 0
 *     call 2                  r0 to r5: unknown
 *     r1 = 7, call new        r0: an object of type 7, or 0
 *
 * Where two ways meet with different values, nothing is known. Stack contents are not followed.
 */
import { InternalError } from '../errors/errors.ts'
import type { Instruction } from '../isa/instruction.ts'
import { FRAME_POINTER, Pseudo } from '../isa/opcode.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import type { Binding } from '../program/loadable.ts'
import { SlotFlag } from '../program/loadable.ts'
import { FRAME_BYTES } from '../vm/state.ts'
import type { CompileInput } from './compile.ts'
import { writes } from './effects.ts'
import { type FlowGraph, reversePostorder } from './flow-graph.ts'

export type Value =
  | { readonly kind: 'unknown' }
  /** A number; its halves are signed. */
  | { readonly kind: 'constant'; readonly low: number; readonly high: number }
  /** What an LD_IMM64 stands for. */
  | { readonly kind: 'reference'; readonly binding: Binding }
  /** A pointer into the function's own stack frame: bytes from its lowest address; r10 is 512. */
  | { readonly kind: 'frame'; readonly offset: number }
  /** What bpf_obj_new gave for this type: the address of an object, or 0. */
  | { readonly kind: 'object'; readonly typeId: number }

/** Registers r0 to r10. */
export type Registers = readonly Value[]

const REGISTERS = 11

/** Registers that a call leaves as they are: r6 to r10. */
const FIRST_KEPT = 6

export const UNKNOWN_VALUE: Value = { kind: 'unknown' }

/** The values of one function. */
export class FunctionValues {
  readonly #input: CompileInput
  /** First slots of the blocks, ascending, and what is known there. */
  readonly #starts: Int32Array
  readonly #entries: readonly (Registers | undefined)[]
  /** The slot asked for last, and what was known before it. */
  #slot = -1
  #start = -1
  #registers: Value[] = []

  readonly #graph: FlowGraph
  /** By node. */
  readonly #atEntry: readonly (Registers | undefined)[]

  constructor(input: CompileInput, graph: FlowGraph) {
    this.#input = input
    this.#graph = graph
    const entries = solve(input, graph)
    this.#atEntry = entries
    // A block may stand in the graph more than once.
    const byStart = new Map<number, Value[] | undefined>()
    graph.forEach((node, at) => {
      if (node.kind !== 'block') return
      const { start } = node.block
      byStart.set(start, met(byStart.get(start), entries[at]))
    })
    const starts = [...byStart.keys()].sort((a, b) => a - b)
    this.#starts = Int32Array.from(starts)
    this.#entries = starts.map((start) => byStart.get(start))
  }

  /**
   * What is known before the instruction at `slot`, which is one of the function; undefined where no run comes by. Good
   * until the next call; slots of a block asked for in ascending order cost a step each.
   */
  before(slot: number): Registers | undefined {
    const block = this.#blockOf(slot)
    const start = this.#starts[block]!
    const entry = this.#entries[block]
    if (entry === undefined) return undefined
    if (this.#start !== start || this.#slot > slot) {
      this.#start = start
      this.#slot = start
      this.#registers = [...entry]
    }
    for (; this.#slot < slot; this.#slot++) step(this.#input, this.#slot, this.#registers)
    return this.#registers
  }

  /** What is known where control enters a node of the graph; undefined where no run comes by. */
  atEntry(node: number): Registers | undefined {
    return this.#atEntry[node]
  }

  /** What is known where control leaves a node; undefined where no run comes by. */
  behind(node: number): Registers | undefined {
    const entry = this.#atEntry[node]
    return entry === undefined ? undefined : through(this.#input, this.#graph, node, entry)
  }

  /** What is known of one register before the instruction at `slot`. */
  valueBefore(slot: number, register: number): Value {
    return this.before(slot)?.[register] ?? UNKNOWN_VALUE
  }

  /** Index of the last block that starts at or before `slot`. */
  #blockOf(slot: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= slot) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** What is known at the start of each node; undefined where no run comes by. */
function solve(input: CompileInput, graph: FlowGraph): (Registers | undefined)[] {
  const { order } = reversePostorder(graph)
  const entries: (Value[] | undefined)[] = graph.map(() => undefined)
  entries[0] = atEntry()
  for (let moved = true; moved; ) {
    moved = false
    for (const node of order) {
      const entry = entries[node]
      if (entry === undefined) continue
      const out = through(input, graph, node, entry)
      if (out === undefined) continue
      for (const to of graph[node]!.next) moved = meet(entries, to, out) || moved
    }
  }
  return entries
}

function atEntry(): Value[] {
  const registers = Array.from({ length: REGISTERS }, () => UNKNOWN_VALUE)
  registers[FRAME_POINTER] = { kind: 'frame', offset: FRAME_BYTES }
  return registers
}

/** The registers behind a node; undefined where the verifier has never come. */
function through(input: CompileInput, graph: FlowGraph, node: number, entry: Registers): Registers | undefined {
  const current = graph[node]!
  if (current.kind !== 'block') return entry
  const { start, last } = current.block
  if (input.flags !== undefined && (input.flags[start]! & SlotFlag.SEEN) === 0) return undefined
  const registers = [...entry]
  for (let slot = start; slot <= last; slot++) step(input, slot, registers)
  return registers
}

/** What holds of both; undefined stands for what never is. */
function met(a: Value[] | undefined, b: Registers | undefined): Value[] | undefined {
  if (b === undefined) return a
  return a === undefined ? [...b] : a.map((value, n) => (sameValue(value, b[n]!) ? value : UNKNOWN_VALUE))
}

/** Adds what comes in over one edge; whether that changed anything. */
function meet(entries: (Value[] | undefined)[], to: number, values: Registers): boolean {
  const known = entries[to]
  if (known === undefined) {
    entries[to] = [...values]
    return true
  }
  let moved = false
  for (let n = 0; n < REGISTERS; n++) {
    if (known[n]!.kind === 'unknown' || sameValue(known[n]!, values[n]!)) continue
    known[n] = UNKNOWN_VALUE
    moved = true
  }
  return moved
}

export function sameValue(a: Value, b: Value): boolean {
  switch (a.kind) {
    case 'unknown':
      return b.kind === 'unknown'
    case 'constant':
      return b.kind === 'constant' && a.low === b.low && a.high === b.high
    case 'reference':
      return b.kind === 'reference' && sameBinding(a.binding, b.binding)
    case 'frame':
      return b.kind === 'frame' && a.offset === b.offset
    case 'object':
      return b.kind === 'object' && a.typeId === b.typeId
    default:
      throw new InternalError(`value ${a satisfies never}`)
  }
}

function sameBinding(a: Binding, b: Binding): boolean {
  if (a === b) return true
  if (a.kind === 'map') return b.kind === 'map' && a.map === b.map
  if (a.kind === 'map-value') return b.kind === 'map-value' && a.map === b.map && a.offset === b.offset
  return a.kind === 'alloc' && b.kind === 'alloc' && a.alloc === b.alloc
}

/** Makes the registers before an instruction those behind it. */
function step(input: CompileInput, slot: number, registers: Value[]): void {
  const insn = input.program.insns[slot]!
  switch (insn.row.kind) {
    case Kind.CALL_KFUNC: {
      const result = resultOf(input.program.bindings.get(slot), registers)
      forget(registers)
      registers[0] = result
      return
    }
    case Kind.CALL_HELPER:
    case Kind.CALL_LOCAL:
    case Kind.CALLX:
    case Kind.LD_ABS:
    case Kind.LD_IND:
      forget(registers)
      return
    case Kind.MOV:
      registers[insn.dst] = moved(insn, registers)
      return
    case Kind.ALU:
      registers[insn.dst] = added(insn, registers)
      return
    case Kind.LD_IMM64: {
      const binding = input.program.bindings.get(slot)
      if (binding !== undefined) registers[insn.dst] = { kind: 'reference', binding }
      else if (insn.row.pseudo === Pseudo.NONE)
        registers[insn.dst] = { kind: 'constant', low: insn.imm, high: insn.imm2 }
      else registers[insn.dst] = UNKNOWN_VALUE
      return
    }
    default: {
      const written = writes(insn)
      for (let n = 0; n < FRAME_POINTER; n++) if ((written & (1 << n)) !== 0) registers[n] = UNKNOWN_VALUE
    }
  }
}

/** What a call leaves of registers. */
function forget(registers: Value[]): void {
  for (let n = 0; n < FIRST_KEPT; n++) registers[n] = UNKNOWN_VALUE
}

/** What a kfunc gives in r0. */
function resultOf(binding: Binding | undefined, registers: Registers): Value {
  if (binding?.kind !== 'kfunc' || binding.prototype.name !== 'bpf_obj_new_impl') return UNKNOWN_VALUE
  const type = registers[1]!
  return type.kind === 'constant' ? { kind: 'object', typeId: type.low >>> 0 } : UNKNOWN_VALUE
}

function moved({ row, src, imm }: Instruction, registers: Registers): Value {
  if (row.operand === Operand.IMM) return { kind: 'constant', low: imm, high: row.width === 64 ? imm >> 31 : 0 }
  const value = registers[src]!
  if (row.width === 64) return value
  return value.kind === 'constant' ? { kind: 'constant', low: value.low, high: 0 } : UNKNOWN_VALUE
}

/** A pointer into the frame by a constant; of all other arithmetic the result is not known. */
function added({ row, dst, src, imm }: Instruction, registers: Registers): Value {
  const value = registers[dst]!
  if (value.kind !== 'frame' || row.width !== 64 || (row.op !== Op.ADD && row.op !== Op.SUB)) return UNKNOWN_VALUE
  const by = row.operand === Operand.IMM ? imm : constantOf(registers[src]!)
  if (by === undefined) return UNKNOWN_VALUE
  return { kind: 'frame', offset: row.op === Op.ADD ? value.offset + by : value.offset - by }
}

/** A constant that fits 32 bits, sign-extended. */
function constantOf(value: Value): number | undefined {
  return value.kind === 'constant' && value.high === value.low >> 31 ? value.low : undefined
}
