/** From the bodies that were read to programs and functions: their kinds, and every name in them. */
import { build, decode, encode, type Instruction } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import { helperNamed } from '../program/helpers.ts'
import { isKfuncName, kfuncAlias } from '../program/kfuncs.ts'
import type { GlobalSpec, MapSpec, ParameterSpec } from '../program/object.ts'
import {
  PROGRAM_FLAGS,
  PROGRAM_TYPE_ALIASES,
  PROGRAM_TYPES,
  type ProgramFlag,
  type ProgramType,
} from '../program/types.ts'
import { type Assembly, complain } from './assembly.ts'
import { type Body, type Fixup, findLabel, patch, patchJump, patchWide } from './body.ts'
import { type Expression, evaluateSum, type Lookup, type Sum } from './expression.ts'
import { checkImmediate, checkOffset, wideNumber } from './lower.ts'
import { word } from './maps.ts'
import { quote, StatementError } from './statement-error.ts'

const CALL_HELPER = rowNamed('call_helper')
const CALL_LOCAL = rowNamed('call_local')
const CALL_KFUNC = rowNamed('call_kfunc')
const LD_MAP_FD = rowNamed('ld_map_fd')
const LD_MAP_VALUE = rowNamed('ld_map_value')
const LD_FUNC = rowNamed('ld_func')

/** What a body turns out to be. */
export type Role =
  | { readonly kind: 'program'; readonly type: ProgramType; readonly flags: number }
  | { readonly kind: 'function'; readonly linkage: 'static' | 'global' }

/** Everything that names can mean at the end. */
export interface Names {
  /** `.set`, `item.size` and their like. */
  readonly numbers: Lookup
  /** Undefined for one whose declaration was complained about. */
  readonly maps: ReadonlyMap<string, MapSpec | undefined>
  readonly allocs: ReadonlySet<string>
  /** Also a compiler's own labels in data. */
  readonly globals: ReadonlyMap<string, GlobalSpec>
  readonly functions: ReadonlyMap<string, Body>
  /** Known only to say that they cannot be called. */
  readonly programs: ReadonlySet<string>
}

/** Resolves what a body's instructions wait for. Complaints go to `assembly`. */
export function resolveBody(assembly: Assembly, body: Body, names: Names): void {
  for (const fixup of body.fixups) {
    try {
      resolve(body, fixup, names)
    } catch (error) {
      complain(assembly, fixup.place, error)
    }
  }
  body.references.sort((a, b) => a.slot - b.slot)
  // Raw slots may be the halves of one instruction.
  if (body.raw) body.insns = decode(encode(body.insns))
}

/** Fills in one name. @throws StatementError when nothing bears it, or the wrong thing */
function resolve(body: Body, fixup: Fixup, names: Names): void {
  switch (fixup.kind) {
    case 'jump':
      resolveJump(body, fixup, names)
      return
    case 'call':
      resolveCall(body, fixup.slot, fixup.name, fixup.at, names)
      return
    case 'imm': {
      const value = numberOf(evaluateSum(fixup.value, names.numbers), names)
      patch(body, fixup.slot, { imm: checkImmediate(value, fixup.at) })
      return
    }
    case 'off': {
      const value = numberOf(evaluateSum(fixup.value, names.numbers), names)
      patch(body, fixup.slot, { off: checkOffset(value, fixup.at) })
      return
    }
    case 'wide':
      resolveWide(body, fixup.slot, fixup.value, names)
      return
    default:
      fixup satisfies never
  }
}

/** A label, or a `.set` number as a displacement. */
function resolveJump(body: Body, fixup: Fixup & { kind: 'jump' }, names: Names): void {
  const target = findLabel(body, fixup.name, fixup.slot)
  if (target !== undefined) {
    patchJump(body, fixup, target)
    return
  }
  const number = names.numbers(fixup.name, fixup.at)
  if (number !== undefined) {
    patchJump(body, fixup, fixup.slot + 1 + Number(BigInt.asIntN(32, number)))
    return
  }
  throw new StatementError(fixup.at, `unknown label ${quote(fixup.name)}`, {
    unknown: fixup.name,
    candidates: body.labels.keys(),
    ...(names.functions.has(fixup.name) ? { hint: `${quote(fixup.name)} is a function: 'call' reaches it` } : {}),
  })
}

