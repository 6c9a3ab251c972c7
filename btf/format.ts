/** Numbers of the BTF format (Linux Documentation/bpf/btf.rst, section 2). */
export const MAGIC = 0xeb9f
export const VERSION = 1

export const Kind = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const

/** Linkage of functions and variables, by number. */
export const LINKAGES = ['static', 'global', 'extern'] as const
