/** `.map NAME type=… key=… value=… entries=… flags=… extra=… elements=… alloc=…` */
import type { MapSpec } from '../program/object.ts'
import { ELEMENT_SUPPLIES, MAP_FLAGS, MAP_TYPES, type MapFlag, type MapType, takesElements } from '../program/types.ts'
import type { MapDraft } from './assembly.ts'
import { type Expression, evaluateSum, type Lookup } from './expression.ts'
import { positionAt } from './source.ts'
import { quote, StatementError } from './statement-error.ts'
import type { OptionSyntax } from './syntax.ts'
import { type Layouts, readType, TYPE_WORDS, type TypeModel } from './types.ts'

const KEYS = ['type', 'key', 'value', 'entries', 'flags', 'extra', 'elements', 'alloc']
/** Map types that have no keys; those of the second list have no values of a size of their own either. */
const KEYLESS: readonly MapType[] = ['arena', 'ringbuf', 'user_ringbuf', 'queue', 'stack', 'bloom_filter']
const VALUELESS: readonly MapType[] = ['arena', 'ringbuf', 'user_ringbuf']

/** A map, and the types of its key and value where they are given by name. */
export interface MapModel {
  readonly spec: MapSpec
  readonly key: TypeModel | undefined
  readonly value: TypeModel | undefined
}

/** @throws StatementError */
export function readMap(
  draft: MapDraft,
  layouts: Layouts,
  lookup: Lookup,
  allocs: ReadonlySet<string> = new Set(),
): MapModel {
  const options = optionTable(draft.options, KEYS, 'a map')
  const type = mapType(draft, options.get('type'))
  const keySize = sized(options.get('key'), KEYLESS.includes(type) ? 0 : 4, layouts, lookup)
  const valueSize = sized(options.get('value'), VALUELESS.includes(type) ? 0 : 8, layouts, lookup)
  const alloc = allocOption(type, options.get('alloc'), allocs)
  const elements = elementsOption(type, options.get('elements'))
  if (alloc !== undefined && elements !== undefined) {
    throw new StatementError(options.get('elements')!.at, "'alloc' and 'elements' exclude each other")
  }
  const flags = options.get('flags')
  const spec: MapSpec = {
    name: draft.name,
    type,
    keySize: keySize.size,
    valueSize: valueSize.size,
    maxEntries: Number(numberOption(options.get('entries'), 1n, 32, lookup)),
    // The kernel wants arenas mmapable; flags that are given are taken as they are.
    flags: flags === undefined ? (type === 'arena' ? MAP_FLAGS.mmapable : 0) : mapFlags(flags, lookup),
    extra: numberOption(options.get('extra'), 0n, 64, lookup),
    keyTypeId: 0,
    valueTypeId: 0,
    ...(elements === undefined ? {} : { elements }),
    ...(alloc === undefined ? {} : { alloc }),
    position: positionAt(draft.place.source, draft.place.at),
  }
  return { spec, key: keySize.type, value: valueSize.type }
}

/** The allocator that a map shares. */
function allocOption(type: MapType, option: OptionSyntax | undefined, allocs: ReadonlySet<string>): string | undefined {
  const name = word(option)
  if (name !== undefined && !type.endsWith('hash')) {
    throw new StatementError(option!.at, `map type ${type} takes no alloc`)
  }
  if (name === undefined || allocs.has(name)) return name
  throw new StatementError(option!.value!.at, `unknown alloc ${quote(name)}`, {
    unknown: name,
    candidates: [...allocs],
  })
}

/** Where the elements of a hash map come from. */
function elementsOption(type: MapType, option: OptionSyntax | undefined): string | undefined {
  if (option === undefined) return undefined
  if (!takesElements(type)) {
    const hint = 'maps of types hash and percpu_hash do'
    throw new StatementError(option.at, `map type ${type} takes no elements`, { hint })
  }
  const name = hyphenated(option)
  if (ELEMENT_SUPPLIES.some((known) => known === name)) return name
  throw new StatementError(option.value!.at, `there are no elements ${quote(name ?? '')}`, {
    unknown: name ?? '',
    candidates: ELEMENT_SUPPLIES,
  })
}

