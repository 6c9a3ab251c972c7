/**
 * Structs that pointers point to, numbered for the BTF_ID word of registers: a type id alone does not say of which
 * BTF it is. And what a load or store inside such a struct hits. Source: Linux 6.18, observed.
 */

import { resolveType, sizeOf } from '../btf/layout.ts'
import type { Btf, BtfMember, BtfType } from '../btf/types.ts'
import { InternalError } from '../errors/errors.ts'
import { type SpecialField, specialFields } from '../program/special-fields.ts'
import { fail } from './errors.ts'

export type StructType = Extract<BtfType, { kind: 'struct' | 'union' }>

export interface StructEntry {
  readonly btf: Btf
  readonly id: number
  readonly type: StructType
  readonly fields: readonly SpecialField[]
}

/** Grows as structs come up; one a verification. */
export class StructTable {
  readonly #entries: StructEntry[] = []

  /** The number of a struct, from 1: the same for the same type of the same BTF. */
  number(btf: Btf, id: number): number {
    const known = this.#entries.findIndex((entry) => entry.btf === btf && entry.id === id)
    if (known >= 0) return known + 1
    const type = btf.types[id]
    if (type?.kind !== 'struct' && type?.kind !== 'union') throw new InternalError(`BTF type ${id} is no struct`)
    return this.#entries.push({ btf, id, type, fields: specialFields(btf, id) })
  }

  entry(number: number): StructEntry {
    const entry = this.#entries[number - 1]
    if (entry === undefined) throw new InternalError(`there is no struct ${number}`)
    return entry
  }
}

/**
 * Checks an access of `size` bytes at `off` of a struct. @returns the BTF id of what a pointer member points to,
 * undefined for numbers. @throws Rejection when no member is there
 */
export function hitStruct(btf: Btf, type: StructType, off: number, size: number): number | undefined {
  const { name } = type
  if (off + size > type.size) fail('access-beyond-struct', { type: name, off, size })
  for (const member of type.members) {
    const start = member.offset / 8
    if (off + size <= start) break
    const end = start + (member.bits === 0 ? sizeOf(btf, member.type) : Math.ceil(member.bits / 8))
    if (off >= end) continue
    return hitMember(btf, type, member, { off, size, start, end })
  }
  return fail('no-field', { type: name, off })
}

interface Hit {
  readonly off: number
  readonly size: number
  /** Bytes of the member. */
  readonly start: number
  readonly end: number
}

function hitMember(btf: Btf, type: StructType, member: BtfMember, hit: Hit): number | undefined {
  const { off, size, start, end } = hit
  let { type: inner } = resolveType(btf, member.type)
  let first = start
  if (inner.kind === 'array') {
    const element = elementOf(btf, inner)
    // Elements are looked at one by one: an access must not reach into the next.
    if (element.size > 0) first += Math.floor((off - start) / element.size) * element.size
    inner = element.type
    if (inner.kind !== 'struct' && inner.kind !== 'union' && off + size <= end) return undefined
  }
  if (inner.kind === 'struct' || inner.kind === 'union') return hitStruct(btf, inner, off - first, size)
  if (inner.kind === 'ptr') {
    if (size === 8 && off === start) return inner.type
    return fail('pointer-member', { member: member.name, start, type: type.name, off, size })
  }
  if (off + size > end) fail('access-beyond-member', { member: member.name, end, type: type.name, off, size })
  return undefined
}

/** What the innermost elements of an array are. */
function elementOf(btf: Btf, array: Extract<BtfType, { kind: 'array' }>): { type: BtfType; size: number } {
  let { id, type } = resolveType(btf, array.type)
  while (type.kind === 'array') ({ id, type } = resolveType(btf, type.type))
  return { type, size: type.kind === 'void' ? 0 : sizeOf(btf, id) }
}
