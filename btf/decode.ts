/** Reads raw BTF, such as BPF objects and /sys/kernel/btf hold; the opposite of encode.ts, which has the picture. */
import { HarenaError } from '../errors/errors.ts'
import { Kind, LINKAGES, MAGIC, VERSION } from './format.ts'
import type { Btf, BtfMember, BtfType } from './types.ts'

/** Bytes that are no BTF, or BTF that contradicts itself. */
export class BtfError extends HarenaError {
  override name = 'BtfError'
}

interface Reader {
  readonly view: DataView
  /** Offset of the next word. */
  at: number
  readonly end: number
  readonly strings: Uint8Array
  /** Of the type being read, for messages. */
  id: number
}

/** @throws BtfError */
export function decodeBtf(bytes: Uint8Array): Btf {
  const reader = openBtf(bytes)
  const types: BtfType[] = [{ kind: 'void' }]
  while (reader.at < reader.end) {
    reader.id = types.length
    types.push(readType(reader))
  }
  const btf = { types }
  checkReferences(btf)
  return btf
}

/** Checks the header. */
function openBtf(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 24) throw new BtfError(`BTF of ${bytes.length} bytes is shorter than its header`)
  const magic = view.getUint16(0, true)
  if (magic !== MAGIC) throw new BtfError(`BTF begins with 0x${magic.toString(16)}, not 0x${MAGIC.toString(16)}`)
  const version = view.getUint8(2)
  if (version !== VERSION) throw new BtfError(`BTF has version ${version}, not ${VERSION}`)
  const [header, typeOffset, typeLength, stringOffset, stringLength] = [4, 8, 12, 16, 20].map((at) =>
    view.getUint32(at, true),
  ) as [number, number, number, number, number]
  const start = header + typeOffset
  const strings = header + stringOffset
  if (header < 24 || start + typeLength > bytes.length || strings + stringLength > bytes.length) {
    throw new BtfError(`BTF of ${bytes.length} bytes ends before its types or strings do`)
  }
  return { view, at: start, end: start + typeLength, strings: bytes.subarray(strings, strings + stringLength), id: 0 }
}

/** The next 32 bits of the types. */
function word(reader: Reader): number {
  if (reader.at + 4 > reader.end) throw new BtfError(`BTF type ${reader.id} is cut short`)
  const value = reader.view.getUint32(reader.at, true)
  reader.at += 4
  return value
}

/** The string that the next word points to. */
function text(reader: Reader): string {
  const offset = word(reader)
  const end = reader.strings.indexOf(0, offset)
  if (offset >= reader.strings.length || end < 0) {
    throw new BtfError(`BTF type ${reader.id} has its name at ${offset}, where no string is`)
  }
  return new TextDecoder().decode(reader.strings.subarray(offset, end))
}

function list<T>(count: number, read: () => T): T[] {
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(read())
  return items
}

