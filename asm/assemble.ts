/**
 * The assembler: text to ObjectSpec.
 *
 *     text --lex--> statements --parse, one by one--> syntax --lower--> bodies, maps, structs, globals
 *          --at the end: layouts, types, names--> ObjectSpec
 *
 * Whatever is wrong with a statement is noted and the next one is read, so that all complaints come together.
 */
import { AssemblyError } from '../errors/errors.ts'
import { HELPERS } from '../program/helpers.ts'
import { LINUX_KFUNC_NAMES } from '../program/kfuncs.ts'
import type { FunctionSpec, GlobalSpec, MapSpec, ObjectSpec, ProgramSpec } from '../program/object.ts'
import { readAlloc } from './allocs.ts'
import { type Assembly, complain, diagnostics, makeAssembly, type ReadFile } from './assembly.ts'
import type { Body } from './body.ts'
import { TypeTable } from './btf.ts'
import { closeStruct } from './directives.ts'
import { evaluateSum, type Lookup } from './expression.ts'
import { dataMaps, layOutGlobals } from './globals.ts'
import { type MapModel, readMap } from './maps.ts'
import { funcRole, type Names, parametersOf, programRole, type Role, resolveBody, sectionRole } from './programs.ts'
import { readSource } from './read.ts'
import { makeSource } from './source.ts'
import { quote, StatementError } from './statement-error.ts'
import { Layouts, type TypeModel } from './types.ts'

export interface AssembleOptions {
  /** The file's name: for messages, and where includes are looked for. Default `input.bpf.s`. */
  readonly file?: string
  /** Gives the text of an included file, by its path as seen from where `file` is; throws when there is none. */
  readonly read?: ReadFile
}

/**
 * Assembles `source`. Without `.license` the licence is GPL; a file of instructions without `.program` is a syscall
 * program of the file's name.
 * @throws AssemblyError with every complaint, in the order of the statements
 */
export function assemble(source: string, options: AssembleOptions = {}): ObjectSpec {
  const assembly = makeAssembly(options.file ?? 'input.bpf.s', options.read)
  const root = makeSource(assembly.file, source)
  readSource(assembly, root)
  closeStruct(assembly)
  const object = finish(assembly)
  if (assembly.complaints.length === 0 && object.programs.length === 0) {
    const empty = object.functions.length === 0 ? 'the file holds no instructions' : 'the file holds no program'
    complain(assembly, { source: root, at: 0, order: 0 }, new StatementError(0, empty))
  }
  if (assembly.complaints.length > 0) throw new AssemblyError(diagnostics(assembly, everyName(assembly)))
  return object
}

/** Names that may stand in operands, for hints. */
function* everyName(assembly: Assembly): Generator<string> {
  yield* assembly.declared.keys()
  yield* assembly.constants.keys()
  yield* assembly.lateConstants.keys()
  for (const struct of assembly.structs.values()) {
    yield `${struct.name}.size`
    yield `${struct.name}.id`
    for (const field of struct.fields) yield `${struct.name}.${field.name}`
  }
  for (const section of assembly.data.values()) for (const symbol of section.symbols) yield symbol.name
  for (const helper of HELPERS) yield helper.name
  yield* LINUX_KFUNC_NAMES
}

/** Everything that had to wait for the end: layouts, then types, then what names mean. */
function finish(assembly: Assembly): ObjectSpec {
  const layouts = new Layouts(assembly.structs)
  checkStructs(assembly, layouts)
  const types = carriesBtf(assembly) ? new TypeTable(assembly, layouts) : undefined
  const numbers = numbersOf(assembly, layouts, types)
  layOutGlobals(assembly, layouts, numbers)
  const allocs = guarded(assembly, assembly.allocs, (draft) => readAlloc(draft, numbers))
  const allocNames = new Set(assembly.allocs.map(({ name }) => name))
  const models = guarded(assembly, assembly.maps, (draft) => readMap(draft, layouts, numbers, allocNames))
  const data = dataMaps(assembly, types)
  const maps = models.map(({ spec }) => spec)
  const names = namesOf(assembly, maps, [...data.globals, ...data.local], numbers)
  for (const body of assembly.bodies) resolveBody(assembly, body, names)
  checkSymbols(assembly, names)
  const { programs, functions } = divide(assembly, types)
  return {
    file: assembly.file,
    license: assembly.license ?? 'GPL',
    maps: [...models.map((model) => typedMap(model, types)), ...data.maps],
    globals: data.globals,
    ...(allocs.length === 0 ? {} : { allocs }),
    programs,
    functions,
    btf: types?.build(),
  }
}

