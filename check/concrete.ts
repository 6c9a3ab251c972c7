/** The machine as a program's run sees it between two instructions: registers and stack of every frame. */
import { KERNEL_HIGH } from '../memory/memory.ts'
import { STRIDE } from '../vm/engine-ops.ts'
import { FRAME_BYTES, type RunState, SAVED_WORDS } from '../vm/state.ts'

/** Where the values of a map lie in kernel memory. */
export interface ValueArea {
  readonly offset: number
  readonly stride: number
  readonly count: number
}

/** Addresses that stay the same for a whole run. */
export interface RunAddresses {
  /** Kernel offset of the context. */
  readonly context: number
  /** By the verifier's number of the map; undefined for maps whose values are not in one area. */
  readonly values: readonly (ValueArea | undefined)[]
  /** Address of the map's object, by the same number. */
  readonly objects: readonly bigint[]
}

/** A run at one instruction. Reading a value leaves it in `lo` and `hi`. */
export class Concrete {
  lo = 0
  hi = 0
  readonly addresses: RunAddresses
  readonly state: RunState

  constructor(state: RunState, addresses: RunAddresses) {
    this.state = state
    this.addresses = addresses
  }

  /** Frames, from 1. */
  get frames(): number {
    return this.state.depth + 1
  }

  /** Call sites of the frames above the program's own, as WalkRecord writes them. */
  chain(): string {
    const { depth, saved } = this.state
    let chain = ''
    for (let n = 0; n < depth; n++) chain += `${saved[n * SAVED_WORDS]! / STRIDE - 1},`
    return chain
  }

  /** Register `n` of frame `frame`; false where it is not kept: r0 to r5 of callers. */
  register(frame: number, n: number): boolean {
    const { state } = this
    if (n === 10) {
      this.lo = this.frameTop(frame) | 0
      this.hi = KERNEL_HIGH
      return true
    }
    if (frame === state.depth) {
      this.lo = state.regs[2 * n]!
      this.hi = state.regs[2 * n + 1]!
      return true
    }
    if (n < 6) return false
    const at = frame * SAVED_WORDS + 2 + 2 * (n - 6)
    this.lo = state.saved[at]!
    this.hi = state.saved[at + 1]!
    return true
  }

  /** Kernel offset behind the highest byte of a frame's stack. */
  frameTop(frame: number): number {
    return this.state.stackTop - frame * FRAME_BYTES
  }

  /** The byte of stack at fp - `below`. */
  stackByte(frame: number, below: number): number {
    return this.state.kernel.u8[this.frameTop(frame) - below]!
  }

  /** The lowest `bytes` bytes of slot `slot`, zero-extended. */
  stackSlot(frame: number, slot: number, bytes: number): void {
    const { u8 } = this.state.kernel
    const at = this.frameTop(frame) - 8 * slot - 8
    this.lo = 0
    this.hi = 0
    for (let i = 0; i < bytes; i++) {
      if (i < 4) this.lo |= u8[at + i]! << (8 * i)
      else this.hi |= u8[at + i]! << (8 * (i - 4))
    }
  }
}
