/**
 * Types as assembly writes them, and their layout, which is C's: a member stands at the next multiple of its
 * alignment, a struct's size is a multiple of its largest alignment.
 */
import type { Place } from './body.ts'
import { quote, StatementError } from './statement-error.ts'
import type { NamedType, TypeSyntax } from './syntax.ts'

export type TypeModel =
  | { readonly kind: 'int'; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly kind: 'struct'; readonly name: string; readonly at: number }
  /** Structs that the kernel knows by name: locks, timers, heads and nodes of object containers. */
  | { readonly kind: 'special'; readonly name: string; readonly contains: Contains | undefined }
  | { readonly kind: 'pointer'; readonly target: TypeModel | undefined; readonly tag: string | undefined }
  | { readonly kind: 'array'; readonly element: TypeModel; readonly count: number }

/** What a list head or tree root holds: a struct, and the node in it. */
export interface Contains {
  readonly struct: string
  readonly field: string
  readonly at: number
}

export interface StructDraft {
  readonly name: string
  readonly place: Place
  readonly fields: { readonly name: string; readonly type: TypeModel; readonly place: Place }[]
}

export interface Layout {
  readonly size: number
  readonly alignment: number
  readonly members: readonly { readonly name: string; readonly type: TypeModel; readonly offset: number }[]
}

interface Special {
  /** The kernel's struct. */
  readonly struct: string
  /** Words of `word` bytes that it is made of. */
  readonly words: number
  readonly word: 4 | 8
  readonly contains: boolean
}

/** Sizes of Linux 6.18's uapi. */
export const SPECIALS: Readonly<Record<string, Special>> = {
  spin_lock: { struct: 'bpf_spin_lock', words: 1, word: 4, contains: false },
  timer: { struct: 'bpf_timer', words: 2, word: 8, contains: false },
  refcount: { struct: 'bpf_refcount', words: 1, word: 4, contains: false },
  list_head: { struct: 'bpf_list_head', words: 2, word: 8, contains: true },
  list_node: { struct: 'bpf_list_node', words: 3, word: 8, contains: false },
  rb_root: { struct: 'bpf_rb_root', words: 2, word: 8, contains: true },
  rb_node: { struct: 'bpf_rb_node', words: 4, word: 8, contains: false },
}

const INTEGERS = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64']
const POINTER_TAGS = ['arena', 'kptr', 'percpu_kptr', 'uptr']
/** No object is larger; keeps sums exact. */
const MAX_BYTES = 0xffffffff

/** Words that may stand where a type is wanted, beside the names of structs. */
export const TYPE_WORDS: readonly string[] = [...INTEGERS, 'ptr', ...Object.keys(SPECIALS)]

/** `count` evaluates an array's size. */
export function readType(syntax: TypeSyntax, count: (expression: TypeSyntax['counts'][number]) => number): TypeModel {
  let type = syntax.name === 'ptr' ? pointer(syntax) : named(syntax)
  for (const expression of syntax.counts.toReversed()) type = { kind: 'array', element: type, count: count(expression) }
  return type
}

/** A type that stands by itself: a number, a struct, a special one. */
function named(syntax: TypeSyntax): TypeModel {
  const { name, at, words } = syntax
  const special = SPECIALS[name]
  const extra = words[special?.contains === true ? 1 : 0]
  if (extra !== undefined)
    throw new StatementError(extra.at, `expected the end of the type, found ${quote(extra.text)}`)
  if (special === undefined) return scalarOrStruct(name, at)
  return { kind: 'special', name, contains: special.contains ? contains(syntax) : undefined }
}

/** `list_head STRUCT.FIELD` */
function contains(syntax: TypeSyntax): Contains {
  const word = syntax.words[0]
  const [struct, field, more] = word?.text.split('.') ?? []
  if (word === undefined || struct === '' || struct === undefined || field === undefined || more !== undefined) {
    throw new StatementError(word?.at ?? syntax.at, `${syntax.name} needs what it holds`, {
      hint: `write '${syntax.name} STRUCT.FIELD'`,
    })
  }
  return { struct, field, at: word.at }
}

/** A number type, or a struct whose declaration is looked for later. */
function scalarOrStruct(name: string, at: number): TypeModel {
  if (!INTEGERS.includes(name)) return { kind: 'struct', name, at }
  return { kind: 'int', name, size: Number(name.slice(1)) / 8, signed: name.startsWith('s') }
}

