/**
 * Where Linux itself is unsound, so that harena, which does as Linux does, cannot be otherwise. State checking found
 * it; runs that go through one are followed no further.
 *
 * Atomics that write a register, at an absent page of an arena: Linux skips the instruction and leaves the register
 * as it was, all 64 bits, while its verifier takes the result to be as wide as the access (seen on Linux 6.18: after
 * `w2 = atomic_fetch_add((u32 *)(r6 + 0), w2); r2 >>= 32` the verifier holds r2 for 0, and it is not).
 */
import type { Slot } from '../isa/instruction.ts'
import { Kind, Op } from '../isa/table.ts'
import { Access, type LoadableProgram } from '../program/loadable.ts'
import type { RunState } from '../vm/state.ts'

/** A register that keeps more than the verifier will believe, should the instruction be skipped. */
interface Suspect {
  readonly reg: number
  readonly lo: number
  readonly hi: number
}

export class HoleWatch {
  readonly #program: LoadableProgram
  readonly #access: Uint8Array
  #suspect: Suspect | undefined

  /** `access`: what the verifier found of each slot. */
  constructor(program: LoadableProgram, access: Uint8Array) {
    this.#program = program
    this.#access = access
  }

  /** The run stands before `slot`. True when the instruction before was skipped in the way described. */
  step(slot: Slot, { regs }: RunState): boolean {
    const before = this.#suspect
    this.#suspect = this.#suspectAt(slot, regs)
    return before !== undefined && regs[2 * before.reg] === before.lo && regs[2 * before.reg + 1] === before.hi
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