/** Options by name; each at most once, none unknown. */
export function optionTable(
  options: readonly OptionSyntax[],
  known: readonly string[],
  of: string,
): Map<string, OptionSyntax> {
  const table = new Map<string, OptionSyntax>()
  for (const option of options) {
    if (!known.includes(option.name)) {
      throw new StatementError(option.at, `${of} has no option ${quote(option.name)}`, {
        unknown: option.name,
        candidates: known,
      })
    }
    if (table.has(option.name)) throw new StatementError(option.at, `${quote(option.name)} is given twice`)
    if (option.value === undefined) throw new StatementError(option.at, `${quote(option.name)} needs a value`)
    table.set(option.name, option)
  }
  return table
}

/** The one option that every map must have. */
function mapType(draft: MapDraft, option: OptionSyntax | undefined): MapType {
  if (option === undefined) {
    throw new StatementError(draft.place.at, `map ${draft.name} has no type`, { hint: "write 'type=array' or another" })
  }
  const name = word(option) ?? ''
  if (Object.hasOwn(MAP_TYPES, name)) return name as MapType
  throw new StatementError(option.value!.at, `unknown map type ${quote(name)}`, {
    unknown: name,
    candidates: Object.keys(MAP_TYPES),
  })
}

/** The single name that an option's value is. */
export function word(option: OptionSyntax | undefined): string | undefined {
  if (option === undefined) return undefined
  const { value } = option
  if (value?.kind === 'name') return value.name
  throw new StatementError(value?.at ?? option.at, `${quote(option.name)} takes a name`)
}

/** As `word`, for names with hyphens in them: `one-lock` reads as a difference. */
function hyphenated(option: OptionSyntax | undefined): string | undefined {
  const name = option?.value === undefined ? undefined : hyphenName(option.value)
  return name ?? word(option)
}

function hyphenName(value: Expression): string | undefined {
  if (value.kind === 'name') return value.name
  if (value.kind !== 'binary' || value.sign !== '-') return undefined
  const [left, right] = [hyphenName(value.left), hyphenName(value.right)]
  return left === undefined || right === undefined ? undefined : `${left}-${right}`
}

/** `key=` and `value=`: a number of bytes, or a type that has them. */
function sized(
  option: OptionSyntax | undefined,
  absent: number,
  layouts: Layouts,
  lookup: Lookup,
): { readonly size: number; readonly type: TypeModel | undefined } {
  const value = option?.value
  if (option === undefined || value === undefined) return { size: absent, type: undefined }
  const isType = value.kind === 'name' && (layouts.has(value.name) || TYPE_WORDS.includes(value.name))
  if (!isType && option.count === undefined) {
    // Neither number nor type: asked for as a struct, it is complained about with the nearest type's name.
    if (value.kind === 'name' && lookup(value.name, value.at) === undefined) layouts.struct(value.name, value.at)
    return { size: Number(numberOption(option, 0n, 32, lookup)), type: undefined }
  }
  if (value.kind !== 'name') throw new StatementError(value.at, 'expected a type')
  const counts = option.count === undefined ? [] : [option.count]
  const type = readType({ name: value.name, at: value.at, words: [], counts }, (count) =>
    Number(inRange(evaluate(count, lookup), 32, count.at)),
  )
  return { size: layouts.of(type, value.at).size, type }
}

/** An option's number of `bits` bits; `absent` without the option. */
export function numberOption(option: OptionSyntax | undefined, absent: bigint, bits: number, lookup: Lookup): bigint {
  if (option?.value === undefined) return absent
  return inRange(evaluate(option.value, lookup), bits, option.value.at)
}

function inRange(value: bigint, bits: number, at: number): bigint {
  if (value >= 0n && value < 1n << BigInt(bits)) return value
  throw new StatementError(at, `${value} is out of range; 0 to ${(1n << BigInt(bits)) - 1n} are possible`)
}

function evaluate(value: Expression, lookup: Lookup): bigint {
  const { symbol, addend } = evaluateSum(value, lookup)
  if (symbol === undefined) return addend
  throw new StatementError(symbol.at, `${quote(symbol.name)} is not a number`, { unknown: symbol.name })
}

/** Names joined by `|`, which is an expression over the names of flags. */
function mapFlags(option: OptionSyntax, lookup: Lookup): number {
  const flags = (name: string, at: number): bigint => {
    if (Object.hasOwn(MAP_FLAGS, name)) return BigInt(MAP_FLAGS[name as MapFlag])
    const number = lookup(name, at)
    if (number !== undefined) return number
    throw new StatementError(at, `unknown map flag ${quote(name)}`, {
      unknown: name,
      candidates: Object.keys(MAP_FLAGS),
    })
  }
  return Number(inRange(evaluate(option.value!, flags), 32, option.value!.at))
}
