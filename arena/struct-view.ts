/** Structs of an arena as JavaScript objects, typed by BTF: every property reads and writes through a mapping. */
import type { Btf, BtfMember, BtfType } from '../btf/types.ts'
import { HarenaError, InternalError } from '../errors/errors.ts'

/** Access to user memory at an address; an ArenaMapping. */
export interface UserMemory {
  u8(at: bigint): number
  u16(at: bigint): number
  u32(at: bigint): number
  u64(at: bigint): bigint
  s8(at: bigint): number
  s16(at: bigint): number
  s32(at: bigint): number
  s64(at: bigint): bigint
  f32(at: bigint): number
  f64(at: bigint): number
  setU8(at: bigint, value: number): void
  setU16(at: bigint, value: number): void
  setU32(at: bigint, value: number): void
  setU64(at: bigint, value: bigint): void
  setF32(at: bigint, value: number): void
  setF64(at: bigint, value: number): void
  bytes(at: bigint, count: number): Uint8Array
  write(at: bigint, bytes: Uint8Array): void
}

/** A value of a field. */
export type FieldValue = number | bigint | StructView | ArrayView

/** A struct or union: its fields by name. Those of unnamed members count as its own, as in C. */
export interface StructView {
  [field: string]: FieldValue
}

/** An array: indices, `length`, iteration. */
export interface ArrayView extends Iterable<FieldValue> {
  readonly length: number
  [index: number]: FieldValue
}

/** The view of a struct, by name or type id. Throws HarenaError where the BTF has no such struct. */
export function structView(memory: UserMemory, btf: Btf | undefined, type: string | number, at: bigint): StructView {
  const known = requireBtf(btf, type)
  return viewStruct(memory, known, findStruct(known, type), at)
}

/** The nodes of a linked list. */
export function* listOf(
  memory: UserMemory,
  btf: Btf | undefined,
  head: bigint,
  type: string | number,
  next: string,
  limit: number,
): Generator<StructView, void, undefined> {
  const known = requireBtf(btf, type)
  const struct = findStruct(known, type)
  const seen = new Set<bigint>()
  for (let at = head; at !== 0n; ) {
    if (seen.has(at)) throw new HarenaError(`the list comes back to its node at 0x${at.toString(16)}`)
    if (seen.size >= limit) throw new HarenaError(`the list has more than ${limit} nodes`)
    seen.add(at)
    const node = viewStruct(memory, known, struct, at)
    yield node
    // Read after the body ran: it may have changed the list. A body that frees the node must not go on.
    const following = node[next]
    if (typeof following !== 'bigint') throw new HarenaError(`field ${next} of struct ${struct.name} is no pointer`)
    at = following
  }
}

type StructType = Extract<BtfType, { kind: 'struct' | 'union' }>

function requireBtf(btf: Btf | undefined, type: string | number): Btf {
  if (btf === undefined) throw new HarenaError(`the arena has no BTF, so no struct ${type}`)
  return btf
}

function findStruct(btf: Btf, type: string | number): StructType {
  const found =
    typeof type === 'number'
      ? strip(btf, type)
      : btf.types.find((one) => (one.kind === 'struct' || one.kind === 'union') && one.name === type)
  if (found?.kind !== 'struct' && found?.kind !== 'union') throw new HarenaError(`the BTF has no struct ${type}`)
  return found
}

/** The type behind typedefs and qualifiers. */
function strip(btf: Btf, id: number): BtfType | undefined {
  let type = btf.types[id]
  for (let steps = 0; type !== undefined && steps < btf.types.length; steps++) {
    switch (type.kind) {
      case 'typedef':
      case 'type_tag':
      case 'volatile':
      case 'const':
      case 'restrict':
        type = btf.types[type.type]
        break
      default:
        return type
    }
  }
  return undefined
}

function viewStruct(memory: UserMemory, btf: Btf, struct: StructType, at: bigint): StructView {
  const view: StructView = {}
  defineMembers(view, memory, btf, struct.members, at)
  return Object.preventExtensions(view)
}

function defineMembers(
  view: StructView,
  memory: UserMemory,
  btf: Btf,
  members: readonly BtfMember[],
  at: bigint,
): void {
  for (const member of members) {
    const place = at + BigInt(Math.floor(member.offset / 8))
    const inner = strip(btf, member.type)
    if (member.name === '' && (inner?.kind === 'struct' || inner?.kind === 'union')) {
      defineMembers(view, memory, btf, inner.members, place)
    } else if (member.bits > 0) {
      Object.defineProperty(view, member.name, {
        enumerable: true,
        get: () => readBits(memory, btf, member, place),
        set: (value: number | bigint) => writeBits(memory, member, place, BigInt(value)),
      })
    } else {
      Object.defineProperty(view, member.name, {
        enumerable: true,
        get: () => read(memory, btf, member.type, place),
        set: (value: FieldValue) => write(memory, btf, member.type, place, value),
      })
    }
  }
}

function read(memory: UserMemory, btf: Btf, id: number, at: bigint): FieldValue {
  const type = strip(btf, id)
  switch (type?.kind) {
    case 'int':
      return readInteger(memory, at, type.size, type.encoding === 'signed')
    case 'enum':
      return readInteger(memory, at, type.size, type.signed)
    case 'ptr':
      return memory.u64(at)
    case 'float':
      return type.size === 4 ? memory.f32(at) : memory.f64(at)
    case 'struct':
    case 'union':
      return viewStruct(memory, btf, type, at)
    case 'array':
      return viewArray(memory, btf, type.type, type.count, at)
    default:
      throw new HarenaError(`a field of BTF type ${id} cannot be read`)
  }
}

