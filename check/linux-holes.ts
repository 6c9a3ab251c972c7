/**
 * Where Linux itself is unsound, so that harena, which accepts what Linux accepts, cannot be otherwise. State checking
 * found both; runs that go through one are followed no further.
 *
 * 1. Narrow atomics that write a register, at an absent page of an arena: Linux skips the instruction and leaves the
 *    register as it was, all 64 bits, while its verifier takes the result to be as wide as the access (Linux 6.18:
 *    after `w2 = atomic_fetch_add((u32 *)(r6 + 0), w2); r2 >>= 32` the verifier holds r2 for 0, and it is not).
 * 2. A sign-extending fill keeps the id of the scalar that was spilled, as if it were a copy: a branch on one then
 *    tells wrong things of the other (Linux 6.18: after `r3 = *(s32 *)(r10 - 8)` and a branch on `r3 s< 0`, the u32 in
 *    the slot is held for a negative 64-bit number).
 */
import type { Slot } from '../isa/instruction.ts'
import { Kind, Op } from '../isa/table.ts'
import { Access, type LoadableProgram } from '../program/loadable.ts'
import { type RunState, STACK_BYTES } from '../vm/state.ts'

/** A register that keeps more than the verifier will believe, should the instruction be skipped. */
interface Suspect {
  readonly reg: number
  readonly lo: number
  readonly hi: number
}

/** Whether some walked state of the place that the run stands at has the register linked to others. */
export type IsLinked = (reg: number) => boolean

export class HoleWatch {
  readonly #program: LoadableProgram
  readonly #access: Uint8Array
  #suspect: Suspect | undefined
  /** Register that a sign-extending fill has just written; -1 for none. */
  #filled = -1

  /** `access`: what the verifier found of each slot. */
  constructor(program: LoadableProgram, access: Uint8Array) {
    this.#program = program
    this.#access = access
  }

  /** The run stands before `slot`. True when the instruction before went through one of the holes. */
  step(slot: Slot, state: RunState, isLinked: IsLinked): boolean {
    const { regs } = state
    const skipped = this.#suspect
    const filled = this.#filled
    this.#suspect = this.#suspectAt(slot, regs)
    this.#filled = this.#fillAt(slot, state)
    if (filled >= 0 && regs[2 * filled + 1]! < 0 && isLinked(filled)) return true
    return skipped !== undefined && regs[2 * skipped.reg] === skipped.lo && regs[2 * skipped.reg + 1] === skipped.hi
  }

  #fillAt(slot: Slot, { regs, stackTop }: RunState): number {
    const { row, dst, src, off } = this.#program.insns[slot]!
    if (row.kind !== Kind.LDXSX || this.#access[slot] !== Access.KERNEL) return -1
    const at = (regs[2 * src]! >>> 0) + off
    return at < stackTop && at >= stackTop - STACK_BYTES ? dst : -1
  }

  #suspectAt(slot: Slot, regs: Int32Array): Suspect | undefined {
    if (this.#access[slot] !== Access.ARENA) return undefined
    const insn = this.#program.insns[slot]!
    const { row } = insn
    const writes = row.kind === Kind.LOAD_ACQUIRE || (row.kind === Kind.ATOMIC && row.fetch)
    if (!writes || row.memWidth === 64) return undefined
    const reg = writtenBy(insn)
    const lo = regs[2 * reg]!
    const hi = regs[2 * reg + 1]!
    const fits = hi === 0 && (row.memWidth === 32 || lo >>> 0 < 2 ** row.memWidth)
    return fits ? undefined : { reg, lo, hi }
  }
}

function writtenBy({ row, dst, src }: LoadableProgram['insns'][number]): number {
  if (row.kind === Kind.LOAD_ACQUIRE) return dst
  return row.op === Op.CMPXCHG ? 0 : src
}
