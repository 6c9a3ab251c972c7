/** A growing run of bytes, with the variable-length integers of the WebAssembly binary format (LEB128). */

export class Bytes {
  #data: Uint8Array = new Uint8Array(256)
  #length = 0

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    if (this.#length === this.#data.length) this.#grow(1)
    this.#data[this.#length++] = value
  }

  /** Unsigned LEB128 of a number from 0 to 2^32 - 1. */
  u32(value: number): void {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.u8(rest)
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    let rest = value | 0
    // Done when what is left is all sign, and the sign bit of the last byte says so.
    while (rest < -0x40 || rest >= 0x40) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>= 7
    }
    this.u8(rest & 0x7f)
  }

  /** Signed LEB128 of a 64-bit number, as halves. */
  s64(low: number, high: number): void {
    let lo = low | 0
    let hi = high | 0
    while (hi !== lo >> 31 || lo < -0x40 || lo >= 0x40) {
      this.u8((lo & 0x7f) | 0x80)
      lo = (lo >>> 7) | (hi << 25)
      hi >>= 7
    }
    this.u8(lo & 0x7f)
  }

  /** A vector's or name's bytes with their count in front. */
  sized(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.raw(bytes)
  }

  name(text: string): void {
    this.sized(new TextEncoder().encode(text))
  }

  raw(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#data.length) this.#grow(bytes.length)
    this.#data.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** What was written: a view that is good until the next byte. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#length) as Uint8Array<ArrayBuffer>
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.#data.length * 2, this.#length + by))
    larger.set(this.view())
    this.#data = larger
  }
}
