/**
 * What a random program is to do, before it is known where its values lie. A step names registers, slots and pointers
 * by a number that is taken modulo what there is to choose from when the step is written out (emit.ts), so every list
 * of steps gives a valid program, and so does every shorter one: that is what makes failures shrink well.
 */

/** An index, taken modulo the number of candidates. */
export type Pick = number

export const ALU_OPS = ['+', '-', '*', '/', '%', 's/', 's%', '&', '|', '^', '<<', '>>', 's>>'] as const
export type AluOp = (typeof ALU_OPS)[number]

export const UNARY_OPS = [
  'neg',
  'be16',
  'be32',
  'be64',
  'le16',
  'le32',
  'le64',
  'bswap16',
  'bswap32',
  'bswap64',
] as const
export type UnaryOp = (typeof UNARY_OPS)[number]

export const JUMP_OPS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'] as const
export type JumpOp = (typeof JUMP_OPS)[number]

export const ATOMIC_OPS = [
  'add',
  'or',
  'and',
  'xor',
  'fetch_add',
  'fetch_or',
  'fetch_and',
  'fetch_xor',
  'xchg',
  'cmpxchg',
] as const
export type AtomicOp = (typeof ATOMIC_OPS)[number]

/** Widths of memory accesses, in bits. */
export const WIDTHS = [8, 16, 32, 64] as const
export type Width = (typeof WIDTHS)[number]

/** Where values come from; `imm` fits 32 bits signed. */
export type Operand = { readonly kind: 'reg'; readonly pick: Pick } | { readonly kind: 'imm'; readonly value: number }

export interface Condition {
  readonly op: JumpOp
  readonly wide: boolean
  readonly left: Pick
  readonly right: Operand
}

/** One access through a pointer to memory of any kind. */
export interface MemoryAccess {
  readonly op: 'load' | 'store' | 'store-imm' | 'atomic' | 'acquire' | 'release'
  readonly atomic: AtomicOp
  readonly width: Width
  /** Loads: sign-extend. */
  readonly signed: boolean
  /** Byte offset, cut to the room there is. */
  readonly offset: number
  /** Add a bounded scalar to the pointer first. */
  readonly index: Pick | undefined
  readonly value: Operand
  readonly dst: Pick
}

export type PointerTarget = 'global' | 'arena' | 'context' | 'buffer'

export type Step =
  | { readonly kind: 'alu'; readonly op: AluOp; readonly wide: boolean; readonly dst: Pick; readonly src: Operand }
  | { readonly kind: 'unary'; readonly op: UnaryOp; readonly wide: boolean; readonly dst: Pick }
  /** `signed`: bits to extend from, 0 for a plain move. */
  | {
      readonly kind: 'move'
      readonly wide: boolean
      readonly signed: 0 | 8 | 16 | 32
      readonly dst: Pick
      readonly src: Operand
    }
  | { readonly kind: 'constant'; readonly dst: Pick; readonly value: bigint }
  /** A value that nobody knows beforehand: of the context, or of an input global. */
  | {
      readonly kind: 'input'
      readonly from: 'context' | 'global'
      readonly dst: Pick
      readonly index: number
      readonly width: Width
      readonly signed: boolean
    }
  | {
      readonly kind: 'branch'
      readonly condition: Condition
      readonly taken: readonly Step[]
      readonly otherwise: readonly Step[]
    }
  /** Leaves the function when the condition holds. */
  | { readonly kind: 'guard'; readonly condition: Condition; readonly value: number }
  | {
      readonly kind: 'loop'
      readonly style: 'up' | 'down' | 'input' | 'may_goto'
      readonly count: number
      readonly body: readonly Step[]
    }
  | {
      readonly kind: 'spill'
      readonly src: Pick
      /** Read that many bits of it back at once, into `dst`; 0 for nothing. */
      readonly refill: 0 | Width
      readonly dst: Pick
      readonly slot: Pick
      readonly width: Width
      readonly offset: number
      readonly value: Operand
    }
  | {
      readonly kind: 'fill'
      readonly dst: Pick
      readonly slot: Pick
      readonly width: Width
      readonly offset: number
      readonly signed: boolean
    }
  /** An access to the stack at an offset that is not constant. */
  | { readonly kind: 'stack-index'; readonly slot: Pick; readonly index: Pick; readonly access: MemoryAccess }
  /** Puts a pointer into a register. */
  | { readonly kind: 'point'; readonly dst: Pick; readonly to: PointerTarget; readonly at: number }
  | { readonly kind: 'access'; readonly through: Pick; readonly access: MemoryAccess }
  /** bpf_map_lookup_elem, and what is done with the value where there is one. */
  | { readonly kind: 'lookup'; readonly key: Operand; readonly accesses: readonly MemoryAccess[] }
  | { readonly kind: 'update'; readonly remove: boolean; readonly key: Operand; readonly flags: number }
  | { readonly kind: 'cast'; readonly dst: Pick; readonly src: Pick; readonly toUser: boolean }
  | { readonly kind: 'arena-page'; readonly free: boolean; readonly page: number; readonly count: number }
  | { readonly kind: 'helper'; readonly name: 'time' | 'random' | 'cpu' }
  | { readonly kind: 'call'; readonly func: Pick; readonly args: readonly Pick[] }
  | PacketStep

/** Steps of programs that see packets; for the main function, which has the context. */
export type PacketStep =
  /** xdp: accesses through a packet pointer that was held against the packet's end. */
  | {
      readonly kind: 'packet-access'
      readonly dst: Pick
      /** Bytes from the packet's start, and a scalar to add, cut to some bits. */
      readonly at: number
      readonly index: Pick | undefined
      readonly bits: number
      /** Bytes asked for, and the form of the comparison. */
      readonly room: number
      readonly form: number
      /** Go backwards from the pointer that was compared. */
      readonly tail: boolean
      readonly accesses: readonly MemoryAccess[]
    }
  /** socket: LD_ABS, or LD_IND with a scalar cut to 8 bits. */
  | {
      readonly kind: 'packet-load'
      readonly width: 8 | 16 | 32
      readonly index: Pick | undefined
      readonly offset: number
    }
  /** A field of the context; a store where the program type has fields that may be written. */
  | {
      readonly kind: 'context-field'
      readonly dst: Pick
      readonly field: Pick
      readonly width: Width
      readonly signed: boolean
      readonly store: Pick | undefined
    }

export type Parameter = 'scalar' | 'arena' | 'buffer'

export interface FunctionRecipe {
  readonly params: readonly Parameter[]
  readonly body: readonly Step[]
}

export interface ProgramRecipe {
  readonly body: readonly Step[]
  readonly functions: readonly FunctionRecipe[]
}