/** Structs want BTF, and so do functions whose parameters the verifier must know. */
function carriesBtf(assembly: Assembly): boolean {
  if (assembly.structs.size > 0) return true
  return assembly.bodies.some(({ origin }) => {
    if (origin.kind !== 'func') return false
    return origin.syntax.params !== undefined || origin.syntax.words.some(({ text }) => text === 'global')
  })
}

/** A map with the types of its key and value, where they are given by name. */
function typedMap({ spec, key, value }: MapModel, types: TypeTable | undefined): MapSpec {
  if (types === undefined || value === undefined) return spec
  // The kernel wants the types of both or of none, and of an array's key none but an integer of 32 bits.
  const keyType: TypeModel =
    key ??
    (spec.keySize === 4
      ? { kind: 'int', name: 'u32', size: 4, signed: false }
      : { kind: 'array', element: { kind: 'int', name: 'u8', size: 1, signed: false }, count: spec.keySize })
  return { ...spec, keyTypeId: spec.keySize === 0 ? 0 : types.id(keyType), valueTypeId: types.id(value) }
}

/** Applies `read` to each; one that complains is left out. */
function guarded<T extends { readonly place: Body['place'] }, R>(
  assembly: Assembly,
  items: readonly T[],
  read: (item: T) => R,
): R[] {
  const results: R[] = []
  for (const item of items) {
    try {
      results.push(read(item))
    } catch (error) {
      complain(assembly, item.place, error)
    }
  }
  return results
}

/** Complains about fields without a type of known size. */
function checkStructs(assembly: Assembly, layouts: Layouts): void {
  for (const struct of assembly.structs.values()) {
    for (const field of struct.fields) {
      try {
        layouts.of(field.type, field.place.at)
      } catch (error) {
        complain(assembly, field.place, error)
      }
    }
  }
}

/** Numbers by name, at the end: `.set`, and what structs define. */
function numbersOf(assembly: Assembly, layouts: Layouts, types: TypeTable | undefined): Lookup {
  const open = new Set<string>()
  const lookup: Lookup = (name, at) => {
    const known = assembly.constants.get(name)
    if (known !== undefined) return known
    const late = assembly.lateConstants.get(name)
    if (late === undefined) return structNumber(layouts, types, name, at)
    if (open.has(name)) throw new StatementError(at, `${quote(name)} is defined by itself`)
    open.add(name)
    const { symbol, addend } = evaluateSum(late.value, lookup)
    open.delete(name)
    return symbol === undefined ? addend : undefined
  }
  return lookup
}

/** `item.size`, `item.id`, `item.FIELD` */
function structNumber(layouts: Layouts, types: TypeTable | undefined, name: string, at: number): bigint | undefined {
  const dot = name.lastIndexOf('.')
  const struct = name.slice(0, dot)
  const id = types?.structId(struct)
  if (dot <= 0 || id === undefined) return undefined
  const layout = layouts.struct(struct, at)
  const part = name.slice(dot + 1)
  const member = layout.members.find((candidate) => candidate.name === part)
  if (part !== 'size' && part !== 'id') return member === undefined ? undefined : BigInt(member.offset)
  if (member !== undefined) {
    const other = part === 'size' ? 'its size' : 'its type id'
    throw new StatementError(at, `'${name}' is both a field of struct ${struct} and ${other}`, {
      hint: 'give the field another name',
    })
  }
  return BigInt(part === 'size' ? layout.size : id)
}

