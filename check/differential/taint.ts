/**
 * What may be seen of a run on every machine alike. A tracker follows a run of an accepted program instruction by
 * instruction and notes, for each register and byte of stack, whether it comes of the inputs alone:
 *
 *     plain                  of inputs and constants: the same everywhere
 *     stack, memory, ...     an address: where it leads is the same everywhere, its number is not
 *     own                    time, random numbers, numbers made of addresses: another machine has others
 *     unwritten              what the stack held before, and what is made of it
 *
 * A run stays comparable while only plain values reach memory other than the stack, r0, a branch, or an address. Two
 * things that addresses are compared with say the same everywhere: 0, and the end of a packet. Between engines of one
 * machine all but `unwritten` is the same: compiled code keeps some of the stack elsewhere.
 */

import type { Instruction, Slot } from '../../isa/instruction.ts'
import { FRAME_POINTER } from '../../isa/opcode.ts'
import { Kind, Op, Operand } from '../../isa/table.ts'
import { KERNEL_HIGH } from '../../memory/memory.ts'
import type { LinkedProgram } from '../../program/loadable.ts'
import type { Reference } from '../../program/object.ts'
import { FRAME_BYTES, type Hook, type RunState, STACK_BYTES } from '../../vm/state.ts'
import { CB, CB_WORDS, SOCKET_FIELDS, XDP_FIELDS } from '../generate/write-packet.ts'

const Taint = {
  PLAIN: 0,
  /** Plain, and a pointer into the arena: its number is its place there. */
  ARENA: 1,
  STACK: 2,
  /** A map, or one of its values. */
  MEMORY: 3,
  CONTEXT: 4,
  /** Into the packet, or its end. */
  PACKET: 5,
  SOCKET: 6,
  OWN: 7,
  UNWRITTEN: 8,
} as const
type Taint = (typeof Taint)[keyof typeof Taint]

const { PLAIN, ARENA, STACK, MEMORY, CONTEXT, PACKET, SOCKET, OWN, UNWRITTEN } = Taint

/** Ends a run in which something of chance can be seen, or that goes on for long. */
export class NotComparable extends Error {
  override readonly name = 'NotComparable'
}

/** Whom a run is to be the same for: another machine, such as Linux, or another engine of the same machine. */
export type Audience = 'machines' | 'engines'

/** Instructions followed at most. For Linux far from where a may_goto would end by its clock. */
const MAX_STEPS: Readonly<Record<Audience, number>> = { machines: 20_000, engines: 300_000 }
const REGISTERS = 11

const isPlain = (taint: Taint): boolean => taint === PLAIN || taint === ARENA
const isAddress = (taint: Taint): boolean => taint >= STACK && taint <= SOCKET

/** A hook for one run of `program`. @throws NotComparable out of the run */
export function taintHook(program: LinkedProgram, audience: Audience = 'machines'): Hook {
  const references = new Map(program.references.map((reference) => [reference.slot, reference]))
  let tracker: TaintTracker | undefined
  return (slot, state) => {
    tracker ??= new TaintTracker(program, references, state, audience)
    tracker.step(slot)
  }
}

class TaintTracker {
  readonly #program: LinkedProgram
  readonly #references: ReadonlyMap<Slot, Reference>
  readonly #state: RunState
  readonly #audience: Audience
  /** Of the frames that are active. */
  readonly #frames: Taint[][] = [makeRegisters()]
  /** Of the whole stack, by distance from its lowest address. */
  readonly #stack: Uint8Array = new Uint8Array(STACK_BYTES).fill(UNWRITTEN)
  /** The instruction before was a look-up: an address in r0, or plain null. */
  #lookedUp = false
  #steps = 0

  constructor(program: LinkedProgram, references: ReadonlyMap<Slot, Reference>, state: RunState, audience: Audience) {
    this.#program = program
    this.#references = references
    this.#state = state
    this.#audience = audience
    this.#registers[1] = CONTEXT
  }

