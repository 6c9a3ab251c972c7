/** harena's directives, and the assembler's own that mean something here. Each gets the tokens behind its name. */
import type { IToken } from 'chevrotain'
import { type Assembly, complain, declare, knownNumbers, type Section, TEXT, where } from './assembly.ts'
import { makeBody, type Place } from './body.ts'
import { DATA_DIRECTIVES, isSkipped, sectionDirective, typeDirective } from './compiler-output.ts'
import { evaluateKnown } from './expression.ts'
import { parse } from './parser.ts'
import { quote, StatementError } from './statement-error.ts'
import { TYPE_WORDS } from './types.ts'

export interface Statement {
  readonly place: Place
  /** The directive's name, with its dot. */
  readonly name: string
  /** What stands behind the name. */
  readonly tokens: IToken[]
  /** Offset of the statement's end. */
  readonly end: number
}

type Directive = (assembly: Assembly, statement: Statement) => void

/** By name, the dot included. */
const DIRECTIVES: Readonly<Record<string, Directive>> = {
  '.map': mapDirective,
  '.struct': structDirective,
  '.end': endDirective,
  '.global': globalDirective,
  '.license': licenseDirective,
  '.program': programDirective,
  '.func': funcDirective,
  '.alloc': allocDirective,
  '.set': constantDirective,
  '.equ': constantDirective,
  '.equiv': constantDirective,
  '.type': typeDirective,
  '.section': sectionDirective,
  '.text': plainSection(TEXT),
  '.data': plainSection({ kind: 'data', name: '.data' }),
  '.bss': plainSection({ kind: 'data', name: '.bss' }),
  ...DATA_DIRECTIVES,
}

/** Directive names, for hints. */
export const DIRECTIVE_NAMES: readonly string[] = [...Object.keys(DIRECTIVES), '.include']

/** Carries out any directive but `.include`. */
export function direct(assembly: Assembly, statement: Statement): void {
  const { name, place } = statement
  const directive = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined
  if (directive !== undefined) {
    directive(assembly, statement)
  } else if (!isSkipped(name)) {
    throw new StatementError(place.at, `unknown directive ${quote(name)}`, {
      unknown: name,
      candidates: DIRECTIVE_NAMES,
    })
  }
}

/** Options are read at the end: constants and structs that follow may stand in them. */
function mapDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  const { name, at, options } = parse('options', tokens, end)
  declare(assembly, name, 'a map', { ...place, at })
  assembly.maps.push({ name, place, options })
}

/** Fields follow, a statement each, up to `.end`. */
function structDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  closeStruct(assembly)
  const { name, at } = parse('bareName', tokens, end)
  const draft = { name, place: { ...place, at }, fields: [] }
  // Also when the name is refused, so that the fields are read as fields.
  assembly.struct = draft
  const known = assembly.structs.get(name)
  if (known !== undefined) {
    throw new StatementError(at, `struct ${quote(name)} is already declared at ${where(known.place)}`)
  }
  if (TYPE_WORDS.includes(name)) throw new StatementError(at, `${quote(name)} is the name of a type of its own`)
  assembly.structs.set(name, draft)
}

function endDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  parse('nothing', tokens, end)
  if (assembly.struct === undefined) throw new StatementError(place.at, "'.end' without '.struct'")
  assembly.struct = undefined
}

/** A struct ends with `.end`; whatever else comes first is told so. */
export function closeStruct(assembly: Assembly): void {
  const { struct } = assembly
  if (struct === undefined) return
  assembly.struct = undefined
  complain(assembly, struct.place, new StatementError(struct.place.at, `struct ${struct.name} has no '.end'`))
}

/** `.global NAME: type = value` */
function globalDirective(assembly: Assembly, statement: Statement): void {
  const { tokens, end, place } = statement
  const syntax = parse('global', tokens, end)
  if (syntax.type === undefined && syntax.value === undefined) {
    // As in other assemblers the name of a symbol that others may see; whether it is one shows later.
    assembly.untypedGlobals.set(syntax.name, { ...place, at: syntax.at })
    return
  }
  declare(assembly, syntax.name, 'a global', { ...place, at: syntax.at })
  assembly.globals.push({ place, syntax })
}

function licenseDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  const { bytes } = parse('text', tokens, end)
  if (assembly.license !== undefined) throw new StatementError(place.at, 'the license is already given')
  assembly.license = new TextDecoder().decode(bytes)
}

function programDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  const { name, at, options } = parse('options', tokens, end)
  assembly.section = TEXT
  // The body is opened first: what follows belongs to it even if the name is taken.
  const body = makeBody(name, { ...place, at }, { kind: 'program', options })
  assembly.body = body
  assembly.bodies.push(body)
  declare(assembly, name, 'a program', { ...place, at })
}

/** `.func NAME(parameters) global` */
function funcDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  const syntax = parse('func', tokens, end)
  assembly.section = TEXT
  const at = { ...place, at: syntax.at }
  const body = makeBody(syntax.name, at, { kind: 'func', syntax })
  assembly.body = body
  assembly.bodies.push(body)
  declare(assembly, syntax.name, 'a function', at)
}

/** Options are read at the end, as those of maps. */
function allocDirective(assembly: Assembly, { tokens, end, place }: Statement): void {
  const { name, at, options } = parse('options', tokens, end)
  declare(assembly, name, 'an allocator', { ...place, at })
  assembly.allocs.push({ name, place, options })
}

/** A value that names what is not known yet waits for the end of the file. */
function constantDirective(assembly: Assembly, statement: Statement): void {
  const { tokens, end, place } = statement
  const { name, at, value } = parse('constant', tokens, end)
  const taken = assembly.declared.get(name)
  if (taken !== undefined) {
    throw new StatementError(at, `${quote(name)} is already ${taken.what}, declared at ${where(taken.place)}`)
  }
  const known = assembly.constants.has(name) || assembly.lateConstants.has(name)
  if (known && statement.name === '.equiv') throw new StatementError(at, `${quote(name)} is already defined`)
  const number = evaluateKnown(value, knownNumbers(assembly))
  if (number !== undefined) {
    assembly.constants.set(name, number)
    assembly.lateConstants.delete(name)
  } else {
    assembly.constants.delete(name)
    assembly.lateConstants.set(name, { value, place })
  }
}

function plainSection(section: Section): Directive {
  return (assembly) => {
    assembly.section = section
  }
}
