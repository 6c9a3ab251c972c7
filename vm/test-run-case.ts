/** For tests: what a case of a test run is. */

/** 32-bit words of a context, by offset. */
export type Words = Readonly<Record<number, number>>

export interface Given {
  /** A packet, or the length of one whose bytes count up. */
  readonly data?: Uint8Array | number
  readonly ctx?: Words
  /** Bytes of context; default the struct's. */
  readonly size?: number
  readonly repeat?: number
}

export interface Expected {
  readonly retval?: number
  /** Bytes of the packet afterwards, by index, and its length. */
  readonly length?: number
  readonly data?: Words
  /** Words of the context afterwards. */
  readonly ctx?: Words
}

export type Row = readonly [name: string, program: string, given: Given, expected: Expected | string]
/** A packet whose bytes count up. */
export function packet(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i + 1)
}

/** A packet of 64 bytes for this host with these bytes instead. */
export function frame(bytes: Words, length = 64): Uint8Array {
  const data = new Uint8Array(length)
  for (const [at, byte] of Object.entries(bytes)) data[Number(at)] = byte
  return data
}