function write(memory: UserMemory, btf: Btf, id: number, at: bigint, value: FieldValue): void {
  const type = strip(btf, id)
  switch (type?.kind) {
    case 'int':
    case 'enum':
      writeInteger(memory, at, type.size, value)
      return
    case 'ptr':
      writeInteger(memory, at, 8, value)
      return
    case 'float':
      if (type.size === 4) memory.setF32(at, Number(value))
      else memory.setF64(at, Number(value))
      return
    case 'struct':
    case 'union':
    case 'array':
      // Field by field, so that part of a struct or array may be given.
      Object.assign(read(memory, btf, id, at), value)
      return
    default:
      throw new HarenaError(`a field of BTF type ${id} cannot be written`)
  }
}

function readInteger(memory: UserMemory, at: bigint, size: number, signed: boolean): number | bigint {
  switch (size) {
    case 1:
      return signed ? memory.s8(at) : memory.u8(at)
    case 2:
      return signed ? memory.s16(at) : memory.u16(at)
    case 4:
      return signed ? memory.s32(at) : memory.u32(at)
    case 8:
      return signed ? memory.s64(at) : memory.u64(at)
    case 16: {
      const value = memory.u64(at) | (memory.u64(at + 8n) << 64n)
      return signed ? BigInt.asIntN(128, value) : value
    }
    default:
      throw new HarenaError(`an integer of ${size} bytes`)
  }
}

function writeInteger(memory: UserMemory, at: bigint, size: number, value: FieldValue): void {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new HarenaError('an integer field takes a number')
  switch (size) {
    case 1:
      memory.setU8(at, Number(value))
      return
    case 2:
      memory.setU16(at, Number(value))
      return
    case 4:
      memory.setU32(at, Number(BigInt.asUintN(32, BigInt(value))))
      return
    case 8:
      memory.setU64(at, BigInt(value))
      return
    case 16:
      memory.setU64(at, BigInt(value))
      memory.setU64(at + 8n, BigInt(value) >> 64n)
      return
    default:
      throw new HarenaError(`an integer of ${size} bytes`)
  }
}

/** A bit field lies in up to nine bytes; they are read and written as one little-endian number. */
function readBits(memory: UserMemory, btf: Btf, member: BtfMember, at: bigint): number | bigint {
  const shift = member.offset % 8
  let whole = 0n
  for (const byte of memory.bytes(at, Math.ceil((shift + member.bits) / 8)).toReversed()) {
    whole = (whole << 8n) | BigInt(byte)
  }
  const type = strip(btf, member.type)
  const signed = type?.kind === 'int' ? type.encoding === 'signed' : type?.kind === 'enum' && type.signed
  const raw = whole >> BigInt(shift)
  const value = signed ? BigInt.asIntN(member.bits, raw) : BigInt.asUintN(member.bits, raw)
  return member.bits <= 32 ? Number(value) : value
}

function writeBits(memory: UserMemory, member: BtfMember, at: bigint, value: bigint): void {
  const shift = BigInt(member.offset % 8)
  const count = Math.ceil((Number(shift) + member.bits) / 8)
  const bytes = memory.bytes(at, count)
  const mask = ((1n << BigInt(member.bits)) - 1n) << shift
  let whole = 0n
  for (const byte of bytes.toReversed()) whole = (whole << 8n) | BigInt(byte)
  whole = (whole & ~mask) | ((value << shift) & mask)
  for (let index = 0; index < count; index++) bytes[index] = Number((whole >> BigInt(8 * index)) & 0xffn)
  memory.write(at, bytes)
}

function viewArray(memory: UserMemory, btf: Btf, element: number, count: number, at: bigint): ArrayView {
  const size = BigInt(sizeOf(btf, element))
  const placeOf = (index: number): bigint => at + size * BigInt(index)
  const indexOf = (key: string | symbol): number => {
    const index = typeof key === 'string' && /^\d+$/.test(key) ? Number(key) : -1
    return index < count ? index : -1
  }
  const target = {
    length: count,
    *[Symbol.iterator](): Iterator<FieldValue> {
      for (let index = 0; index < count; index++) yield read(memory, btf, element, placeOf(index))
    },
  }
  return new Proxy<typeof target & ArrayView>(target as typeof target & ArrayView, {
    get: (object, key) => {
      const index = indexOf(key)
      return index < 0 ? Reflect.get(object, key) : read(memory, btf, element, placeOf(index))
    },
    set: (_object, key, value: FieldValue) => {
      const index = indexOf(key)
      if (index >= 0) write(memory, btf, element, placeOf(index), value)
      return index >= 0
    },
  })
}

function sizeOf(btf: Btf, id: number): number {
  const type = strip(btf, id)
  switch (type?.kind) {
    case 'int':
    case 'enum':
    case 'float':
    case 'struct':
    case 'union':
      return type.size
    case 'ptr':
      return 8
    case 'array':
      return type.count * sizeOf(btf, type.type)
    default:
      throw new InternalError(`BTF type ${id} has no size`)
  }
}