  get #registers(): Taint[] {
    return this.#frames.at(-1)!
  }

  /** The run stands before `slot`, or at its end. */
  step(slot: Slot): void {
    this.#follow()
    if (slot < 0) {
      this.#require(this.#registers[0]!, 'the result')
      return
    }
    this.#steps += 1
    if (this.#steps > MAX_STEPS[this.#audience]) throw new NotComparable('a long run')
    this.#transfer(slot, this.#program.insns[slot]!)
  }

  /** That a value may be seen. */
  #require(taint: Taint, what: string): void {
    if (!this.#isOpen(taint)) throw new NotComparable(what)
  }

  #isOpen(taint: Taint): boolean {
    return isPlain(taint) || (this.#audience === 'engines' && taint !== UNWRITTEN)
  }

  /** Calls and returns since the last step, whatever made them, and what a look-up found. */
  #follow(): void {
    const { depth, regs } = this.#state
    if (this.#lookedUp) this.#registers[0] = (regs[0]! | regs[1]!) === 0 ? PLAIN : MEMORY
    this.#lookedUp = false
    if (depth > this.#frames.length - 1) {
      const callee = makeRegisters()
      for (let n = 1; n <= 5; n++) callee[n] = this.#registers[n]!
      this.#clobber(UNWRITTEN)
      this.#frames.push(callee)
      const top = STACK_BYTES - depth * FRAME_BYTES
      this.#stack.fill(UNWRITTEN, top - FRAME_BYTES, top)
    }
    while (depth < this.#frames.length - 1) {
      const callee = this.#frames.pop()!
      this.#registers[0] = callee[0]!
    }
  }

  #transfer(slot: Slot, insn: Instruction): void {
    const registers = this.#registers
    const { row, dst, src } = insn
    switch (row.kind) {
      case Kind.ALU:
        registers[dst] = this.#sum(insn)
        break
      case Kind.NEG:
      case Kind.END:
        registers[dst] = moved(registers[dst]!, false)
        break
      case Kind.MOV:
        registers[dst] = row.operand === Operand.IMM ? PLAIN : moved(registers[src]!, row.width === 64)
        break
      case Kind.MOVSX:
      case Kind.CAST_USER:
        registers[dst] = moved(registers[src]!, false)
        break
      case Kind.CAST_KERN:
        registers[dst] = isPlain(registers[src]!) ? ARENA : number(registers[src]!)
        break
      case Kind.LD_IMM64:
        registers[dst] = this.#constant(slot)
        break
      case Kind.LD_ABS:
      case Kind.LD_IND:
        if (row.kind === Kind.LD_IND) this.#require(registers[src]!, 'where the packet is loaded from')
        this.#clobber(PLAIN)
        break
      case Kind.LDX:
      case Kind.LDXSX:
      case Kind.LOAD_ACQUIRE:
        registers[dst] = this.#load(src, insn)
        break
      case Kind.ST:
        this.#store(dst, insn, PLAIN)
        break
      case Kind.STX:
      case Kind.STORE_RELEASE:
        this.#store(dst, insn, registers[src]!)
        break
      case Kind.ATOMIC:
        this.#atomic(insn)
        break
      case Kind.JCOND:
        this.#branch(insn)
        break
      case Kind.CALL_HELPER:
        this.#callHelper(insn.imm)
        break
      case Kind.CALL_KFUNC:
        this.#callKfunc(slot)
        break
      default:
    }
  }

  /** Of `dst op= operand`. */
  #sum({ row, dst, src }: Instruction): Taint {
    const a = this.#registers[dst]!
    const b = row.operand === Operand.IMM ? PLAIN : this.#registers[src]!
    if (isPlain(a) && isPlain(b)) return a === ARENA || b === ARENA ? ARENA : PLAIN
    if (a === UNWRITTEN || b === UNWRITTEN) return UNWRITTEN
    if (row.width !== 64 || (row.op !== Op.ADD && row.op !== Op.SUB)) return OWN
    // The length of a packet is the same everywhere.
    if (a === PACKET && b === PACKET && row.op === Op.SUB) return PLAIN
    const isDistance = (taint: Taint): boolean => !isAddress(taint) && this.#isOpen(taint)
    if (isAddress(a) && isDistance(b)) return a
    return isDistance(a) && isAddress(b) && row.op === Op.ADD ? b : OWN
  }

  #constant(slot: Slot): Taint {
    const reference = this.#references.get(slot)
    // The arena's user addresses are those that the file asks for.
    if (reference === undefined || (reference.kind === 'map-value' && reference.name === 'arena')) return PLAIN
    return MEMORY
  }

  #load(base: number, { row, off }: Instruction): Taint {
    const bytes = row.memWidth / 8
    switch (this.#registers[base]!) {
      case ARENA:
      case MEMORY:
      case PACKET:
        return PLAIN
      case STACK:
        return this.#fill(this.#stackAt(base, off), bytes, row.kind === Kind.LDX)
      case CONTEXT:
        return this.#field(off)
      case SOCKET:
        return OWN
      default:
        // What a number leads to is in the arena.
        this.#require(this.#registers[base]!, 'an address to load from')
        return OWN
    }
  }

  /** Of `bytes` bytes of stack: whole saved registers are what they were. */
  #fill(at: number, bytes: number, mayBeAddress: boolean): Taint {
    const found = this.#stack.subarray(at, at + bytes) as ArrayLike<number> & Uint8Array
    if (bytes === 8 && mayBeAddress && found.every((taint) => taint === found[0])) return found[0] as Taint
    return worst([...found] as Taint[])
  }

  /**
   * Of a field of the context, which is read at a constant offset, through the pointer as it was given. Those of syscall
   * programs are the run's input.
   */
  #field(off: number): Taint {
    const { type } = this.#program
    if (type === 'syscall') return PLAIN
    const field = off & ~3
    if (type === 'xdp' && field < FIRST_XDP_NUMBER) return PACKET
    if (type === 'socket' && field === SOCKET_POINTER) return SOCKET
    const open: readonly number[] = type === 'xdp' ? XDP_FIELDS : SOCKET_FIELDS
    return open.includes(field) || (type === 'socket' && field >= CB && field < CB + 4 * CB_WORDS) ? PLAIN : OWN
  }

  #store(base: number, { row, off }: Instruction, value: Taint): void {
    const taint = this.#registers[base]!
    if (taint !== STACK) {
      if (!isAddress(taint) || taint === SOCKET) this.#require(taint, 'an address to store to')
      this.#require(value, 'a value in memory')
      return
    }
    const at = this.#stackAt(base, off)
    const bytes = row.memWidth / 8
    this.#stack.fill(bytes === 8 || isPlain(value) ? value : number(value), at, at + bytes)
  }

  #atomic(insn: Instruction): void {
    const { row, dst, src, off } = insn
    const registers = this.#registers
    const result = row.op === Op.CMPXCHG ? 0 : src
    const given: readonly Taint[] = row.op === Op.CMPXCHG ? [registers[0]!, registers[src]!] : [registers[src]!]
    const base = registers[dst]!
    if (base !== STACK) {
      if (base !== MEMORY) this.#require(base, 'an address of an atomic')
      for (const taint of given) this.#require(taint, 'a value in memory')
      if (row.fetch) registers[result] = PLAIN
      return
    }
    const at = this.#stackAt(dst, off)
    const bytes = row.memWidth / 8
    const after = worst([...given, this.#fill(at, bytes, false)])
    this.#stack.fill(after, at, at + bytes)
    if (row.fetch) registers[result] = after
  }

  #branch({ row, dst, src, imm }: Instruction): void {
    const a = this.#registers[dst]!
    const isImmediate = row.operand === Operand.IMM
    const b = isImmediate ? PLAIN : this.#registers[src]!
    if (this.#isOpen(a) && this.#isOpen(b)) return
    if (row.width === 64) {
      if (a === PACKET && b === PACKET) return
      const isNullTest = isImmediate && imm === 0 && (row.op === Op.JEQ || row.op === Op.JNE)
      // An address is not 0, unless by a sum that the verifier would refuse.
      const { regs } = this.#state
      if (isNullTest && isAddress(a) && regs[2 * dst + 1] === KERNEL_HIGH) return
    }
    throw new NotComparable('a branch')
  }

  #callHelper(id: number): void {
    const registers = this.#registers
    switch (id) {
      case HELPER.LOOKUP:
        this.#requireBytes(2, 4)
        this.#lookedUp = true
        break
      case HELPER.UPDATE:
        this.#requireBytes(2, 4)
        this.#requireBytes(3, VALUE_BYTES)
        this.#require(registers[4]!, 'flags')
        break
      case HELPER.DELETE:
        this.#requireBytes(2, 4)
        break
      case HELPER.TIME:
      case HELPER.RANDOM:
      case HELPER.CPU:
        this.#clobber(OWN)
        return
      default:
        throw new NotComparable(`helper ${id}`)
    }
    this.#clobber(PLAIN)
  }

  #callKfunc(slot: Slot): void {
    const name = this.#references.get(slot)?.name
    const args = KFUNC_ARGUMENTS[name ?? '']
    if (args === undefined) throw new NotComparable(`kfunc ${name}`)
    for (let n = 2; n <= args; n++) this.#require(this.#registers[n]!, `an argument of ${name}`)
    this.#clobber(PLAIN)
  }

  /** What a helper reads through register `n`. */
  #requireBytes(n: number, bytes: number): void {
    const taint = this.#registers[n]!
    if (taint === MEMORY || taint === PACKET) return
    if (taint !== STACK) throw new NotComparable('an address for a helper')
    const at = this.#stackAt(n, 0)
    // More than the stack has: of a map with smaller values.
    for (let i = at; i < Math.min(at + bytes, STACK_BYTES); i++) {
      this.#require(this.#stack[i] as Taint, 'what a helper reads')
    }
  }

  /** A call leaves its result, and nothing in r1 to r5. */
  #clobber(result: Taint): void {
    this.#registers.fill(UNWRITTEN, 1, 6)
    this.#registers[0] = result
  }

  /** Place in #stack that a register and an offset name. */
  #stackAt(base: number, off: number): number {
    const { regs, stackTop } = this.#state
    const at = (regs[2 * base]! >>> 0) + off - (stackTop - STACK_BYTES)
    if (at < 0 || at >= STACK_BYTES) throw new NotComparable('an address off the stack')
    return at
  }
}