/** What names stand for. A label is known to its body alone. */
function namesOf(assembly: Assembly, maps: readonly MapSpec[], globals: readonly GlobalSpec[], numbers: Lookup): Names {
  const functions = assembly.bodies.filter((body) => {
    if (body.origin.kind === 'func') return true
    return body.origin.kind === 'symbol' && sectionRole(body.origin.section) === undefined
  })
  return {
    numbers,
    maps: new Map(assembly.maps.map(({ name }) => [name, maps.find((map) => map.name === name)])),
    allocs: new Set(assembly.allocs.map(({ name }) => name)),
    globals: new Map(globals.map((global) => [global.name, global])),
    programs: new Set(assembly.bodies.filter((body) => body.origin.kind === 'program').map((body) => body.name)),
    functions: new Map(functions.map((body) => [body.name, body])),
  }
}

/** `.global NAME` without a type is for symbols that the file has; else a type was forgotten. */
function checkSymbols(assembly: Assembly, names: Names): void {
  for (const [name, place] of assembly.untypedGlobals) {
    const { bodies } = assembly
    if (names.globals.has(name) || bodies.some((body) => body.name === name || body.labels.has(name))) continue
    const hint = `write '.global ${name}: u64' or another type`
    complain(assembly, place, new StatementError(place.at, `global ${quote(name)} has no type`, { hint }))
  }
}

/** Tells programs from functions. */
function divide(
  assembly: Assembly,
  types: TypeTable | undefined,
): { programs: ProgramSpec[]; functions: FunctionSpec[] } {
  const roles = rolesOf(assembly)
  const programs: ProgramSpec[] = []
  const functions: FunctionSpec[] = []
  for (const [body, role] of roles) {
    if (body.insns.length === 0 && !body.failed) {
      const message = `${role.kind} ${body.name} has no instructions`
      complain(assembly, body.place, new StatementError(body.place.at, message))
    }
    const linkage = role.kind === 'program' ? 'global' : role.linkage
    const { name, insns, references, lines } = body
    const common = {
      name,
      linkage,
      params: parametersOf(body),
      insns,
      references,
      lines,
      typeId: functionType(assembly, body, role, types),
    }
    if (role.kind === 'program') programs.push({ ...common, type: role.type, flags: role.flags })
    else functions.push(common)
  }
  return { programs, functions }
}

/** A function's type in the BTF, 0 when the file has none. */
function functionType(assembly: Assembly, body: Body, role: Role, types: TypeTable | undefined): number {
  if (types === undefined) return 0
  try {
    return types.func(body, role)
  } catch (error) {
    complain(assembly, body.place, error)
    return 0
  }
}

/** Programs and functions by their bodies; those with a wrong head are left out. */
function rolesOf(assembly: Assembly): Map<Body, Role> {
  const { bodies } = assembly
  const explicit = bodies.some((body) => body.origin.kind === 'program')
  const called = new Set(bodies.flatMap((body) => body.references.map((reference) => reference.name)))
  const roles = new Map<Body, Role>()
  for (const body of bodies) {
    try {
      roles.set(body, roleOf(assembly, body, explicit, called))
    } catch (error) {
      complain(assembly, body.place, error)
    }
  }
  return roles
}

function roleOf(assembly: Assembly, body: Body, explicit: boolean, called: ReadonlySet<string>): Role {
  const { origin } = body
  const syscall: Role = { kind: 'program', type: 'syscall', flags: 0 }
  switch (origin.kind) {
    case 'program':
      return programRole({ ...body, origin })
    case 'func':
      return funcRole({ ...body, origin })
    case 'file':
      if (explicit) throw new StatementError(body.place.at, 'an instruction before the first .program or .func')
      return syscall
    case 'symbol': {
      const role = sectionRole(origin.section)
      if (role !== undefined) return role
      // In `.text`: what nothing calls can only be meant to run.
      const programs = explicit || assembly.bodies.some((other) => isSectionProgram(other))
      if (!programs && !called.has(body.name)) return syscall
      // The verifier takes global functions by their prototypes, which assembly of a compiler does not tell.
      return { kind: 'function', linkage: 'static' }
    }
    default:
      return origin satisfies never
  }
}

function isSectionProgram(body: Body): boolean {
  return body.origin.kind === 'symbol' && sectionRole(body.origin.section) !== undefined
}
