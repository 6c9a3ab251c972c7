/**
 * The `kptr` fields of map values: pointers to objects that the map owns. Copies of values go around them:
 *
 *     struct value { a: u64; p: ptr item kptr; b: u64 }      a is copied | p stays | b is copied
 *
 * so that no program and no user space writes a pointer, or reads one. What becomes of the objects, as Linux 6.18 has
 * it: a deleted or replaced element gives them back, and so does an update in place of an array's value; an update in
 * place of a per-CPU value of a hash map leaves them where they are.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { copyBytes } from '../memory/access.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { specialFields } from '../program/special-fields.ts'
import type { MapAttributes } from './map.ts'

const POINTER_BYTES = 8

export class ValueFields {
  private readonly kernel: Kernel
  /** Offsets in the value, ascending. */
  private readonly places: readonly number[]

  constructor(kernel: Kernel, places: readonly number[]) {
    this.kernel = kernel
    this.places = places
  }

  /** Copies a value of `bytes` bytes, its fields aside. */
  copy(to: number, from: number, bytes: number): void {
    const { u8 } = this.kernel.memory
    let start = 0
    for (const place of this.places) {
      u8.copyWithin(to + start, from + start, from + place)
      start = place + POINTER_BYTES
    }
    u8.copyWithin(to + start, from + start, from + bytes)
  }

  /** Writes zeros: into what was never a value, or is a copy of one. */
  clear(at: number): void {
    for (const place of this.places) this.kernel.memory.u8.fill(0, at + place, at + place + POINTER_BYTES)
  }

  /** Adds the offsets of a value's objects. */
  collect(at: number, objects: number[]): void {
    for (const place of this.places) {
      const word = (at + place) >>> 2
      if (this.kernel.memory.i32[word + 1] === KERNEL_HIGH) objects.push(this.kernel.memory.i32[word]! >>> 0)
    }
  }

  /** Gives back the objects of a value. */
  drop(at: number): void {
    for (const place of this.places) this.kernel.objects.dropField(at + place)
  }
}

/** The fields of a map's values; undefined where they have none. */
export function makeValueFields(kernel: Kernel, { btf, valueTypeId = 0 }: MapAttributes): ValueFields | undefined {
  const kptrs = specialFields(btf, valueTypeId).filter(({ kind }) => kind === 'kptr')
  return kptrs.length === 0
    ? undefined
    : new ValueFields(
        kernel,
        kptrs.map(({ offset }) => offset),
      )
}

/** Copies a value to where one is: what its fields hold stays. */
export function copyValue(
  kernel: Kernel,
  fields: ValueFields | undefined,
  to: number,
  from: number,
  bytes: number,
): void {
  if (fields === undefined) copyBytes(kernel.memory, to, from, bytes)
  else fields.copy(to, from, bytes)
}
