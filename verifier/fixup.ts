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

/** Checks every call chain from the main program on. @throws Rejection */
export function checkStackDepth(prepared: Prepared, depths: Int32Array): void {
  descend(prepared, depths, 0, 1, 0)
}

/** Recursion ends at the limit of frames. */
function descend(prepared: Prepared, depths: Int32Array, subprogram: number, frames: number, above: number): void {
  const total = above + frameSize(depths[subprogram]!)
  if (total > MAX_STACK) fail('stack-too-large', { calls: frames, bytes: total })
  const { start, end } = prepared.subprograms[subprogram]!
  for (let slot = start; slot < end; slot++) {
    const insn = prepared.program.insns[slot]!
    if (insn.row.kind !== Kind.CALL_LOCAL) continue
    if (frames >= MAX_FRAMES) fail('call-depth-static', { frames })
    descend(prepared, depths, prepared.subprogramOf[slot + 1 + insn.imm]!, frames + 1, total)
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
