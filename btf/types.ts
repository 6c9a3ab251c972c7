/**
 * BTF as plain data: the types an object declares, by id, and their layout (Linux Documentation/bpf/btf, C layout).
 * Type ids count from 1; id 0 is void.
 */
export interface Btf {
  /** types[0] is void; types[n] has id n. */
  readonly types: readonly BtfType[]
}

export type BtfType =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'int'
      readonly name: string
      readonly size: number
      readonly bits: number
      readonly encoding: 'none' | 'signed' | 'char' | 'bool'
    }
  | { readonly kind: 'ptr'; readonly type: number }
  | { readonly kind: 'array'; readonly type: number; readonly indexType: number; readonly count: number }
  | {
      readonly kind: 'struct' | 'union'
      readonly name: string
      readonly size: number
      readonly members: readonly BtfMember[]
    }
  | {
      readonly kind: 'enum'
      readonly name: string
      readonly size: number
      readonly signed: boolean
      readonly values: readonly { readonly name: string; readonly value: bigint }[]
    }
  | { readonly kind: 'fwd'; readonly name: string; readonly union: boolean }
  | { readonly kind: 'typedef' | 'type_tag'; readonly name: string; readonly type: number }
  | { readonly kind: 'volatile' | 'const' | 'restrict'; readonly type: number }
  | {
      readonly kind: 'func'
      readonly name: string
      readonly type: number
      readonly linkage: 'static' | 'global' | 'extern'
    }
  | {
      readonly kind: 'func_proto'
      readonly type: number
      readonly params: readonly { readonly name: string; readonly type: number }[]
    }
  | {
      readonly kind: 'var'
      readonly name: string
      readonly type: number
      readonly linkage: 'static' | 'global' | 'extern'
    }
  | {
      readonly kind: 'datasec'
      readonly name: string
      readonly size: number
      readonly vars: readonly { readonly type: number; readonly offset: number; readonly size: number }[]
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'decl_tag'; readonly name: string; readonly type: number; readonly component: number }

export interface BtfMember {
  readonly name: string
  readonly type: number
  /** In bits from the start of the struct. */
  readonly offset: number
  /** Width of a bit field, 0 for an ordinary member. */
  readonly bits: number
}