/** The value of an expression that must be a number by now. */
function numberOf({ symbol, addend }: Sum, names: Names): bigint {
  if (symbol === undefined) return addend
  const { name, at } = symbol
  const { maps, globals, functions, allocs } = names
  if (maps.has(name) || globals.has(name) || functions.has(name) || allocs.has(name)) {
    throw new StatementError(at, `${quote(name)} is an address of 64 bits, no number`, {
      hint: `'r1 = ${name} ll' loads it`,
    })
  }
  throw new StatementError(at, `unknown name ${quote(name)}`, { unknown: name })
}

/** `r1 = NAME ll`: a number, or the address of what bears the name. */
function resolveWide(body: Body, slot: number, value: Expression, names: Names): void {
  const { symbol, addend } = evaluateSum(value, names.numbers)
  const dst = body.insns[slot]!.dst
  if (symbol === undefined) {
    patchWide(body, slot, wideNumber(dst, addend))
    return
  }
  const { name, at } = symbol
  const label = findLabel(body, name, slot)
  const global = names.globals.get(name)
  if (names.maps.has(name)) {
    // The bare name is the map; with something added, if only 0, it can only mean an address.
    if (value.kind === 'name') {
      patchWide(body, slot, build(LD_MAP_FD, { dst }))
      body.references.push({ slot, kind: 'map', name })
      return
    }
    requireAddress(names.maps.get(name), at)
    const offset = checkImmediate(addend, at)
    patchWide(body, slot, build(LD_MAP_VALUE, { dst, imm2: offset }))
    body.references.push({ slot, kind: 'map-value', name, offset })
    return
  }
  if (names.allocs.has(name) && addend === 0n) {
    // What stands there is known when the machine has the allocator.
    patchWide(body, slot, wideNumber(dst, 0n))
    body.references.push({ slot, kind: 'alloc', name })
    return
  }
  if (global === undefined && addend !== 0n) {
    throw new StatementError(at, `only addresses of data take an addition, ${quote(name)} is none`)
  }
  if (global !== undefined) {
    const offset = checkImmediate(BigInt(global.offset) + addend, at)
    patchWide(body, slot, build(LD_MAP_VALUE, { dst, imm2: offset }))
    body.references.push({ slot, kind: 'map-value', name: global.map, offset })
  } else if (label !== undefined) {
    patchWide(body, slot, build(LD_FUNC, { dst, imm: label - slot - 1 }))
  } else if (names.functions.has(name)) {
    patchWide(body, slot, build(LD_FUNC, { dst }))
    body.references.push({ slot, kind: 'callback', name })
  } else {
    throw unknownName('name', name, at, names)
  }
}

/** BPF_PSEUDO_MAP_VALUE is for maps that are one piece of memory. */
function requireAddress(map: MapSpec | undefined, at: number): void {
  if (map === undefined || map.type === 'arena' || (map.type === 'array' && map.maxEntries === 1)) return
  throw new StatementError(at, `map ${quote(map.name)} has no address to add to`, {
    hint: `arenas and arrays of one entry have; 'r1 = ${map.name} ll' is the map`,
  })
}

function unknownName(what: string, name: string, at: number, names: Names): StatementError {
  const hint = names.programs.has(name) ? { hint: `${quote(name)} is a program; only a '.func' can be called` } : {}
  return new StatementError(at, `unknown ${what} ${quote(name)}`, { unknown: name, ...hint })
}

/** A label of the same body comes first, then functions of the file, helpers, kfuncs. */
function resolveCall(body: Body, slot: number, name: string, at: number, names: Names): void {
  const put = (insn: Instruction): void => {
    body.insns[slot] = insn
  }
  const label = findLabel(body, name, slot)
  const helper = helperNamed(name)
  if (label !== undefined) {
    put(build(CALL_LOCAL, { imm: label - slot - 1 }))
  } else if (names.functions.has(name)) {
    put(build(CALL_LOCAL))
    body.references.push({ slot, kind: 'call', name })
  } else if (helper !== undefined) {
    put(build(CALL_HELPER, { imm: helper.id }))
  } else if (isKfuncName(name)) {
    put(build(CALL_KFUNC))
    body.references.push({ slot, kind: 'kfunc', name: kfuncAlias(name) })
  } else {
    const number = names.numbers(name, at)
    if (number === undefined) throw unknownName('function', name, at, names)
    put(build(CALL_HELPER, { imm: checkImmediate(number, at) }))
  }
}

