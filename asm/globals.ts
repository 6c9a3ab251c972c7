/** `.global` lines become data of `.bss` and `.data`; every data section becomes a map. */
import type { GlobalSpec, MapSpec } from '../program/object.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { type Assembly, complain, type GlobalDraft } from './assembly.ts'
import type { TypeTable } from './btf.ts'
import { MAX_DATA } from './compiler-output.ts'
import { type Expression, evaluateSum, type Lookup } from './expression.ts'
import { arrayCount } from './read.ts'
import { align, append, type DataSection, dataSection, extend, integerBytes } from './sections.ts'
import { StatementError } from './statement-error.ts'
import type { Initializer } from './syntax.ts'
import { type Layouts, readType, type TypeModel } from './types.ts'

/** Lays out every `.global`, in the order of declaration. */
export function layOutGlobals(assembly: Assembly, layouts: Layouts, lookup: Lookup): void {
  for (const draft of assembly.globals) {
    try {
      layOutGlobal(assembly, draft, layouts, lookup)
    } catch (error) {
      complain(assembly, draft.place, error)
    }
  }
}

/**
 * Places one global behind those before it, aligned as C would. With an initial value it goes to `.data`, else to
 * `.bss`, as from a compiler, so that objects of both kinds have the same maps.
 */
function layOutGlobal(assembly: Assembly, { syntax, place }: GlobalDraft, layouts: Layouts, lookup: Lookup): void {
  const { name, value } = syntax
  if (syntax.type === undefined) {
    throw new StatementError(syntax.at, `global ${name} has no type`, { hint: `write '.global ${name}: u64 = …'` })
  }
  const type = readType(syntax.type, (count) => arrayCount(assembly, count))
  const { size, alignment } = layouts.of(type, syntax.type.at)
  if (size === 0) throw new StatementError(syntax.type.at, `global ${name} has no bytes`)
  const bytes = value === undefined ? undefined : initialBytes(value, type, size, layouts, lookup)
  const section = dataSection(assembly.data, bytes === undefined ? '.bss' : '.data')
  align(section, alignment)
  if (section.size + size > MAX_DATA) throw new StatementError(place.at, `${size} bytes of global data are too many`)
  section.symbols.push({ name, offset: section.size, size, type, place })
  if (bytes === undefined) extend(section, size)
  else append(section, bytes)
}

/** The bytes of what stands behind `=`; what it leaves open is zero. */
function initialBytes(value: Initializer, type: TypeModel, size: number, layouts: Layouts, lookup: Lookup): Uint8Array {
  const bytes = new Uint8Array(size)
  switch (value.kind) {
    case 'value':
      bytes.set(scalarBytes(value.value, type, lookup))
      return bytes
    case 'text':
      if (type.kind !== 'array' || layouts.of(type.element, value.at).size !== 1) {
        throw new StatementError(value.at, 'a string initialises an array of bytes only')
      }
      if (value.bytes.length > size) {
        throw new StatementError(value.at, `the string has ${value.bytes.length} bytes, the array ${size}`)
      }
      bytes.set(value.bytes)
      return bytes
    case 'list': {
      if (type.kind !== 'array') throw new StatementError(value.at, 'a list initialises an array only')
      if (value.values.length > type.count) {
        throw new StatementError(value.at, `the list has ${value.values.length} values, the array ${type.count}`)
      }
      const width = size / type.count
      value.values.forEach((item, i) => {
        bytes.set(scalarBytes(item, type.element, lookup), i * width)
      })
      return bytes
    }
    default:
      return value satisfies never
  }
}

/** One number, as wide as its type; signed or unsigned, as it fits. */
function scalarBytes(value: Expression, type: TypeModel, lookup: Lookup): Uint8Array {
  if (type.kind !== 'int' && type.kind !== 'pointer') {
    throw new StatementError(value.at, 'only numbers, pointers and arrays of them have initial values')
  }
  const { symbol, addend } = evaluateSum(value, lookup)
  if (symbol !== undefined) {
    throw new StatementError(symbol.at, `'${symbol.name}' is not a number`, { unknown: symbol.name })
  }
  const width = type.kind === 'int' ? type.size : 8
  // One range for both signs: `u8 = -1` and `s8 = 255` mean the byte 0xff, and compilers write either.
  const bits = BigInt(width * 8)
  if (addend < -(1n << (bits - 1n)) || addend >= 1n << bits) {
    throw new StatementError(value.at, `${addend} does not fit in ${bits} bits`)
  }
  return integerBytes(addend, width)
}

/** The maps that hold global data, and where in them each global is. */
export function dataMaps(
  assembly: Assembly,
  types: TypeTable | undefined,
): {
  readonly maps: readonly MapSpec[]
  readonly globals: readonly GlobalSpec[]
  readonly local: readonly GlobalSpec[]
} {
  const maps: MapSpec[] = []
  const globals: GlobalSpec[] = []
  // Compilers give strings and tables labels of their own, which are nobody's variables.
  const local: GlobalSpec[] = []
  for (const section of assembly.data.values()) {
    if (section.size === 0) continue
    const sizes = symbolSizes(section)
    // The verifier folds loads from it once it is frozen; without the flag it could not rely on the contents.
    const readOnly = section.name.startsWith('.rodata') ? MAP_FLAGS.rdonly_prog : 0
    maps.push({
      name: section.name,
      type: 'array',
      keySize: 4,
      valueSize: section.size,
      maxEntries: 1,
      flags: MAP_FLAGS.mmapable | readOnly,
      extra: 0n,
      keyTypeId: 0,
      valueTypeId: types?.section(section, sizes) ?? 0,
      contents: section.bytes.slice(0, section.size),
    })
    for (const { name, offset, type } of section.symbols) {
      const size = sizes.get(name)!
      const list = name.startsWith('.L') ? local : globals
      const typeId = types?.symbolType(type, size) ?? 0
      const number = type === undefined || type.kind === 'int' || type.kind === 'pointer'
      list.push({ name, map: section.name, offset, size, typeId, ...(number ? {} : { aggregate: true }) })
    }
  }
  return { maps, globals, local }
}

/** Sizes of a section's symbols; where none is given, up to the next symbol. */
function symbolSizes(section: DataSection): Map<string, number> {
  const ends = [...section.symbols.map(({ offset }) => offset), section.size].sort((a, b) => a - b)
  return new Map(
    section.symbols.map(({ name, offset, size }) => {
      // Behind the symbol's own beginning: two labels on one place share what follows.
      const end = ends.find((other) => other > offset) ?? section.size
      return [name, size ?? end - offset]
    }),
  )
}