/** One type: three words that all kinds share, then what the kind adds. */
function readType(reader: Reader): BtfType {
  const name = text(reader)
  const info = word(reader)
  const kind = (info >>> 24) & 31
  const vlen = info & 0xffff
  const flag = info >>> 31 === 1
  /** Size, or the type referred to. */
  const third = word(reader)
  switch (kind) {
    case Kind.INT:
      return readInt(reader, name, third)
    case Kind.PTR:
      return { kind: 'ptr', type: third }
    case Kind.ARRAY:
      return { kind: 'array', type: word(reader), indexType: word(reader), count: word(reader) }
    case Kind.STRUCT:
      return { kind: 'struct', name, size: third, members: list(vlen, () => readMember(reader, flag)) }
    case Kind.UNION:
      return { kind: 'union', name, size: third, members: list(vlen, () => readMember(reader, flag)) }
    case Kind.ENUM:
    case Kind.ENUM64: {
      const values = list(vlen, () => ({ name: text(reader), value: enumValue(reader, kind === Kind.ENUM64, flag) }))
      return { kind: 'enum', name, size: third, signed: flag, values }
    }
    case Kind.FWD:
      return { kind: 'fwd', name, union: flag }
    case Kind.TYPEDEF:
      return { kind: 'typedef', name, type: third }
    case Kind.TYPE_TAG:
      return { kind: 'type_tag', name, type: third }
    case Kind.VOLATILE:
      return { kind: 'volatile', type: third }
    case Kind.CONST:
      return { kind: 'const', type: third }
    case Kind.RESTRICT:
      return { kind: 'restrict', type: third }
    case Kind.FUNC:
      return { kind: 'func', name, type: third, linkage: linkage(reader, vlen) }
    case Kind.FUNC_PROTO:
      return { kind: 'func_proto', type: third, params: list(vlen, () => readParameter(reader)) }
    case Kind.VAR:
      return { kind: 'var', name, type: third, linkage: linkage(reader, word(reader)) }
    case Kind.DATASEC:
      return { kind: 'datasec', name, size: third, vars: list(vlen, () => readVariable(reader)) }
    case Kind.FLOAT:
      return { kind: 'float', name, size: third }
    case Kind.DECL_TAG:
      return { kind: 'decl_tag', name, type: third, component: word(reader) | 0 }
    default:
      throw new BtfError(`BTF type ${reader.id} is of kind ${kind}, which nobody knows`)
  }
}

type Of<K extends BtfType['kind']> = Extract<BtfType, { readonly kind: K }>

/** With the kind flag an offset's upper byte is the width of a bit field. */
function readMember(reader: Reader, flag: boolean): BtfMember {
  const name = text(reader)
  const type = word(reader)
  const offset = word(reader)
  return { name, type, offset: flag ? offset & 0xffffff : offset, bits: flag ? offset >>> 24 : 0 }
}

function readParameter(reader: Reader): Of<'func_proto'>['params'][number] {
  return { name: text(reader), type: word(reader) }
}

function readVariable(reader: Reader): Of<'datasec'>['vars'][number] {
  return { type: word(reader), offset: word(reader), size: word(reader) }
}

/** Encoding, offset and width share a word; a shifted integer is no longer in use. */
function readInt(reader: Reader, name: string, size: number): BtfType {
  const data = word(reader)
  const encoding = (['none', 'signed', 'char', undefined, 'bool'] as const)[data >>> 24]
  if (encoding === undefined || (data & 0xffff00) !== 0) {
    throw new BtfError(`BTF type ${reader.id} is an integer with the encoding 0x${data.toString(16)}`)
  }
  return { kind: 'int', name, size, bits: data & 0xff, encoding }
}

/** 64-bit values come low half first. */
function enumValue(reader: Reader, wide: boolean, signed: boolean): bigint {
  const low = BigInt(word(reader))
  const bits = wide ? 64 : 32
  const value = wide ? low | (BigInt(word(reader)) << 32n) : low
  return signed ? BigInt.asIntN(bits, value) : value
}

function linkage(reader: Reader, number: number): (typeof LINKAGES)[number] {
  const name = LINKAGES[number]
  if (name === undefined) throw new BtfError(`BTF type ${reader.id} has the linkage ${number}`)
  return name
}

/** No id may lead beyond the last type: whoever reads the BTF relies on it. */
function checkReferences(btf: Btf): void {
  btf.types.forEach((type, id) => {
    for (const target of referencesOf(type)) {
      if (target >= btf.types.length) {
        throw new BtfError(`BTF type ${id} refers to type ${target}; there are ${btf.types.length - 1}`)
      }
    }
  })
}

/** Ids of the types that a type is made of. */
export function referencesOf(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'void':
    case 'int':
    case 'enum':
    case 'fwd':
    case 'float':
      return []
    case 'array':
      return [type.type, type.indexType]
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type)
    case 'func_proto':
      return [type.type, ...type.params.map((param) => param.type)]
    case 'datasec':
      return type.vars.map((variable) => variable.type)
    default:
      return [type.type]
  }
}