function makeRegisters(): Taint[] {
  const registers: Taint[] = Array.from({ length: REGISTERS }, () => UNWRITTEN)
  registers[FRAME_POINTER] = STACK
  return registers
}

/** Of a register that was moved, whole, or of a number made of it. */
function moved(taint: Taint, whole: boolean): Taint {
  if (whole) return taint
  return number(taint)
}

/** Of a number that is made of one that was known so. */
function number(taint: Taint): Taint {
  if (isPlain(taint)) return PLAIN
  return taint === UNWRITTEN ? UNWRITTEN : OWN
}

/** Of a number that is made of all of these. */
function worst(taints: readonly Taint[]): Taint {
  if (taints.includes(UNWRITTEN)) return UNWRITTEN
  return taints.every(isPlain) ? PLAIN : OWN
}

/** In front of it a struct xdp_md has pointers into the packet. */
const FIRST_XDP_NUMBER = 12
/** `sk` of a struct __sk_buff. */
const SOCKET_POINTER = 168

const HELPER = { LOOKUP: 1, UPDATE: 2, DELETE: 3, TIME: 5, RANDOM: 7, CPU: 8 } as const
/** Bytes of the largest value of a generated program's maps. */
const VALUE_BYTES = 64
/** Registers that hold arguments, by kfunc; the first is the map. */
const KFUNC_ARGUMENTS: Readonly<Record<string, number>> = {
  bpf_arena_alloc_pages: 5,
  bpf_arena_free_pages: 3,
  bpf_arena_reserve_pages: 3,
}
