/**
 * The BTF of a file: its structs first, so that their ids are small and in the order of declaration, then what
 * functions and global data need.
 */
import { BtfBuilder } from '../btf/build.ts'
import type { Btf, BtfMember } from '../btf/types.ts'
import { type Assembly, complain } from './assembly.ts'
import type { Body, Place } from './body.ts'
import type { Role } from './programs.ts'
import type { DataSection } from './sections.ts'
import { quote, StatementError } from './statement-error.ts'
import type { NamedType } from './syntax.ts'
import { type Contains, type Layouts, readType, SPECIALS, type TypeModel } from './types.ts'

/** Tags of parameters that a global function may have, and words that are a whole type. */
const PARAMETER_TAGS = ['nonnull', 'nullable', 'trusted', 'untrusted', 'arena', 'ctx']
const PARAMETER_TYPES = ['ctx', 'arena', 'dynptr']

/** Gives type ids, and collects the types that they stand for. */
export class TypeTable {
  readonly #builder = new BtfBuilder()
  readonly #structs = new Map<string, number>()
  readonly #assembly: Assembly
  readonly #layouts: Layouts

  /** Declares every struct of the file. Those that have no layout are complained about elsewhere. */
  constructor(assembly: Assembly, layouts: Layouts) {
    this.#assembly = assembly
    this.#layouts = layouts
    for (const name of assembly.structs.keys()) this.#structs.set(name, this.#builder.reserve())
    for (const struct of assembly.structs.values()) {
      const id = this.#structs.get(struct.name)!
      try {
        this.#fillStruct(id, struct.name, struct.place.at)
      } catch (error) {
        complain(assembly, struct.place, error)
        return
      }
    }
  }

  /** `item.id`; undefined for a name that is no struct of the file. */
  structId(name: string): number | undefined {
    return this.#structs.get(name)
  }

