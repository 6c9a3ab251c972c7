/**
 * What stands between a linked program and a running one.
 *
 *     ObjectSpec --link--> LinkedProgram --the machine binds maps--> LoadableProgram
 *       --verifier--> VerifiedProgram --engine--> something that runs
 */
import type { Btf } from '../btf/types.ts'
import type { VerifierStats } from '../errors/errors.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import type { LineInfo, ParameterSpec, Reference } from './object.ts'
import type { KfuncPrototype } from './prototypes.ts'
import type { MapType, ProgramType } from './types.ts'

export interface Subprogram {
  readonly name: string
  readonly start: Slot
  readonly linkage: 'static' | 'global'
  readonly params: readonly ParameterSpec[] | undefined
  readonly typeId: number
}

/** A program with the functions it reaches, calls between them resolved; maps are still names. */
export interface LinkedProgram {
  readonly name: string
  readonly type: ProgramType
  readonly flags: number
  readonly license: string
  readonly insns: readonly Instruction[]
  /** References that remain: maps, map values, kfuncs. */
  readonly references: readonly Reference[]
  /** By ascending start; the first is the program itself. Empty for raw instructions. */
  readonly subprograms: readonly Subprogram[]
  readonly lines: readonly LineInfo[]
  readonly btf: Btf | undefined
}

/** What the verifier must know of a map. One object a map: identity is sameness. */
export interface MapInfo {
  /** Distinguishes maps of one machine. */
  readonly id: number
  readonly name: string
  readonly type: MapType
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly extra: bigint
  readonly btf: Btf | undefined
  readonly keyTypeId: number
  readonly valueTypeId: number
  /** Kernel address of the map object, as the log shows it. */
  readonly address: bigint
  /** Kernel address of the value area of an array with one entry; of an arena the user address; 0n else. */
  readonly valueAddress: bigint
  /** Arena: where user space sees it; undefined until it is known. */
  readonly userStart: bigint | undefined
  /** Contents of a frozen read-only map, whose loads the verifier folds. */
  readonly frozen: Uint8Array | undefined
}

/** An object allocator (`.alloc`) of the machine. One object an allocator: identity is sameness. */
export interface AllocInfo {
  readonly name: string
  /** Bytes of each object; undefined for any size. */
  readonly size: number | undefined
  readonly percpu: boolean
  /** What the program has as its pointer, as the log shows it: good only as a kfunc's argument. */
  readonly address: bigint
}

/** What an instruction's pseudo immediate or call stands for on this machine. */
export type Binding =
  | { readonly kind: 'map'; readonly map: MapInfo }
  | { readonly kind: 'map-value'; readonly map: MapInfo; readonly offset: number }
  /** An LD_IMM64 that stands for an allocator's pointer; its immediate does not count. */
  | { readonly kind: 'alloc'; readonly alloc: AllocInfo }
  | { readonly kind: 'kfunc'; readonly prototype: KfuncPrototype }
  /** A kfunc of Linux that harena does not implement. */
  | { readonly kind: 'unknown-kfunc'; readonly name: string }
  /** A file descriptor that is no map. */
  | { readonly kind: 'bad-fd'; readonly fd: number }

export interface LoadableProgram {
  readonly name: string
  readonly type: ProgramType
  readonly flags: number
  readonly license: string
  readonly insns: readonly Instruction[]
  /** By slot of the LD_IMM64 or CALL. */
  readonly bindings: ReadonlyMap<Slot, Binding>
  /** Empty when the object names none: then the verifier finds them from the calls. */
  readonly subprograms: readonly Subprogram[]
  readonly lines: readonly LineInfo[]
  readonly btf: Btf | undefined
}

/** Which memory an access goes to; what the engines need and the verifier has found. */
export const Access = {
  /** No access, or never reached. */
  NONE: 0,
  /** Kernel memory: stack, map value, packet, context of a syscall program. */
  KERNEL: 1,
  /** Arena, by the low 32 bits; absent pages follow the exact rules. */
  ARENA: 2,
  /** Not known: unverified programs; the address decides. */
  CHECKED: 3,
  /** A context of fields, whose place in kernel memory its table has (contexts.ts). */
  CONTEXT: 4,
} as const
export type Access = (typeof Access)[keyof typeof Access]

/** Facts about single slots, or-ed. */
export const SlotFlag = {
  /** The walk reached it. */
  SEEN: 1,
  /** 64-bit arithmetic on an arena pointer, to be computed in 32 bits. */
  NARROW: 2,
  /** Its 32-bit result is read as 64 bits. */
  ZERO_EXTEND: 4,
} as const

export interface VerifiedSubprogram {
  readonly name: string
  readonly start: Slot
  /** First slot behind it. */
  readonly end: Slot
  /** Bytes of stack used, before rounding; may_goto adds 16. */
  readonly stackDepth: number
}

declare const verifiedBrand: unique symbol

/** A program that may run without checks. Only the verifier makes one (see `sealVerified`). */
export interface VerifiedProgram {
  readonly [verifiedBrand]: true
  readonly program: LoadableProgram
  /** Access, by slot. */
  readonly access: Uint8Array
  /** SlotFlag, by slot. */
  readonly flags: Uint8Array
  readonly subprograms: readonly VerifiedSubprogram[]
  /** The arena the program uses. */
  readonly arena: MapInfo | undefined
  /** Highest context offset + size accessed: the least context a run must bring. */
  readonly maxContext: number
  readonly log: string
  readonly stats: VerifierStats
}

/** Marks a program as verified. For `verifier/` alone; the layer test holds everyone else to that. */
export function sealVerified(fields: Omit<VerifiedProgram, typeof verifiedBrand>): VerifiedProgram {
  return fields as VerifiedProgram
}

/** A program that nothing has checked: engines check each access. */
export interface UncheckedProgram {
  readonly program: LoadableProgram
}
