/** Directives that declare what a disassembled program refers to, so that its text assembles again. */
import {
  type GlobalSpec,
  type LinkedProgram,
  MAP_FLAGS,
  type MapSpec,
  type ObjectSpec,
  type Reference,
} from '../index.ts'

const TYPES: Readonly<Record<number, string>> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' }

/** `.license`, `.map` and `.global` lines for everything that `programs` refer to, in order of declaration. */
export function declarations(object: ObjectSpec, programs: readonly LinkedProgram[]): string[] {
  const references = programs.flatMap((program) => program.references)
  const used = new Set(references.filter(({ kind }) => kind !== 'kfunc').map(({ name }) => name))
  const data = new Set(object.globals.map((global) => global.map))
  return [
    `.license ${JSON.stringify(object.license)}`,
    ...object.maps.filter((map) => used.has(map.name) && !data.has(map.name)).map(mapLine),
    ...object.globals.filter((global) => used.has(global.map)).map((global) => globalLine(object, global)),
  ]
}

/** What the instruction of a reference names: a map, a global with what is added to it, a kfunc. */
export function symbolOf(object: ObjectSpec, reference: Reference): string {
  if (reference.kind !== 'map-value') return reference.name
  const { name, offset } = reference
  const global = object.globals.find(
    (each) => each.map === name && offset >= each.offset && offset < each.offset + each.size,
  )
  // The bare name would be the map itself.
  if (global === undefined) return `${name} + ${offset}`
  return offset === global.offset ? global.name : `${global.name} + ${offset - global.offset}`
}

/** Sizes are written where the type has them; the default of a `.map` line is not always what the object says. */
function mapLine({ name, type, keySize, valueSize, maxEntries, flags, extra }: MapSpec): string {
  const names = Object.entries(MAP_FLAGS).flatMap(([flag, bit]) => ((flags & bit) === 0 ? [] : [flag]))
  const words = [`type=${type}`]
  if (keySize !== 0) words.push(`key=${keySize}`)
  if (valueSize !== 0) words.push(`value=${valueSize}`)
  words.push(`entries=${maxEntries}`)
  if (names.length > 0) words.push(`flags=${names.join('|')}`)
  if (extra !== 0n) words.push(`extra=0x${extra.toString(16)}`)
  return `.map ${name} ${words.join(' ')}`
}

/** Of data only its size is known: numbers where it fits one, else bytes. */
function globalLine(object: ObjectSpec, { name, map, offset, size }: GlobalSpec): string {
  const type = TYPES[size] ?? `u8[${size}]`
  const contents = object.maps.find((each) => each.name === map)?.contents
  if (contents === undefined || TYPES[size] === undefined || map === '.bss') return `.global ${name}: ${type}`
  const bytes = contents.slice(offset, offset + size).reverse()
  return `.global ${name}: ${type} = 0x${Buffer.from(bytes).toString('hex')}`
}
