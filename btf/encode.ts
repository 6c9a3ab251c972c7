/**
 * BTF as the kernel takes it: a header, the types one behind the other, a table of strings. Little endian.
 *
 *     magic eb9f | version | flags | header length | type offset, length | string offset, length | types | strings
 *     a type: name offset | vlen (0-15), kind (24-28), kind flag (31) | size or type | what the kind adds
 *
 * Source: Linux Documentation/bpf/btf.rst, section 2.
 */
import { Kind, LINKAGES, MAGIC, VERSION } from './format.ts'
import type { Btf, BtfType } from './types.ts'

const HEADER_BYTES = 24
/** What it says depends on the kind: bit fields, signedness, union or struct. */
const KIND_FLAG = 0x80000000

/** Grows as it is written; 32-bit words only, as everything in BTF is made of them. */
class WordWriter {
  #words = new Uint32Array(256)
  length = 0

  put(...values: readonly number[]): void {
    if (this.length + values.length > this.#words.length) {
      const words = new Uint32Array(Math.max(this.#words.length * 2, this.length + values.length))
      words.set(this.#words)
      this.#words = words
    }
    for (const value of values) this.#words[this.length++] = value
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.length * 4)
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < this.length; i++) view.setUint32(i * 4, this.#words[i]!, true)
    return bytes
  }
}

/** Strings by the offset they get; each once, the empty one first. */
class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]])
  readonly #parts: Uint8Array[] = [new Uint8Array(1)]
  #length = 1
  readonly #encoder = new TextEncoder()

  offset(text: string): number {
    const known = this.#offsets.get(text)
    if (known !== undefined) return known
    const part = this.#encoder.encode(`${text}\0`)
    const offset = this.#length
    this.#offsets.set(text, offset)
    this.#parts.push(part)
    this.#length += part.length
    return offset
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}

/** The bytes that BPF_BTF_LOAD takes. */
export function encodeBtf(btf: Btf): Uint8Array {
  const words = new WordWriter()
  const strings = new StringTable()
  for (const type of btf.types.slice(1)) encodeType(type, words, strings)
  const types = words.bytes()
  const names = strings.bytes()
  const bytes = new Uint8Array(HEADER_BYTES + types.length + names.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, MAGIC, true)
  view.setUint8(2, VERSION)
  const header = [HEADER_BYTES, 0, types.length, types.length, names.length]
  header.forEach((value, i) => {
    view.setUint32(4 + i * 4, value, true)
  })
  bytes.set(types, HEADER_BYTES)
  bytes.set(names, HEADER_BYTES + types.length)
  return bytes
}

/** Bits of an integer's encoding. */
const INT_ENCODING = { none: 0, signed: 1, char: 2, bool: 4 } as const

/** Kinds that say nothing but what they refer to. */
const REFERENCES = {
  ptr: Kind.PTR,
  typedef: Kind.TYPEDEF,
  type_tag: Kind.TYPE_TAG,
  volatile: Kind.VOLATILE,
  const: Kind.CONST,
  restrict: Kind.RESTRICT,
} as const

/** Writes the three words that all kinds share: name; kind, count and flag; size or type. */
type PutHead = (kind: number, vlen: number, third: number, flag?: boolean) => void

/** Three words that all kinds share, then what the kind adds. */
function encodeType(entry: BtfType, words: WordWriter, strings: StringTable): void {
  const head: PutHead = (kind, vlen, third, flag = false) => {
    const name = 'name' in entry ? strings.offset(entry.name) : 0
    words.put(name, (kind << 24) | vlen | (flag ? KIND_FLAG : 0), third)
  }
  switch (entry.kind) {
    case 'void':
      return
    case 'int':
      head(Kind.INT, 0, entry.size)
      words.put((INT_ENCODING[entry.encoding] << 24) | entry.bits)
      return
    case 'ptr':
    case 'typedef':
    case 'type_tag':
    case 'volatile':
    case 'const':
    case 'restrict':
      head(REFERENCES[entry.kind], 0, entry.type)
      return
    case 'array':
      head(Kind.ARRAY, 0, 0)
      words.put(entry.type, entry.indexType, entry.count)
      return
    case 'struct':
    case 'union':
      encodeMembers(entry, head, words, strings)
      return
    case 'enum':
      encodeEnum(entry, head, words, strings)
      return
    case 'fwd':
      head(Kind.FWD, 0, 0, entry.union)
      return
    case 'func':
      head(Kind.FUNC, LINKAGES.indexOf(entry.linkage), entry.type)
      return
    case 'func_proto':
      head(Kind.FUNC_PROTO, entry.params.length, entry.type)
      for (const param of entry.params) words.put(strings.offset(param.name), param.type)
      return
    case 'var':
      head(Kind.VAR, 0, entry.type)
      words.put(LINKAGES.indexOf(entry.linkage))
      return
    case 'datasec':
      head(Kind.DATASEC, entry.vars.length, entry.size)
      for (const { type: variable, offset, size } of entry.vars) words.put(variable, offset, size)
      return
    case 'float':
      head(Kind.FLOAT, 0, entry.size)
      return
    case 'decl_tag':
      head(Kind.DECL_TAG, 0, entry.type)
      words.put(entry.component)
      return
    default: {
      entry satisfies never
    }
  }
}

/** With the kind flag an offset's upper byte is the width of a bit field. */
function encodeMembers(
  type: BtfType & { kind: 'struct' | 'union' },
  head: PutHead,
  words: WordWriter,
  strings: StringTable,
): void {
  const bitFields = type.members.some((member) => member.bits !== 0)
  head(type.kind === 'struct' ? Kind.STRUCT : Kind.UNION, type.members.length, type.size, bitFields)
  for (const { name, type: member, offset, bits } of type.members) {
    words.put(strings.offset(name), member, bitFields ? (bits << 24) | offset : offset)
  }
}

/** Values that need more than 32 bits make an ENUM64. */
function encodeEnum(type: BtfType & { kind: 'enum' }, head: PutHead, words: WordWriter, strings: StringTable): void {
  const bits = (value: bigint): bigint => (type.signed ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value))
  const wide = type.values.some(({ value }) => bits(value) !== value)
  head(wide ? Kind.ENUM64 : Kind.ENUM, type.values.length, type.size, type.signed)
  for (const { name, value } of type.values) {
    words.put(strings.offset(name), Number(BigInt.asUintN(32, value)))
    if (wide) words.put(Number(BigInt.asUintN(32, value >> 32n)))
  }
}