/** Type and flags of `.program NAME type=… flag …`. */
export function programRole(body: Body & { origin: { kind: 'program' } }): Role {
  let type: ProgramType | undefined
  let flags = 0
  for (const option of body.origin.options) {
    if (option.name === 'type') {
      if (type !== undefined) throw new StatementError(option.at, "'type' is given twice")
      type = programType(word(option) ?? '', option.value?.at ?? option.at)
    } else if (option.value === undefined && Object.hasOwn(PROGRAM_FLAGS, option.name)) {
      flags |= PROGRAM_FLAGS[option.name as ProgramFlag]
    } else if (option.value !== undefined) {
      throw new StatementError(option.at, `a program has no option ${quote(option.name)}`, {
        unknown: option.name,
        candidates: ['type'],
      })
    } else {
      throw new StatementError(option.at, `unknown program flag ${quote(option.name)}`, {
        unknown: option.name,
        candidates: Object.keys(PROGRAM_FLAGS),
      })
    }
  }
  if (type === undefined) {
    throw new StatementError(body.place.at, `program ${body.name} has no type`, {
      hint: "write 'type=syscall' or another",
    })
  }
  return { kind: 'program', type, flags }
}

/** The type by its own name or by another that is in use. */
function programType(name: string, at: number): ProgramType {
  const type = typeNamed(name)
  if (type !== undefined) return type
  throw new StatementError(at, `unknown program type ${quote(name)}`, {
    unknown: name,
    candidates: [...Object.keys(PROGRAM_TYPES), ...Object.keys(PROGRAM_TYPE_ALIASES)],
  })
}

function typeNamed(name: string): ProgramType | undefined {
  if (Object.hasOwn(PROGRAM_TYPES, name)) return name as ProgramType
  return Object.hasOwn(PROGRAM_TYPE_ALIASES, name) ? PROGRAM_TYPE_ALIASES[name] : undefined
}

/** Beginnings of section names, as libbpf reads them, beside the types' own names. */
const SECTION_TYPES: Readonly<Record<string, ProgramType>> = {
  classifier: 'tc',
  tcx: 'tc',
  action: 'sched_act',
  tp: 'tracepoint',
  kretprobe: 'kprobe',
}

/** The role of a function symbol in a section of compiler output; undefined for `.text`. */
export function sectionRole(section: string): Role | undefined {
  // A question mark, as libbpf has it, only asks not to load the program unbidden.
  const [head, ...more] = (section.replace(/^\?/, '').split('/')[0] ?? '').split('.')
  const type =
    typeNamed(head ?? '') ?? (Object.hasOwn(SECTION_TYPES, head ?? '') ? SECTION_TYPES[head ?? ''] : undefined)
  if (type === undefined) return undefined
  const sleepable = more.includes('s') ? PROGRAM_FLAGS.sleepable : 0
  return { kind: 'program', type, flags: sleepable | (more.includes('frags') ? PROGRAM_FLAGS.xdp_has_frags : 0) }
}

/** Linkage of `.func NAME(…) global`. */
export function funcRole(body: Body & { origin: { kind: 'func' } }): Role {
  let linkage: 'static' | 'global' = 'static'
  for (const { text, at } of body.origin.syntax.words) {
    if (text !== 'global' && text !== 'static') {
      throw new StatementError(at, `expected 'global', found ${quote(text)}`)
    }
    linkage = text
  }
  return { kind: 'function', linkage }
}

/** Parameters as written. */
export function parametersOf(body: Body): readonly ParameterSpec[] | undefined {
  if (body.origin.kind !== 'func') return undefined
  return body.origin.syntax.params?.map(({ name, type }) => {
    const words = type.words.map(({ text }) => text)
    const target = type.name === 'ptr' ? words.slice(0, 1) : []
    return { name, type: [type.name, ...target].join(' '), tags: words.slice(target.length) }
  })
}
