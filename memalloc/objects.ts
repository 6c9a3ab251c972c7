/**
 * Objects of bpf_obj_new: structs of a program's BTF, in memory of the machine's bpf_mem_alloc, each with one owner: a
 * program, or a `kptr` field of a map value or of another object.
 *
 *     map value   … | kptr ──┐ …           object    a | b | kptr ──┐           object    a | b | kptr = 0
 *                            └──────────────────────>               └──────────────────────>
 *
 *     header      cache: u32 | type: u32 ││ payload                         type: 1 … while somebody owns the object,
 *                                                                           else the upper half of the cache's address
 *
 * What an object is stands in its header, in front of what a program may write. Whoever gives an object up gives up what
 * its fields hold as well. Memory is handed out again only when an RCU grace period is over: readers that found an
 * object in a field may still look at it.
 *
 * Source: Linux 6.18 (spec of the allocators, part I).
 */
import type { Btf } from '../btf/types.ts'
import { zeroBytes } from '../memory/access.ts'
import { KERNEL_HIGH, type Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import { specialFields } from '../program/special-fields.ts'
import type { BpfMemory } from './bpf-memory.ts'
import type { ClassLayout } from './class-layout.ts'
import { HEADER_END, OBJECT_TYPES, OBJECT_TYPES_KNOWN, OBJECTS_LIVE } from './page-layout.ts'

/** What must be known of a struct. */
interface ObjectType {
  /** What the headers of its objects say; from 1. */
  readonly id: number
  readonly btf: Btf
  readonly typeId: number
  /** In bytes. */
  readonly size: number
  /** Where its special fields lie: zero in a new object. */
  readonly special: readonly { readonly offset: number; readonly size: number }[]
  /** Those of them that hold objects. */
  readonly kptrs: readonly number[]
}

/** For compiled code. */
export interface ObjectLayout {
  /** Number of the type, as in headers. */
  readonly id: number
  /** What is zero in a new object. */
  readonly special: readonly { readonly offset: number; readonly size: number }[]
  /** Offsets of the fields that hold objects. */
  readonly kptrs: readonly number[]
  readonly class: ClassLayout
}

const POINTER_BYTES = 8
/** From the type in the header to the payload. */
export const TYPE = 4
/** Of a type in the table that compiled code reads: a bit for each word that holds an object, or this. */
const MANY_FIELDS = -1n

export class ObjectStore {
  private readonly memory: Memory
  private readonly steps: Steps
  private readonly bpf: BpfMemory
  private readonly types: WeakMap<Btf, Map<number, ObjectType>>
  /** By number, from 1. */
  private readonly numbered: ObjectType[]
  /** The one that was asked for last: programs mostly make many of one kind. */
  private last: ObjectType | undefined

  /** `other`: a store on the same memory, with which it shares the numbers of types. */
  constructor(memory: Memory, steps: Steps, bpf: BpfMemory, other?: ObjectStore) {
    this.memory = memory
    this.steps = steps
    this.bpf = bpf
    this.types = other?.types ?? new WeakMap()
    this.numbered = other?.numbered ?? []
  }

  /** Objects that somebody owns. */
  get count(): number {
    return this.steps.load32(OBJECTS_LIVE)
  }

  /** Whether the type can have objects: it is a struct. */
  isStruct(btf: Btf, typeId: number): boolean {
    return this.typeOf(btf, typeId) !== undefined
  }

  /** A new object: its offset, 0 where there is no memory now. Only its special fields are set, to zero. Any context. */
  allocate(btf: Btf, typeId: number): number {
    const type = this.typeOf(btf, typeId)
    const object = type === undefined ? 0 : this.bpf.global.alloc(type.size)
    if (type === undefined || object === 0) return 0
    for (const { offset, size } of type.special) zeroBytes(this.memory, object + offset, size)
    this.steps.store32(object - TYPE, type.id)
    this.steps.add32(OBJECTS_LIVE, 1)
    return object
  }

  /** For compiled code: what `allocate` does with this type; undefined where only it knows, and in debug mode. */
  layoutOf(btf: Btf, typeId: number): ObjectLayout | undefined {
    const type = this.typeOf(btf, typeId)
    const layout = type === undefined ? undefined : this.bpf.global.layoutOf(type.size)
    return type && layout && { id: type.id, special: type.special, kptrs: type.kptrs, class: layout }
  }

  /** Whether an object that somebody owns starts there. */
  isObject(at: number): boolean {
    return this.typeAt(at) !== undefined && this.bpf.ownerOf(at) !== undefined
  }

  /** Bytes of the object that somebody owns there; 0 where there is none. Any number may be asked. */
  sizeAt(at: number): number {
    return this.isObject(at) ? this.typeAt(at)!.size : 0
  }

  /** In debug mode: whether an object was there, and dropped. */
  wasDropped(at: number): boolean {
    return this.bpf.global.wasFreed(at)
  }

  /** Takes an object back, with everything in its fields. */
  drop(object: number): void {
    // Reported there, and nothing else.
    if (this.wasDropped(object) && !this.isObject(object)) this.bpf.global.freeRcu(object)
    // A list of objects may be long: no recursion.
    const waiting = [object]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const type = this.typeAt(next)
      // An unchecked program may have written any number into a field.
      const owner = type === undefined ? undefined : this.bpf.ownerOf(next)
      if (type === undefined || owner === undefined) continue
      // Whoever changes the header has it: an interrupt may want the same one.
      if (this.steps.compareExchange32(next - TYPE, type.id, KERNEL_HIGH) !== type.id) continue
      this.steps.add32(OBJECTS_LIVE, -1)
      for (const offset of type.kptrs) {
        const held = this.takeOut(next + offset)
        if (held !== 0) waiting.push(held)
      }
      owner.freeRcu(next)
    }
  }

  /** Puts an object (0 for none) into a field, in one step: the offset of the one that was there, 0 for none. */
  exchange(field: number, object: number): number {
    const { steps } = this
    const high = object === 0 ? 0 : KERNEL_HIGH
    for (;;) {
      const low = steps.load64(field)
      const before = steps.high
      if (steps.compareExchange64(field, low, before, object, high)) return before === KERNEL_HIGH ? low >>> 0 : 0
    }
  }

  /** Empties a field and takes back what was in it. */
  dropField(field: number): void {
    const held = this.takeOut(field)
    if (held !== 0) this.drop(held)
  }

  /** The type that stands in front of what may be an object. Any number may be asked. */
  private typeAt(at: number): ObjectType | undefined {
    if ((at & 7) !== 0 || at < HEADER_END) return undefined
    return this.numbered[this.steps.load32(at - TYPE) - 1]
  }

  private takeOut(field: number): number {
    return this.exchange(field, 0)
  }

  private typeOf(btf: Btf, id: number): ObjectType | undefined {
    const { last } = this
    if (last?.btf === btf && last.typeId === id) return last
    let types = this.types.get(btf)
    if (types === undefined) {
      types = new Map()
      this.types.set(btf, types)
    }
    let type = types.get(id)
    if (type === undefined) {
      type = describe(btf, id, this.numbered.length + 1)
      if (type === undefined) return undefined
      types.set(id, type)
      this.numbered.push(type)
      if (type.id < OBJECT_TYPES_KNOWN) this.memory.i64[(OBJECT_TYPES + 8 * type.id) / 8] = fieldMap(type)
    }
    this.last = type
    return type
  }
}

/** Which words of an object hold objects. The highest bit is that of no word: the map is never 0. */
function fieldMap({ kptrs }: ObjectType): bigint {
  if (kptrs.some((offset) => offset >= 8 * 63)) return MANY_FIELDS
  return kptrs.reduce((map, offset) => map | (1n << BigInt(offset / 8)), BigInt.asIntN(64, 1n << 63n))
}

function describe(btf: Btf, id: number, number: number): ObjectType | undefined {
  const type = btf.types[id]
  if (type?.kind !== 'struct') return undefined
  const special = specialFields(btf, id)
  return {
    id: number,
    btf,
    typeId: id,
    size: type.size,
    special: special.map(({ offset, size }) => ({ offset, size: size || POINTER_BYTES })),
    kptrs: special.filter(({ kind }) => kind === 'kptr').map(({ offset }) => offset),
  }
}
