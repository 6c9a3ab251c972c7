/** Looks things up in BTF: types by name, sizes, where the members of a struct are. */
import { BtfError } from './decode.ts'
import type { Btf, BtfType } from './types.ts'

export interface StructField {
  readonly name: string
  /** As declared, qualifiers and tags included. */
  readonly type: number
  /** In bytes from the start of the struct. */
  readonly offset: number
  /** In bytes. */
  readonly size: number
}

export interface StructLayout {
  readonly id: number
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly fields: readonly StructField[]
}

/** Longest chain of typedefs, qualifiers and arrays; BTF read from outside may run in a circle. */
const MAX_CHAIN = 64

/** @throws BtfError when there is no such type */
export function typeAt(btf: Btf, id: number): BtfType {
  const type = btf.types[id]
  if (type === undefined) throw new BtfError(`there is no BTF type ${id}; the last one is ${btf.types.length - 1}`)
  return type
}

/** Id of the first type called `name`, of one kind where that is given. */
export function findType(btf: Btf, name: string, kind?: BtfType['kind']): number | undefined {
  const id = btf.types.findIndex(
    (type) => 'name' in type && type.name === name && (kind === undefined || type.kind === kind),
  )
  return id < 0 ? undefined : id
}

/** The type behind typedefs, qualifiers and tags. */
export function resolveType(btf: Btf, id: number): { readonly id: number; readonly type: BtfType } {
  let at = id
  for (let step = 0; step < MAX_CHAIN; step++) {
    const type = typeAt(btf, at)
    switch (type.kind) {
      case 'typedef':
      case 'type_tag':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'var':
        at = type.type
        break
      default:
        return { id: at, type }
    }
  }
  throw new BtfError(`BTF type ${id} is more than ${MAX_CHAIN} types away from what it stands for`)
}

/** Bytes that a value of the type takes. @throws BtfError for types without a size: void, functions */
export function sizeOf(btf: Btf, id: number): number {
  let count = 1
  let at = id
  for (let step = 0; step < MAX_CHAIN; step++) {
    const { type } = resolveType(btf, at)
    switch (type.kind) {
      case 'ptr':
        return count * 8
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'datasec':
      case 'float':
        return count * type.size
      case 'array':
        count *= type.count
        at = type.type
        break
      default:
        throw new BtfError(`BTF type ${id} (${type.kind}) has no size`)
    }
  }
  throw new BtfError(`BTF type ${id} is more than ${MAX_CHAIN} arrays deep`)
}

/** Members of the struct called `name`; bit fields are left out. @throws BtfError when there is none */
export function structLayout(btf: Btf, name: string): StructLayout {
  const id = findType(btf, name, 'struct') ?? findType(btf, name, 'union')
  if (id === undefined) throw new BtfError(`there is no struct ${name} in the BTF`)
  return structLayoutOf(btf, id)
}

/** The same by id; typedefs and qualifiers are looked through. */
export function structLayoutOf(btf: Btf, id: number): StructLayout {
  const found = resolveType(btf, id)
  const { type } = found
  if (type.kind !== 'struct' && type.kind !== 'union') throw new BtfError(`BTF type ${id} is no struct (${type.kind})`)
  const fields = type.members
    .filter((member) => member.bits === 0)
    .map((member) => ({
      name: member.name,
      type: member.type,
      offset: member.offset / 8,
      size: sizeOf(btf, member.type),
    }))
  return { id: found.id, name: type.name, size: type.size, fields }
}
