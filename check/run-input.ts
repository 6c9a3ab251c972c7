/** What a run is given: its context, and what globals and array elements hold before it. Plain data. */
import type { LoadedObject } from '../vm/loaded-object.ts'

export interface RunInput {
  readonly ctx: Uint8Array
  /** The packet of programs that take one, which then get no context. */
  readonly data?: Uint8Array
  /** Numbers to write to globals, by name. */
  readonly globals: Readonly<Record<string, bigint>>
  /** Bytes to write to elements of arrays. */
  readonly elements: readonly { readonly map: string; readonly key: number; readonly bytes: Uint8Array }[]
}

/** A run with nothing set. */
export const EMPTY_INPUT: RunInput = { ctx: new Uint8Array(), globals: {}, elements: [] }

/** Writes globals and elements; gives the context to run with, at least `bytes` long. */
export function applyInput(loaded: LoadedObject, input: RunInput, bytes: number): Uint8Array {
  for (const [name, value] of Object.entries(input.globals)) loaded.global(name).set(value)
  for (const element of input.elements) loaded.map(element.map).set(element.key, element.bytes)
  const ctx = new Uint8Array(Math.max(bytes, input.ctx.length))
  ctx.set(input.ctx)
  return ctx
}
