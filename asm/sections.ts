/**
 * Global data: `.global` lines, and the data sections of compiler output. A section becomes an array map with one
 * element, whose bytes are the section's.
 */
import type { Place } from './body.ts'
import type { TypeModel } from './types.ts'
import { roundUp } from './types.ts'

export interface DataSymbol {
  readonly name: string
  readonly offset: number
  /** Undefined until it is known: then up to the next symbol. */
  size: number | undefined
  /** Given by `.global`, unknown to compiler output. */
  readonly type: TypeModel | undefined
  /** Where `.global` declares it. */
  readonly place: Place | undefined
}

export interface DataSection {
  /** `.bss`, `.data`, `.rodata.str1.1`: also the map's name. */
  readonly name: string
  /** At least `size` bytes; what is beyond is room to grow. */
  bytes: Uint8Array
  /** Bytes in use. */
  size: number
  readonly symbols: DataSymbol[]
}

/** The section called `name`, made when there is none yet. */
export function dataSection(sections: Map<string, DataSection>, name: string): DataSection {
  const known = sections.get(name)
  if (known !== undefined) return known
  const section: DataSection = { name, bytes: new Uint8Array(64), size: 0, symbols: [] }
  sections.set(name, section)
  return section
}

/** Pads with zeros up to a multiple of `alignment`. */
export function align(section: DataSection, alignment: number): void {
  extend(section, roundUp(section.size, alignment) - section.size)
}

/** Appends `count` zero bytes. */
export function extend(section: DataSection, count: number): void {
  const size = section.size + count
  if (size > section.bytes.length) {
    const bytes = new Uint8Array(Math.max(size, section.bytes.length * 2))
    bytes.set(section.bytes.subarray(0, section.size))
    section.bytes = bytes
  }
  section.size = size
}

export function append(section: DataSection, bytes: Uint8Array): void {
  const at = section.size
  extend(section, bytes.length)
  section.bytes.set(bytes, at)
}

/** `value` in `size` bytes, little endian; its upper bits are cut. */
export function integerBytes(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true)
  return bytes.slice(0, size)
}
