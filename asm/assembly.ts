/** What is known of a file, and of those it includes, while it is read. */
import type { Diagnostic } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { Body, Place } from './body.ts'
import type { Expression, Lookup } from './expression.ts'
import type { DataSection } from './sections.ts'
import { lineText, positionAt, type SourceFile } from './source.ts'
import { quote, StatementError } from './statement-error.ts'
import type { GlobalSyntax, OptionSyntax } from './syntax.ts'
import type { StructDraft } from './types.ts'

/** Reads an included file. @throws Error when it cannot */
export type ReadFile = (path: string) => string

/** After so many hints the rest go without: a file of junk should fail fast. */
const MAX_HINTS = 500

/** What is wrong, and the statement it is wrong with: `place.order` sorts and counts them. */
export interface Complaint {
  readonly place: Place
  readonly error: StatementError
}

/** `.map`, its options not yet read. */
export interface MapDraft {
  readonly name: string
  readonly place: Place
  readonly options: readonly OptionSyntax[]
}

/** `.alloc`, its options not yet read. */
export interface AllocDraft {
  readonly name: string
  readonly place: Place
  readonly options: readonly OptionSyntax[]
}

/** `.global`, not yet laid out. */
export interface GlobalDraft {
  readonly place: Place
  readonly syntax: GlobalSyntax
}

export interface Assembly {
  readonly file: string
  readonly read: ReadFile | undefined
  /** Files being read, the innermost last. */
  readonly including: SourceFile[]
  readonly complaints: Complaint[]
  /** Counts statements. */
  order: number
  license: string | undefined
  /** `.set`: numbers, and what still waits for a name. */
  readonly constants: Map<string, bigint>
  readonly lateConstants: Map<string, { readonly value: Expression; readonly place: Place }>
  /** Names of maps, allocators, globals, programs and functions: one space. */
  readonly declared: Map<string, { readonly what: string; readonly place: Place }>
  readonly maps: MapDraft[]
  readonly allocs: AllocDraft[]
  readonly globals: GlobalDraft[]
  readonly structs: Map<string, StructDraft>
  readonly bodies: Body[]
  body: Body | undefined
  struct: StructDraft | undefined
  /** Compiler output: the section that is open, data by section, what symbols are. */
  section: Section
  readonly data: Map<string, DataSection>
  readonly functionSymbols: Set<string>
  /** `.global NAME` without a type: where the name stands. */
  readonly untypedGlobals: Map<string, Place>
}

/** What the open section holds: data and licences are read, code wanted, all else passed over. */
export interface Section {
  readonly kind: 'code' | 'data' | 'license' | 'skipped'
  readonly name: string
}

export const TEXT: Section = { kind: 'code', name: '.text' }

export function makeAssembly(file: string, read: ReadFile | undefined): Assembly {
  return {
    file,
    read,
    including: [],
    complaints: [],
    order: 0,
    license: undefined,
    constants: new Map(),
    lateConstants: new Map(),
    declared: new Map(),
    maps: [],
    allocs: [],
    globals: [],
    structs: new Map(),
    bodies: [],
    body: undefined,
    struct: undefined,
    section: TEXT,
    data: new Map(),
    functionSymbols: new Set(),
    untypedGlobals: new Map(),
  }
}

/** Notes a StatementError; any other error is ours and goes on. */
export function complain(assembly: Assembly, place: Place, error: unknown): void {
  if (!(error instanceof StatementError)) throw error
  assembly.complaints.push({ place: error.place ?? place, error })
}

/** `file:line` of another statement, for messages. */
export function where(place: Place): string {
  const { file, line } = positionAt(place.source, place.at)
  return `${file}:${line}`
}

/** Takes a name for a map, allocator, global, program or function; `what` has its article. */
export function declare(assembly: Assembly, name: string, what: string, place: Place): void {
  const known = assembly.declared.get(name)
  if (known !== undefined) {
    throw new StatementError(place.at, `${quote(name)} is already ${known.what}, declared at ${where(known.place)}`)
  }
  assembly.declared.set(name, { what, place })
}

/** Numbers known so far: what `.set` defined above. */
export function knownNumbers(assembly: Assembly): Lookup {
  return (name) => assembly.constants.get(name)
}

/** The complaints in the order of the statements, the first of each statement. */
export function diagnostics(assembly: Assembly, names: Iterable<string>): Diagnostic[] {
  const everything = [...names]
  const seen = new Set<number>()
  const hints = new Map<string, string | undefined>()
  const sorted = assembly.complaints.toSorted((a, b) => a.place.order - b.place.order)
  const result: Diagnostic[] = []
  for (const { place, error } of sorted) {
    if (seen.has(place.order)) continue
    seen.add(place.order)
    const position = positionAt(place.source, error.at)
    const { hint, unknown, candidates } = error.source
    let advice = hint
    if (advice === undefined && unknown !== undefined && result.length < MAX_HINTS) {
      const key = candidates === undefined ? unknown : ''
      const near = hints.get(key) ?? nearest(unknown, candidates ?? everything)
      if (key !== '') hints.set(key, near)
      if (near !== undefined) advice = `did you mean ${quote(near)}?`
    }
    result.push({
      ...position,
      message: error.message,
      ...(advice === undefined ? {} : { hint: advice }),
      text: lineText(place.source, position.line),
    })
  }
  return result
}