/** `ptr TARGET TAG`; nothing, or `void`, for a pointer to anything. */
function pointer(syntax: TypeSyntax): TypeModel {
  const [target, tag, extra] = syntax.words
  if (target === undefined) return { kind: 'pointer', target: undefined, tag: undefined }
  if (tag !== undefined && !POINTER_TAGS.includes(tag.text)) {
    throw new StatementError(tag.at, `unknown kind of pointer ${quote(tag.text)}`, {
      unknown: tag.text,
      candidates: POINTER_TAGS,
    })
  }
  if (extra !== undefined)
    throw new StatementError(extra.at, `expected the end of the type, found ${quote(extra.text)}`)
  const special = SPECIALS[target.text]
  const model: TypeModel | undefined =
    target.text === 'void'
      ? undefined
      : special !== undefined
        ? { kind: 'special', name: target.text, contains: undefined }
        : scalarOrStruct(target.text, target.at)
  return { kind: 'pointer', target: model, tag: tag?.text }
}

/** Layouts of the structs of a file, each worked out when it is first asked for. */
export class Layouts {
  readonly #structs: ReadonlyMap<string, StructDraft>
  readonly #known = new Map<string, Layout>()
  readonly #open = new Set<string>()

  constructor(structs: ReadonlyMap<string, StructDraft>) {
    this.#structs = structs
  }

  has(name: string): boolean {
    return this.#structs.has(name)
  }

  /** @throws StatementError for a struct that is not declared, or holds itself */
  struct(name: string, at: number): Layout {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const draft = this.#structs.get(name)
    if (draft === undefined) {
      throw new StatementError(at, `unknown type ${quote(name)}`, {
        unknown: name,
        candidates: [...this.#structs.keys(), ...TYPE_WORDS],
      })
    }
    if (this.#open.has(name)) throw new StatementError(at, `struct ${name} holds itself`, { hint: `'ptr ${name}' may` })
    this.#open.add(name)
    try {
      const layout = this.#layOut(draft)
      this.#known.set(name, layout)
      return layout
    } finally {
      this.#open.delete(name)
    }
  }

  #layOut(draft: StructDraft): Layout {
    let size = 0
    let alignment = 1
    const members = draft.fields.map(({ name, type, place }) => {
      const member = this.#fieldOf(type, place)
      const offset = roundUp(size, member.alignment)
      size = offset + member.size
      if (size > MAX_BYTES)
        throw blamed(new StatementError(place.at, `struct ${draft.name} is larger than 4 GiB`), place)
      alignment = Math.max(alignment, member.alignment)
      return { name, type, offset }
    })
    return { size: roundUp(size, alignment), alignment, members }
  }

  /** As `of`; whoever asks for the struct, it is the innermost field that is wrong. */
  #fieldOf(type: TypeModel, place: Place): { readonly size: number; readonly alignment: number } {
    try {
      return this.of(type, place.at)
    } catch (error) {
      throw error instanceof StatementError ? blamed(error, place) : error
    }
  }

  /** Size and alignment of any type. */
  of(type: TypeModel, at: number): { readonly size: number; readonly alignment: number } {
    switch (type.kind) {
      case 'int':
        return { size: type.size, alignment: type.size }
      case 'pointer': {
        // Pointers into the kernel's own memory name its structs, the others name the file's.
        const { target, tag } = type
        const foreign = tag !== undefined && tag !== 'arena'
        if (target?.kind === 'struct' && !foreign && !this.has(target.name)) this.struct(target.name, target.at)
        return { size: 8, alignment: 8 }
      }
      case 'special': {
        const { words, word } = SPECIALS[type.name]!
        return { size: words * word, alignment: word }
      }
      case 'struct':
        return this.struct(type.name, type.at)
      case 'array': {
        const element = this.of(type.element, at)
        const size = element.size * type.count
        if (size > MAX_BYTES) throw new StatementError(at, 'the array is larger than 4 GiB')
        return { size, alignment: element.alignment }
      }
      default:
        return type satisfies never
    }
  }
}

/** The error, with the statement to blame where it has none yet. */
function blamed(error: StatementError, place: Place): StatementError {
  error.place ??= place
  return error
}

/** The next multiple of `alignment`. */
export function roundUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment
}

/** The fields of a struct, read one statement each. */
export function readField(syntax: NamedType, place: Place, type: TypeModel, draft: StructDraft): void {
  if (draft.fields.some((field) => field.name === syntax.name)) {
    throw new StatementError(syntax.at, `struct ${draft.name} already has a field ${quote(syntax.name)}`)
  }
  draft.fields.push({ name: syntax.name, type, place: { ...place, at: syntax.at } })
}
