/**
 * Where Linux itself is unsound, so that harena, which accepts what Linux accepts, cannot be otherwise. State checking
 * found them; runs that go through one are followed no further.
 *
 * 1. Narrow atomics that write a register, at an absent page of an arena: Linux skips the instruction and leaves the
 *    register as it was, all 64 bits, while its verifier takes the result to be as wide as the access (Linux 6.18:
 *    after `w2 = atomic_fetch_add((u32 *)(r6 + 0), w2); r2 >>= 32` the verifier holds r2 for 0, and it is not). On
 *    a page that is there a 32-bit compare-and-exchange that finds what it expects leaves r0 likewise.
 * 2. A sign-extending fill keeps the id of the scalar that was spilled, as if it were a copy: a branch on one then
 *    tells wrong things of the other (Linux 6.18: after `r3 = *(s32 *)(r10 - 8)` and a branch on `r3 s< 0`, the u32 in
 *    the slot is held for a negative 64-bit number).
 * 3. 64-bit arithmetic that has an arena pointer on one path is computed in 32 bits on all paths, while numbers that
 *    come there on another path are believed to be computed in 64 (Linux 6.18: after `r7 += r8` on the numbers 0 and
 *    1 << 32 the verifier holds r7 for 1 << 32, and it is 0).
 */
import { InternalError } from '../errors/errors.ts'
import type { Slot } from '../isa/instruction.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { add, hi, mul, sar, sdiv, shl, shr, srem, sub, udiv, urem } from '../memory/int64.ts'
import { Access, type LoadableProgram, SlotFlag, type VerifiedProgram } from '../program/loadable.ts'
import { type RunState, STACK_BYTES } from '../vm/state.ts'

/** A register with a value. */
interface Holding {
  readonly reg: number
  readonly lo: number
  readonly hi: number
}

/** What the verifier knew in the states that it walked at the place where the run stands. */
export interface WalkedHere {
  /** Whether the register is linked to others in one of them. */
  isLinked(reg: number): boolean
  /** Whether the run lies in one of them in which none of the registers points into the arena. */
  isOutsideArena(regs: readonly number[]): boolean
}

export class HoleWatch {
  readonly #program: LoadableProgram
  readonly #access: Uint8Array
  readonly #flags: Uint8Array
  /** More than the verifier will believe, should the instruction leave it there. */
  #suspect: Holding | undefined
  /** Register that a sign-extending fill has just written; -1 for none. */
  #filled = -1
  /** What arithmetic would have given in the 64 bits that the verifier believes in. */
  #believed: Holding | undefined

  constructor({ program, access, flags }: Pick<VerifiedProgram, 'program' | 'access' | 'flags'>) {
    this.#program = program
    this.#access = access
    this.#flags = flags
  }

  /** The run stands before `slot`. True when the instruction before went through one of the holes. */
  step(slot: Slot, state: RunState, walked: WalkedHere): boolean {
    const { regs } = state
    const skipped = this.#suspect
    const filled = this.#filled
    const believed = this.#believed
    this.#suspect = this.#suspectAt(slot, regs)
    this.#filled = this.#fillAt(slot, state)
    this.#believed = this.#beliefAt(slot, regs, walked)
    if (filled >= 0 && regs[2 * filled + 1]! < 0 && walked.isLinked(filled)) return true
    if (believed !== undefined && !holds(regs, believed)) return true
    return skipped !== undefined && holds(regs, skipped)
  }

  #fillAt(slot: Slot, { regs, stackTop }: RunState): number {
    const { row, dst, src, off } = this.#program.insns[slot]!
    if (row.kind !== Kind.LDXSX || this.#access[slot] !== Access.KERNEL) return -1
    const at = (regs[2 * src]! >>> 0) + off
    return at < stackTop && at >= stackTop - STACK_BYTES ? dst : -1
  }

  #suspectAt(slot: Slot, regs: Int32Array): Holding | undefined {
    if (this.#access[slot] !== Access.ARENA) return undefined
    const insn = this.#program.insns[slot]!
    const { row } = insn
    const writes = row.kind === Kind.LOAD_ACQUIRE || (row.kind === Kind.ATOMIC && row.fetch)
    if (!writes || row.memWidth === 64) return undefined
    const reg = writtenBy(insn)
    const lo = regs[2 * reg]!
    const high = regs[2 * reg + 1]!
    const fits = high === 0 && (row.memWidth === 32 || lo >>> 0 < 2 ** row.memWidth)
    return fits ? undefined : { reg, lo, hi: high }
  }

  /** Of arithmetic on numbers, made narrow for another path. */
  #beliefAt(slot: Slot, regs: Int32Array, walked: WalkedHere): Holding | undefined {
    const { row, dst, src, imm } = this.#program.insns[slot]!
    if (row.kind !== Kind.ALU || (this.#flags[slot]! & SlotFlag.NARROW) === 0) return undefined
    const byRegister = row.operand === Operand.REG
    if (!walked.isOutsideArena(byRegister ? [dst, src] : [dst])) return undefined
    const a: Halves = [regs[2 * dst]!, regs[2 * dst + 1]!]
    const b: Halves = byRegister ? [regs[2 * src]!, regs[2 * src + 1]!] : [imm, imm >> 31]
    const [lo, high] = wide(row.op, a, b)
    return { reg: dst, lo, hi: high }
  }
}

function holds(regs: Int32Array, { reg, lo, hi: high }: Holding): boolean {
  return regs[2 * reg] === lo && regs[2 * reg + 1] === high
}

type Halves = readonly [lo: number, hi: number]

function wide(op: Op, a: Halves, b: Halves): Halves {
  switch (op) {
    case Op.ADD:
      return [add(...a, ...b), hi]
    case Op.SUB:
      return [sub(...a, ...b), hi]
    case Op.MUL:
      return [mul(...a, ...b), hi]
    case Op.DIV:
      return [udiv(...a, ...b), hi]
    case Op.SDIV:
      return [sdiv(...a, ...b), hi]
    case Op.MOD:
      return [urem(...a, ...b), hi]
    case Op.SMOD:
      return [srem(...a, ...b), hi]
    case Op.OR:
      return [a[0] | b[0], a[1] | b[1]]
    case Op.AND:
      return [a[0] & b[0], a[1] & b[1]]
    case Op.XOR:
      return [a[0] ^ b[0], a[1] ^ b[1]]
    case Op.LSH:
      return [shl(...a, b[0]), hi]
    case Op.RSH:
      return [shr(...a, b[0]), hi]
    case Op.ARSH:
      return [sar(...a, b[0]), hi]
    default:
      throw new InternalError(`no arithmetic: operation ${op}`)
  }
}

function writtenBy({ row, dst, src }: LoadableProgram['insns'][number]): number {
  if (row.kind === Kind.LOAD_ACQUIRE) return dst
  return row.op === Op.CMPXCHG ? 0 : src
}
