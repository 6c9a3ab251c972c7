/**
 * The primitives through which allocators touch shared state. Each call is one step: nothing can come in between its
 * start and its end, anything may come in between two of them. An algorithm that uses nothing else can be interrupted
 * before any step, by a hook that runs something else to its end on the same JavaScript stack.
 *
 * Offsets are bytes in the memory and must be aligned to the access's width. 32-bit values come and go as signed
 * numbers; 64-bit values as two such halves.
 */
import { InternalError } from '../errors/errors.ts'
import type { Memory } from './memory.ts'

export interface Steps {
  /** Upper half of the value that the last `load64` returned. */
  readonly high: number
  /** The memory's words, where nothing can come in between steps: then it does not matter who counts them. */
  readonly words: Int32Array | undefined
  load8(at: number): number
  load16(at: number): number
  load32(at: number): number
  /** Returns the lower half and leaves the upper one in `high`. */
  load64(at: number): number
  store8(at: number, value: number): void
  store16(at: number, value: number): void
  store32(at: number, value: number): void
  store64(at: number, low: number, high: number): void
  /** Adds and returns the value before. */
  add32(at: number, delta: number): number
  /** Stores `value` where `expected` stood; returns what stood there. */
  compareExchange32(at: number, expected: number, value: number): number
  /** Stores the new halves where the expected ones stood; whether it did. */
  compareExchange64(at: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean
}

/** The production binding: one thread, no hook. */
class PlainSteps implements Steps {
  high = 0
  private readonly u8: Uint8Array
  private readonly u16: Uint16Array
  private readonly i32: Int32Array
  readonly words: Int32Array

  constructor(memory: Memory) {
    this.u8 = memory.u8
    this.u16 = memory.u16
    this.i32 = memory.i32
    this.words = memory.i32
  }

  load8(at: number): number {
    return this.u8[at]!
  }

  load16(at: number): number {
    return this.u16[at >>> 1]!
  }

  load32(at: number): number {
    return this.i32[at >>> 2]!
  }

  load64(at: number): number {
    this.high = this.i32[(at >>> 2) + 1]!
    return this.i32[at >>> 2]!
  }

  store8(at: number, value: number): void {
    this.u8[at] = value
  }

  store16(at: number, value: number): void {
    this.u16[at >>> 1] = value
  }

  store32(at: number, value: number): void {
    this.i32[at >>> 2] = value
  }

  store64(at: number, low: number, high: number): void {
    this.i32[at >>> 2] = low
    this.i32[(at >>> 2) + 1] = high
  }

  add32(at: number, delta: number): number {
    const before = this.i32[at >>> 2]!
    this.i32[at >>> 2] = before + delta
    return before
  }

  compareExchange32(at: number, expected: number, value: number): number {
    const before = this.i32[at >>> 2]!
    if (before === (expected | 0)) this.i32[at >>> 2] = value
    return before
  }

  compareExchange64(at: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean {
    const index = at >>> 2
    if (this.i32[index] !== (expectedLow | 0) || this.i32[index + 1] !== (expectedHigh | 0)) return false
    this.i32[index] = low
    this.i32[index + 1] = high
    return true
  }
}

/** Steps without a hook. */
export function plainSteps(memory: Memory): Steps {
  return new PlainSteps(memory)
}

/** What a step does, for hooks that choose between them. */
export type StepKind = 'load' | 'store' | 'add' | 'compare-exchange'

/** Called before each step; may run anything else, on the same memory, to its end. */
export type BeforeStep = (kind: StepKind, at: number, width: 8 | 16 | 32 | 64) => void

class HookedSteps implements Steps {
  // The upper half belongs to the last load64 of whoever asks, not to one that ran inside a hook.
  high = 0
  readonly words: undefined = undefined
  private readonly plain: PlainSteps
  private readonly bytes: number
  private readonly beforeStep: BeforeStep

  constructor(memory: Memory, beforeStep: BeforeStep) {
    this.plain = new PlainSteps(memory)
    this.bytes = memory.u8.length
    this.beforeStep = beforeStep
  }

  load8(at: number): number {
    this.step('load', at, 8)
    return this.plain.load8(at)
  }

  load16(at: number): number {
    this.step('load', at, 16)
    return this.plain.load16(at)
  }

  load32(at: number): number {
    this.step('load', at, 32)
    return this.plain.load32(at)
  }

  load64(at: number): number {
    this.step('load', at, 64)
    const low = this.plain.load64(at)
    this.high = this.plain.high
    return low
  }

  store8(at: number, value: number): void {
    this.step('store', at, 8)
    this.plain.store8(at, value)
  }

  store16(at: number, value: number): void {
    this.step('store', at, 16)
    this.plain.store16(at, value)
  }

  store32(at: number, value: number): void {
    this.step('store', at, 32)
    this.plain.store32(at, value)
  }

  store64(at: number, low: number, high: number): void {
    this.step('store', at, 64)
    this.plain.store64(at, low, high)
  }

  add32(at: number, delta: number): number {
    this.step('add', at, 32)
    return this.plain.add32(at, delta)
  }

  compareExchange32(at: number, expected: number, value: number): number {
    this.step('compare-exchange', at, 32)
    return this.plain.compareExchange32(at, expected, value)
  }

  compareExchange64(at: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean {
    this.step('compare-exchange', at, 64)
    return this.plain.compareExchange64(at, expectedLow, expectedHigh, low, high)
  }

  private step(kind: StepKind, at: number, width: 8 | 16 | 32 | 64): void {
    const bytes = width / 8
    if (!Number.isInteger(at) || at < 0 || at % bytes !== 0 || at + bytes > this.bytes) {
      throw new InternalError(`a ${width}-bit ${kind} step at ${at}`)
    }
    const { high } = this
    this.beforeStep(kind, at, width)
    this.high = high
  }
}

/**
 * Steps that call `beforeStep` first, and check that the access is aligned and inside the memory. What runs in the
 * hook may use these same steps.
 */
export function hookedSteps(memory: Memory, beforeStep: BeforeStep): Steps {
  return new HookedSteps(memory, beforeStep)
}
