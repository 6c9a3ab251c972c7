/**
 * ObjectSpec: what assembler and ELF loader give and everything else takes. Plain data that can be read, changed and
 * loaded again. Names refer to maps, globals and functions; numbers are filled in at load (link.ts, then the machine).
 */
import type { Btf } from '../btf/types.ts'
import type { SourcePosition } from '../errors/errors.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import type { MapType, ProgramType } from './types.ts'

export interface ObjectSpec {
  /** Name for messages, usually the file's. */
  readonly file: string
  readonly license: string
  /** In order of declaration; global data sections (`.bss`, `.data`) last. */
  readonly maps: readonly MapSpec[]
  readonly globals: readonly GlobalSpec[]
  /** Object allocators (`.alloc`), in order of declaration; absent when there are none. */
  readonly allocs?: readonly AllocSpec[]
  readonly programs: readonly ProgramSpec[]
  /** Functions that programs call or take as callbacks. */
  readonly functions: readonly FunctionSpec[]
  /** Present when the source declares a struct. */
  readonly btf: Btf | undefined
}

export interface MapSpec {
  readonly name: string
  readonly type: MapType
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** MAP_FLAGS, or-ed. */
  readonly flags: number
  /** map_extra; for an arena the user address asked for, 0 for none. */
  readonly extra: bigint
  /** Types of key and value in the object's BTF, 0 for none. */
  readonly keyTypeId: number
  readonly valueTypeId: number
  /** Initial bytes of the first element: global data. */
  readonly contents?: Uint8Array
  /** `elements=` of a map: the element allocator's name. */
  readonly elements?: string
  /** `alloc=` of a map: the allocator that its elements come from. */
  readonly alloc?: string
  readonly position?: SourcePosition
}

/** An object allocator of its own: harena's, Linux has none that programs can declare. */
export interface AllocSpec {
  readonly name: string
  /** Bytes of each object, 1 to 4088 (per CPU: to 4096); undefined for any size, from the classes of the machine. */
  readonly size: number | undefined
  /** Objects have a copy for each CPU. */
  readonly percpu: boolean
  readonly position?: SourcePosition
}

/** A named part of a global data map. */
export interface GlobalSpec {
  readonly name: string
  /** The map whose only element holds it. */
  readonly map: string
  readonly offset: number
  readonly size: number
  /** Its type in the object's BTF, 0 for none. */
  readonly typeId: number
  /** Declared as an array or a struct: its bytes are no number, even where they are as many as of one. */
  readonly aggregate?: boolean
}

/** What stands in an instruction for something outside it. */
export type Reference =
  | { readonly slot: Slot; readonly kind: 'map'; readonly name: string }
  | { readonly slot: Slot; readonly kind: 'map-value'; readonly name: string; readonly offset: number }
  /** An LD_IMM64 that stands for an allocator's pointer. */
  | { readonly slot: Slot; readonly kind: 'alloc'; readonly name: string }
  | { readonly slot: Slot; readonly kind: 'call'; readonly name: string }
  | { readonly slot: Slot; readonly kind: 'callback'; readonly name: string }
  | { readonly slot: Slot; readonly kind: 'kfunc'; readonly name: string }

/** The source line that an instruction came from. */
export interface LineInfo extends SourcePosition {
  readonly slot: Slot
  readonly text: string
}

export interface FunctionSpec {
  readonly name: string
  readonly linkage: 'static' | 'global'
  /** Parameters as declared; undefined without a list, as in `int f(void)`. */
  readonly params: readonly ParameterSpec[] | undefined
  /** One element a slot; jumps inside the function are resolved, calls to functions are references. */
  readonly insns: readonly Instruction[]
  readonly references: readonly Reference[]
  readonly lines: readonly LineInfo[]
  /** Its FUNC in the object's BTF, 0 for none. */
  readonly typeId: number
}

export interface ParameterSpec {
  readonly name: string
  /** As written: `ctx`, `u32`, `ptr item`, `arena`. */
  readonly type: string
  readonly tags: readonly string[]
}

export interface ProgramSpec extends FunctionSpec {
  readonly type: ProgramType
  /** PROGRAM_FLAGS, or-ed. Syscall programs are sleepable without saying so. */
  readonly flags: number
}
