/**
 * Finds single types in large BTF by name without decoding the rest: the kernel's own has some 130,000 types, and
 * decoding all of them takes most of a second. encode.ts has the picture of the format.
 */
import { BtfError } from './decode.ts'
import { Kind, MAGIC } from './format.ts'

/** Bytes behind the first twelve of a type, by kind. */
const EXTRA: Readonly<Record<number, number>> = { [Kind.INT]: 4, [Kind.ARRAY]: 12, [Kind.VAR]: 4, [Kind.DECL_TAG]: 4 }
/** Bytes for each of a type's vlen members, by kind. */
const MEMBER: Readonly<Record<number, number>> = {
  [Kind.STRUCT]: 12,
  [Kind.UNION]: 12,
  [Kind.ENUM]: 8,
  [Kind.FUNC_PROTO]: 8,
  [Kind.DATASEC]: 12,
  [Kind.ENUM64]: 12,
}

export interface BtfScan {
  /** Id of the function of that name. */
  func(name: string): number | undefined
  /** Offset in bytes of a struct's member. */
  member(struct: string, member: string): number | undefined
}

/** @throws BtfError for bytes that are no BTF */
export function scanBtf(bytes: Uint8Array): BtfScan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 24 || view.getUint16(0, true) !== MAGIC) throw new BtfError('the bytes are no BTF')
  const header = view.getUint32(4, true)
  const start = header + view.getUint32(8, true)
  const end = start + view.getUint32(12, true)
  const strings = header + view.getUint32(16, true)
  if (end > bytes.length || strings > bytes.length) throw new BtfError('the BTF ends before its types or strings do')
  // By the offsets of their names: decoding 60,000 names would take ten times as long as all the rest.
  const funcs = new Map<number, number>()
  const structs = new Map<number, number>()
  for (let at = start, id = 1; at < end; id++) {
    const info = view.getUint32(at + 4, true)
    const kind = (info >>> 24) & 31
    if (kind === Kind.FUNC) funcs.set(view.getUint32(at, true), id)
    else if (kind === Kind.STRUCT) structs.set(view.getUint32(at, true), at)
    at += 12 + (EXTRA[kind] ?? 0) + (MEMBER[kind] ?? 0) * (info & 0xffff)
  }
  const table = bytes.subarray(strings)
  const named = <T>(name: string, things: ReadonlyMap<number, T>): T | undefined => {
    for (const offset of stringsEqual(table, name)) {
      const found = things.get(offset)
      if (found !== undefined) return found
    }
    return undefined
  }
  return {
    func: (name) => named(name, funcs),
    member: (struct, member) => {
      const at = named(struct, structs)
      if (at === undefined) return undefined
      const names = new Set(stringsEqual(table, member))
      const info = view.getUint32(at + 4, true)
      for (let index = 0; index < (info & 0xffff); index++) {
        const entry = at + 12 + 12 * index
        if (!names.has(view.getUint32(entry, true))) continue
        const offset = view.getUint32(entry + 8, true)
        return (info >>> 31 === 1 ? offset & 0xffffff : offset) / 8
      }
      return undefined
    },
  }
}

/** Where in a table of strings one begins: once where the table repeats nothing, but nothing says that it does not. */
function* stringsEqual(table: Uint8Array, name: string): Generator<number, void> {
  const wanted = new TextEncoder().encode(`\0${name}\0`)
  for (let at = table.indexOf(0); at >= 0 && at + wanted.length <= table.length; at = table.indexOf(0, at + 1)) {
    let same = 1
    while (same < wanted.length && table[at + same] === wanted[same]) same++
    if (same === wanted.length) yield at + 1
  }
}
