/**
 * What the writer of a program knows of its registers and stack at a point: enough to write only valid steps and to
 * keep what differs from run to run (tainted: addresses, time, random numbers) out of everything that can be seen.
 */

/** Bytes of a map value, and of the context that programs are run with. */
export const VALUE_BYTES = 64
export const CONTEXT_BYTES = 64
/** Stack slots that a function uses, of 8 bytes. */
export const SLOTS = 8

export type Value =
  | { readonly kind: 'scalar'; readonly tainted: boolean }
  /** `room`: bytes from where it points to the end. */
  | { readonly kind: 'memory'; readonly of: 'global' | 'value' | 'context' | 'buffer'; readonly room: number }
  | { readonly kind: 'arena' }

export interface StackSlot {
  /** Bit n: byte n, from the lowest address, was written. */
  readonly written: number
  readonly tainted: boolean
  /** A pointer saved in it. */
  readonly pointer: Value | undefined
}

export const SCALAR: Value = { kind: 'scalar', tainted: false }
export const TAINTED: Value = { kind: 'scalar', tainted: true }
export const ARENA: Value = { kind: 'arena' }
const EMPTY: StackSlot = { written: 0, tainted: false, pointer: undefined }
/** A slot with 8 bytes of plain data. */
export const DATA: StackSlot = { written: 0xff, tainted: false, pointer: undefined }

export interface Model {
  /** r0 to r9; undefined: not set on every path. */
  readonly regs: (Value | undefined)[]
  /** Slot n holds the bytes fp-8n-8 to fp-8n-1. */
  readonly slots: StackSlot[]
}

export function makeModel(): Model {
  return { regs: Array.from({ length: 10 }, () => undefined), slots: Array.from({ length: SLOTS }, () => EMPTY) }
}

export function copyModel(model: Model): Model {
  return { regs: model.regs.slice(), slots: model.slots.slice() }
}

/** What holds after both: paths join. */
export function joinModels(a: Model, b: Model): Model {
  return {
    regs: a.regs.map((value, n) => joinValues(value, b.regs[n])),
    slots: a.slots.map((slot, n) => joinSlots(slot, b.slots[n]!)),
  }
}

function joinValues(a: Value | undefined, b: Value | undefined): Value | undefined {
  if (a === undefined || b === undefined) return undefined
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.tainted ? a : b
  if (a.kind === 'arena' && b.kind === 'arena') return a
  // Addresses in different places: two paths reach the same access with different pointers only when the kinds agree.
  return a.kind === 'memory' && b.kind === 'memory' && a.of === b.of && a.room === b.room ? a : undefined
}

function joinSlots(a: StackSlot, b: StackSlot): StackSlot {
  if (a.pointer === undefined && b.pointer === undefined) {
    return { written: a.written & b.written, tainted: a.tainted || b.tainted, pointer: undefined }
  }
  const pointer = joinValues(a.pointer, b.pointer)
  return pointer === undefined ? EMPTY : { written: 0xff, tainted: true, pointer }
}

export function sameModel(a: Model, b: Model): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
