/** What the parser makes of a statement, before names are known. `at` is an offset in the source text. */
import type { Expression } from './expression.ts'

export interface RegisterOperand {
  readonly kind: 'register'
  readonly number: number
  /** 64 as `r`, 32 as `w`. */
  readonly width: 32 | 64
  readonly at: number
}

export type Operand = RegisterOperand | Expression

/** `*(u64 *)(r1 + 8)` */
export interface MemoryOperand {
  /** `u8` to `s64` */
  readonly type: string
  readonly base: RegisterOperand
  readonly offset: Expression | undefined
  readonly at: number
}

export type InstructionSyntax =
  | { readonly kind: 'move'; readonly dst: RegisterOperand; readonly value: Operand }
  | { readonly kind: 'wide'; readonly dst: RegisterOperand; readonly value: Expression }
  | { readonly kind: 'alu'; readonly dst: RegisterOperand; readonly sign: string; readonly value: Operand }
  | { readonly kind: 'negate'; readonly dst: RegisterOperand; readonly src: RegisterOperand }
  | { readonly kind: 'swap'; readonly name: string; readonly dst: RegisterOperand; readonly src: RegisterOperand }
  | { readonly kind: 'extend'; readonly type: string; readonly dst: RegisterOperand; readonly src: RegisterOperand }
  | {
      readonly kind: 'cast'
      readonly dst: RegisterOperand
      readonly src: RegisterOperand
      readonly to: Expression
      readonly from: Expression
    }
  | { readonly kind: 'load'; readonly dst: RegisterOperand; readonly memory: MemoryOperand }
  | { readonly kind: 'acquire'; readonly dst: RegisterOperand; readonly memory: MemoryOperand }
  | {
      readonly kind: 'packet'
      readonly dst: RegisterOperand
      readonly type: string
      readonly index: Operand
      /** Behind a register, as in `skb[r1 + 4]`; llvm-mc does not know it. */
      readonly offset: Expression | undefined
      readonly at: number
    }
  | { readonly kind: 'store'; readonly memory: MemoryOperand; readonly value: Operand }
  | { readonly kind: 'release'; readonly memory: MemoryOperand; readonly src: RegisterOperand }
  | {
      readonly kind: 'atomic'
      readonly memory: MemoryOperand
      readonly sign: string
      readonly src: RegisterOperand
      readonly at: number
    }
  | {
      /** `atomic_fetch_add`, `xchg_64`, `cmpxchg_64` and their like */
      readonly kind: 'fetch'
      readonly name: string
      readonly dst: RegisterOperand
      readonly memory: MemoryOperand
      /** cmpxchg: the register compared with */
      readonly old: RegisterOperand | undefined
      readonly src: RegisterOperand
      readonly at: number
    }
  | { readonly kind: 'jump'; readonly name: string; readonly target: Expression }
  | {
      readonly kind: 'branch'
      readonly left: RegisterOperand
      readonly sign: string
      readonly right: Operand
      readonly target: Expression
    }
  | { readonly kind: 'call'; readonly target: Expression }
  | { readonly kind: 'call-kfunc'; readonly id: Expression; readonly off: Expression | undefined }
  | { readonly kind: 'callx'; readonly target: RegisterOperand }
  | { readonly kind: 'exit' }
  | {
      readonly kind: 'ld-pseudo'
      readonly dst: RegisterOperand
      readonly source: Expression
      readonly value: Expression
    }

/** `u64`, `ptr item arena`, `u8[16]`, `list_head item.node` */
export interface TypeSyntax {
  /** `ptr`, or the type's name */
  readonly name: string
  readonly at: number
  /** What stands behind the name: a pointer's target and tags, the field of a list head. */
  readonly words: readonly { readonly text: string; readonly at: number }[]
  /** Array sizes, outermost first. */
  readonly counts: readonly Expression[]
}

/** `key=8` of a directive; a word alone has no value. */
export interface OptionSyntax {
  readonly name: string
  readonly at: number
  readonly value: Expression | undefined
  /** `value=u8[16]` */
  readonly count: Expression | undefined
}

/** What stands behind `=`: one value, a list in braces, a string. */
export type Initializer =
  | { readonly kind: 'value'; readonly value: Expression }
  | { readonly kind: 'list'; readonly values: readonly Expression[]; readonly at: number }
  | { readonly kind: 'text'; readonly bytes: Uint8Array; readonly at: number }

export interface NamedType {
  readonly name: string
  readonly at: number
  readonly type: TypeSyntax
}

export interface GlobalSyntax {
  readonly name: string
  readonly at: number
  readonly type: TypeSyntax | undefined
  readonly value: Initializer | undefined
}

export interface FunctionSyntax {
  readonly name: string
  readonly at: number
  readonly params: readonly NamedType[] | undefined
  readonly words: readonly { readonly text: string; readonly at: number }[]
}
