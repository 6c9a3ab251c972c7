/**
 * After the walk: how much stack the call chains need, and what the engines are told. Source: observed on Linux 6.18.
 */
import type { Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { SlotFlag, type VerifiedSubprogram } from '../program/loadable.ts'
import { fail } from './errors.ts'
import type { Prepared } from './prepare.ts'

const MAX_STACK = 512
const MAX_FRAMES = 8
/** What a frame's depth is rounded up to where programs are compiled. */
const FRAME_ALIGN = 16
/** Stack that the time check of may_goto takes, in each function that has one. */
const MAY_GOTO_STACK = 16

/** Bytes a frame of that depth takes; one without stack takes none. */
function frameSize(depth: number): number {
  return Math.ceil(depth / FRAME_ALIGN) * FRAME_ALIGN
}

/** What the chains below a function need at most, itself included. */
interface Need {
  readonly bytes: number
  readonly frames: number
}

/** Recursion, which only code that is never reached can hold. */
const ENDLESS: Need = { bytes: Number.POSITIVE_INFINITY, frames: Number.POSITIVE_INFINITY }

/** Checks every call chain from the main program on. @throws Rejection for the first that needs too much */
export function checkStackDepth(prepared: Prepared, depths: Int32Array): void {
  const chains = new Chains(prepared, depths)
  chains.descend(0, 1, 0)
}

class Chains {
  readonly #prepared: Prepared
  readonly #depths: Int32Array
  readonly #needs: (Need | undefined)[] = []

  constructor(prepared: Prepared, depths: Int32Array) {
    this.#prepared = prepared
    this.#depths = depths
  }

  /** Follows the chains in order; those that are known to fit are not gone through one by one. */
  descend(subprogram: number, frames: number, above: number): void {
    const need = this.#need(subprogram)
    if (above + need.bytes <= MAX_STACK && frames - 1 + need.frames <= MAX_FRAMES) return
    const total = above + frameSize(this.#depths[subprogram]!)
    if (total > MAX_STACK) fail('stack-too-large', { calls: frames, bytes: total })
    for (const callee of this.#callees(subprogram)) {
      if (frames >= MAX_FRAMES) fail('call-depth-static', { frames })
      this.descend(callee, frames + 1, total)
    }
  }

  #need(subprogram: number): Need {
    const known = this.#needs[subprogram]
    if (known !== undefined) return known
    this.#needs[subprogram] = ENDLESS
    let bytes = 0
    let frames = 0
    for (const callee of this.#callees(subprogram)) {
      const need = this.#need(callee)
      bytes = Math.max(bytes, need.bytes)
      frames = Math.max(frames, need.frames)
    }
    const need: Need = { bytes: bytes + frameSize(this.#depths[subprogram]!), frames: frames + 1 }
    this.#needs[subprogram] = need
    return need
  }

  *#callees(subprogram: number): Generator<number> {
    const { start, end } = this.#prepared.subprograms[subprogram]!
    for (let slot = start; slot < end; slot++) {
      const insn = this.#prepared.program.insns[slot]!
      if (insn.row.kind === Kind.CALL_LOCAL) yield this.#prepared.subprogramOf[slot + 1 + insn.imm]!
    }
  }
}

/** The functions with the stack they use when they run. */
export function finishSubprograms(prepared: Prepared, depths: Int32Array, flags: Uint8Array): VerifiedSubprogram[] {
  return prepared.subprograms.map(({ name, start, end }, n) => {
    const extra = needsMayGotoStack(prepared, flags, start, end) ? MAY_GOTO_STACK : 0
    return { name, start, end, stackDepth: depths[n]! + extra }
  })
}

/** Functions that nothing reached are deleted: `stack depth` in the log leaves them out. */
export function stackDepthText(subprograms: readonly VerifiedSubprogram[], flags: Uint8Array): string {
  return subprograms
    .filter(({ start }) => (flags[start]! & SlotFlag.SEEN) !== 0)
    .map(({ stackDepth }) => stackDepth)
    .join('+')
}

/** A may_goto that stays in the program: reached, and not one that goes on to the next slot either way. */
function needsMayGotoStack(prepared: Prepared, flags: Uint8Array, start: Slot, end: Slot): boolean {
  for (let slot = start; slot < end; slot++) {
    const insn = prepared.program.insns[slot]!
    if (insn.row.kind === Kind.MAY_GOTO && insn.off !== 0 && (flags[slot]! & SlotFlag.SEEN) !== 0) return true
  }
  return false
}