  /** Members first: they may add types of their own. */
  #fillStruct(id: number, name: string, at: number): void {
    const layout = this.#layouts.struct(name, at)
    const members = layout.members.map((member): BtfMember => {
      return { name: member.name, type: this.id(member.type), offset: member.offset * 8, bits: 0 }
    })
    this.#builder.fill(id, { kind: 'struct', name, size: layout.size, members })
    layout.members.forEach(({ type }, component) => {
      if (type.kind === 'special' && type.contains !== undefined) this.#tagContains(type.contains, id, component)
    })
  }

  /** What a list head or tree root holds is told by a tag on the member or variable. */
  #tagContains(contains: Contains, type: number, component: number): void {
    const { struct, field, at } = contains
    const layout = this.#layouts.struct(struct, at)
    if (!layout.members.some((member) => member.name === field)) {
      throw new StatementError(at, `struct ${struct} has no field ${quote(field)}`, {
        unknown: `${struct}.${field}`,
        candidates: layout.members.map((member) => `${struct}.${member.name}`),
      })
    }
    this.#builder.add({ kind: 'decl_tag', name: `contains:${struct}:${field}`, type, component })
  }

  /** Id of a type. */
  id(type: TypeModel): number {
    switch (type.kind) {
      case 'int':
        return this.#int(type.name, type.size, type.signed)
      case 'struct':
        return this.#structs.get(type.name) ?? this.#foreign(type.name)
      case 'special': {
        const { struct, words, word } = SPECIALS[type.name]!
        return this.#kernelStruct(struct, words, word)
      }
      case 'array': {
        const indexType = this.#int('u32', 4, false)
        return this.#builder.add({ kind: 'array', type: this.id(type.element), indexType, count: type.count })
      }
      case 'pointer': {
        let target = type.target === undefined ? 0 : this.id(type.target)
        if (type.tag !== undefined) target = this.#builder.add({ kind: 'type_tag', name: type.tag, type: target })
        return this.#builder.add({ kind: 'ptr', type: target })
      }
      default:
        return type satisfies never
    }
  }

  #int(name: string, size: number, signed: boolean): number {
    const encoding = signed ? 'signed' : 'none'
    return this.#builder.add({ kind: 'int', name, size, bits: size * 8, encoding })
  }

  /** A struct of the kernel that the file does not declare: pointers to it need its name only. */
  #foreign(name: string): number {
    return this.#builder.add({ kind: 'struct', name, size: 0, members: [] })
  }

  /** `struct bpf_list_head` and its like: opaque words. */
  #kernelStruct(name: string, words: number, word: 4 | 8): number {
    const scalar = this.#int(`u${word * 8}`, word, false)
    const indexType = this.#int('u32', 4, false)
    const type = words === 1 ? scalar : this.#builder.add({ kind: 'array', type: scalar, indexType, count: words })
    const members = [{ name: name === 'bpf_spin_lock' ? 'val' : '__opaque', type, offset: 0, bits: 0 }]
    return this.#builder.add({ kind: 'struct', name, size: words * word, members })
  }

  /** FUNC of a program or function; its parameters may be complained about. */
  func(body: Body, role: Role): number {
    const global = role.kind === 'program' || role.linkage === 'global'
    const declared = body.origin.kind === 'func' ? (body.origin.syntax.params ?? []) : []
    const params = declared.map((param) => {
      const { model, tags } = readParameter(param)
      return { name: param.name, type: this.id(model), tags }
    })
    const proto = this.#builder.add({
      kind: 'func_proto',
      type: this.#int('int', 4, true),
      params: params.map(({ name, type }) => ({ name, type })),
    })
    const linkage = global ? 'global' : 'static'
    const id = this.#builder.add({ kind: 'func', name: body.name, type: proto, linkage })
    // The kernel knows parameter tags of global functions only, and complains about others.
    if (global) {
      params.forEach(({ tags }, component) => {
        for (const tag of tags) this.#builder.add({ kind: 'decl_tag', name: `arg:${tag}`, type: id, component })
      })
    }
    return id
  }

  /** DATASEC of global data, and the type of each symbol in it. */
  section(section: DataSection, sizes: ReadonlyMap<string, number>): number {
    const vars = section.symbols.map(({ name, offset, type, place }) => {
      const size = sizes.get(name) ?? 0
      const typeId = this.symbolType(type, size)
      const id = this.#builder.add({ kind: 'var', name, type: typeId, linkage: 'global' })
      if (type?.kind === 'special' && type.contains !== undefined && place !== undefined) {
        this.#tagGlobal(type.contains, id, place)
      }
      return { type: id, offset, size }
    })
    const sorted = vars.filter(({ size }) => size > 0).sort((a, b) => a.offset - b.offset)
    return this.#builder.add({ kind: 'datasec', name: section.name, size: section.size, vars: sorted })
  }

  #tagGlobal(contains: Contains, id: number, place: Place): void {
    try {
      // -1 stands for the variable as a whole.
      this.#tagContains(contains, id, -1)
    } catch (error) {
      complain(this.#assembly, place, error)
    }
  }

  /** Data without a declared type counts as bytes. */
  symbolType(type: TypeModel | undefined, size: number): number {
    if (type !== undefined) return this.id(type)
    return this.id({
      kind: 'array',
      element: { kind: 'int', name: 'u8', size: 1, signed: false },
      count: size,
    })
  }

  /** The finished BTF. Ask for no id afterwards. */
  build(): Btf | undefined {
    // A struct that failed leaves a hole, but then the file is refused anyway.
    return this.#assembly.complaints.length > 0 ? undefined : this.#builder.build()
  }
}

/** `a: u32`, `p: ptr item nonnull`, `q: arena`, `ctx`: the type, and its tags without `arg:`. */
function readParameter({ type }: NamedType): { readonly model: TypeModel; readonly tags: readonly string[] } {
  const bytes: TypeModel = { kind: 'pointer', target: undefined, tag: undefined }
  if (type.name !== 'ptr') {
    const extra = type.words[0] ?? (type.counts.length > 0 ? type : undefined)
    if (extra !== undefined) throw new StatementError(extra.at, 'a parameter is a number or a pointer')
    if (type.name === 'ctx' || type.name === 'arena') return { model: bytes, tags: [type.name] }
    if (type.name === 'dynptr') {
      return { model: { ...bytes, target: { kind: 'struct', name: 'bpf_dynptr', at: type.at } }, tags: [] }
    }
    const model = readType(type, () => 0)
    if (model.kind === 'int') return { model, tags: [] }
    throw new StatementError(type.at, `${quote(type.name)} is no type of a parameter`, {
      unknown: type.name,
      candidates: [...PARAMETER_TYPES, 'ptr', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'],
    })
  }
  const [target, ...tags] = type.words
  for (const tag of tags) {
    if (!PARAMETER_TAGS.includes(tag.text)) {
      throw new StatementError(tag.at, `unknown parameter tag ${quote(tag.text)}`, {
        unknown: tag.text,
        candidates: PARAMETER_TAGS,
      })
    }
  }
  const model = readType({ ...type, words: target === undefined ? [] : [target] }, () => 0)
  return { model, tags: tags.map((tag) => tag.text) }
}
