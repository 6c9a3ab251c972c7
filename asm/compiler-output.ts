/**
 * What `clang -S` writes around instructions. Sections, symbol types and data are honoured; what describes lines,
 * frames and debug information is skipped.
 */
import type { Assembly, Section } from './assembly.ts'
import type { Statement } from './directives.ts'
import { evaluateSum } from './expression.ts'
import { parse } from './parser.ts'
import { align, append, type DataSection, dataSection, extend, integerBytes } from './sections.ts'
import { quote, StatementError } from './statement-error.ts'

/** Directives without a meaning here, and beginnings of families of them. */
const SKIPPED = new Set([
  '.globl',
  '.file',
  '.loc',
  '.ident',
  '.addrsig',
  '.addrsig_sym',
  '.weak',
  '.hidden',
  '.protected',
])
const SKIPPED_FAMILIES = ['.cfi_', '.debug_']
/** GNU's and LLVM's names for integers of each size; on this target a word has four bytes. */
const DATA_SIZES: Readonly<Record<string, number>> = {
  '.byte': 1,
  '.short': 2,
  '.hword': 2,
  '.2byte': 2,
  '.value': 2,
  '.long': 4,
  '.int': 4,
  '.word': 4,
  '.4byte': 4,
  '.quad': 8,
  '.8byte': 8,
}

/** True for what may be passed over: it says nothing that a program or its data depends on. */
export function isSkipped(name: string): boolean {
  return SKIPPED.has(name) || SKIPPED_FAMILIES.some((family) => name.startsWith(family))
}

/** Carries out a directive; what is wrong with it is thrown as a StatementError. */
type Directive = (assembly: Assembly, statement: Statement) => void

/** What puts bytes into a section, or describes them. Inside `.debug_*` and its like all of it is passed over. */
export const DATA_DIRECTIVES: Readonly<Record<string, Directive>> = {
  ...Object.fromEntries(Object.keys(DATA_SIZES).map((name) => [name, integers])),
  '.ascii': strings,
  '.asciz': strings,
  '.string': strings,
  '.zero': zeros,
  '.space': zeros,
  '.skip': zeros,
  '.p2align': alignment,
  '.balign': alignment,
  '.align': alignment,
  '.size': size,
  '.comm': common,
  '.lcomm': common,
  '.uleb128': debugOnly,
  '.sleb128': debugOnly,
}

/** `.section NAME, "flags", @type`: the name may hold slashes, as in `kprobe/do_nanosleep`. */
export function sectionDirective(assembly: Assembly, { tokens, place }: Statement): void {
  const comma = tokens.findIndex((token) => token.image === ',')
  const name = tokens
    .slice(0, comma < 0 ? tokens.length : comma)
    .map((token) => token.image.replace(/^"(.*)"$/, '$1'))
    .join('')
  if (name === '') throw new StatementError(place.at, "'.section' needs a name")
  const flags = comma < 0 ? '' : (tokens[comma + 1]?.image ?? '')
  // Set before the complaint, so that what follows is read as what it is and told nothing more about.
  assembly.section = { kind: sectionKind(name, flags), name }
  if (name === '.maps') {
    throw new StatementError(place.at, 'maps of C sources are not read from assembly', {
      hint: "declare them with '.map NAME type=…'",
    })
  }
}

/** Code is told by its flags; a name without flags is taken for a program's section. */
function sectionKind(name: string, flags: string): Section['kind'] {
  if (name === '.text' || /^"[a-z]*x[a-z]*"$/.test(flags)) return 'code'
  if (name === 'license') return 'license'
  if (/^\.(?:data|bss|rodata)(?:\.|$)/.test(name)) return 'data'
  return name.startsWith('.') || flags !== '' ? 'skipped' : 'code'
}

/** `.type NAME, @function` */
export function typeDirective(assembly: Assembly, { tokens }: Statement): void {
  if (tokens.at(-1)?.image === 'function') assembly.functionSymbols.add(tokens[0]!.image)
}

/** A label in a data section begins a symbol there. */
export function dataLabel(assembly: Assembly, name: string): void {
  if (assembly.section.kind !== 'data') return
  const section = dataSection(assembly.data, assembly.section.name)
  section.symbols.push({ name, offset: section.size, size: undefined, type: undefined, place: undefined })
}

