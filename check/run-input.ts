/** What a run is given: its context, and what globals and array elements hold before it. Plain data. */
import { PAGE_SIZE } from '../program/types.ts'
import type { LoadedObject } from '../vm/loaded-object.ts'

export interface RunInput {
  readonly ctx: Uint8Array
  /** The packet of programs that take one, which then get no context. */
  readonly data?: Uint8Array
  /** Numbers to write to globals, by name. */
  readonly globals: Readonly<Record<string, bigint>>
  /** Bytes to write to elements of arrays, and to the start of an arena's pages, which are the keys. */
  readonly elements: readonly { readonly map: string; readonly key: number; readonly bytes: Uint8Array }[]
}

/** A run with nothing set. */
export const EMPTY_INPUT: RunInput = { ctx: new Uint8Array(), globals: {}, elements: [] }

/** As a user process does it: a page of an arena that it writes to comes in by a page fault. */
export function setElement(loaded: LoadedObject, { map, key, bytes }: RunInput['elements'][number]): void {
  const handle = loaded.map(map)
  if (handle.info.type !== 'arena') {
    handle.set(key, bytes)
    return
  }
  const mapping = handle.mmap()
  mapping.write(mapping.start + BigInt(key * PAGE_SIZE), bytes)
}

/** Writes globals and elements; gives the context to run with, at least `bytes` long. */
export function applyInput(loaded: LoadedObject, input: RunInput, bytes: number): Uint8Array {
  for (const [name, value] of Object.entries(input.globals)) loaded.global(name).set(value)
  for (const element of input.elements) setElement(loaded, element)
  const ctx = new Uint8Array(Math.max(bytes, input.ctx.length))
  ctx.set(input.ctx)
  return ctx
}