/** The section that data goes to; undefined when it is one that nobody reads. */
function openSection(assembly: Assembly, { name, place }: Statement): DataSection | undefined {
  const { section } = assembly
  if (section.kind === 'data') return dataSection(assembly.data, section.name)
  if (section.kind === 'code') {
    throw new StatementError(place.at, `${quote(name)} outside a data section`, {
      hint: "'.global NAME: TYPE = VALUE' declares data",
    })
  }
  return undefined
}

/** `.byte 1, 2`, `.quad 5` */
function integers(assembly: Assembly, statement: Statement): void {
  const section = openSection(assembly, statement)
  if (section === undefined) return
  const width = DATA_SIZES[statement.name]!
  for (const value of parse('values', statement.tokens, statement.end)) {
    append(section, integerBytes(number(assembly, value), width))
  }
}

/** Constants of `.set` count; a symbol's address would need a relocation of data, which nothing here makes. */
function number(assembly: Assembly, value: Parameters<typeof evaluateSum>[0]): bigint {
  const { symbol, addend } = evaluateSum(value, (name) => assembly.constants.get(name))
  if (symbol === undefined) return addend
  throw new StatementError(symbol.at, 'addresses in global data are not supported')
}

/** `.asciz "GPL"`: data, or the licence. */
function strings(assembly: Assembly, statement: Statement): void {
  const terminated = statement.name !== '.ascii'
  if (assembly.section.kind === 'license') {
    const bytes = parse('texts', statement.tokens, statement.end)[0] ?? new Uint8Array()
    assembly.license = new TextDecoder().decode(bytes).replace(/\0.*$/, '')
    return
  }
  const section = openSection(assembly, statement)
  if (section === undefined) return
  for (const bytes of parse('texts', statement.tokens, statement.end)) {
    append(section, bytes)
    if (terminated) extend(section, 1)
  }
}

/** No section of global data grows beyond this; the kernel would not take it either. */
export const MAX_DATA: number = 1 << 28

/** `.zero COUNT`, `.space COUNT, BYTE` */
function zeros(assembly: Assembly, statement: Statement): void {
  const section = openSection(assembly, statement)
  if (section === undefined) return
  const [count, fill] = parse('values', statement.tokens, statement.end)
  const length = number(assembly, count!)
  if (length < 0n || length > BigInt(MAX_DATA - section.size)) {
    throw new StatementError(count!.at, `${length} bytes of data are too many`)
  }
  const value = fill === undefined ? 0 : Number(number(assembly, fill) & 255n)
  if (value === 0) extend(section, Number(length))
  else append(section, new Uint8Array(Number(length)).fill(value))
}

/** Code is always aligned; data is padded. */
function alignment(assembly: Assembly, statement: Statement): void {
  if (assembly.section.kind !== 'data') return
  const [first] = parse('values', statement.tokens, statement.end)
  const value = number(assembly, first!)
  const bytes = statement.name === '.p2align' ? 1n << BigInt.asUintN(6, value) : value
  if (bytes < 1n || bytes > 4096n) throw new StatementError(first!.at, `cannot align to ${bytes} bytes`)
  align(dataSection(assembly.data, assembly.section.name), Number(bytes))
}

/** `.size NAME, BYTES` of data; of functions it is an expression of labels that says nothing new. */
function size(assembly: Assembly, { tokens }: Statement): void {
  const [name, , bytes] = tokens
  if (tokens.length !== 3 || name === undefined || bytes === undefined) return
  for (const section of assembly.data.values()) {
    for (const symbol of section.symbols) {
      if (symbol.name === name.image && /^\d+$/.test(bytes.image)) symbol.size = Number(bytes.image)
    }
  }
}

/** `.comm NAME, BYTES, ALIGNMENT`: zeroed data. */
function common(assembly: Assembly, { tokens, place }: Statement): void {
  const [name, , bytes, , boundary] = tokens
  const count = Number(bytes?.image)
  const alignTo = boundary === undefined ? 8 : Number(boundary.image)
  if (name === undefined || !(count >= 0 && count <= MAX_DATA) || !(alignTo >= 1 && alignTo <= 4096)) {
    throw new StatementError(place.at, "expected '.comm NAME, BYTES, ALIGNMENT'")
  }
  const section = dataSection(assembly.data, '.bss')
  align(section, alignTo)
  section.symbols.push({ name: name.image, offset: section.size, size: count, type: undefined, place: undefined })
  extend(section, count)
}

/** Numbers of variable length stand in debug information only. */
function debugOnly(assembly: Assembly, { name, place }: Statement): void {
  if (assembly.section.kind === 'skipped') return
  throw new StatementError(place.at, `${quote(name)} outside a debug section`)
}
