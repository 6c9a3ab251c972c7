/**
 * How a register's abstract value lies in an Int32Array: REG_WORDS words, so that a frame is copied by one
 * `copyWithin` or `set`. 64-bit numbers are two words, low half first. Everything that reads or writes a register
 * goes through these offsets: `words[at + UMIN_LO]`.
 *
 *     0        2     4         6          10                        22        23 ...
 *     | type   | ids | marks   | tnum     | eight bounds            | link    | by type
 */

/** Base type (`RegType`) in the low byte, `TypeFlag`s above it. */
export const TYPE = 0
/** Fixed offset of a pointer; the delta of an add-const link of a scalar. */
export const OFF = 1
export const ID = 2
export const REF_OBJ_ID = 3
/** 1 when the scalar's exact range has mattered. */
export const PRECISE = 4
/** Slot + 1 of the instruction that defined it as 32 bits, 0 for none. */
export const SUBREG_DEF = 5
export const VALUE_LO = 6
export const VALUE_HI = 7
export const MASK_LO = 8
export const MASK_HI = 9
export const SMIN_LO = 10
export const SMIN_HI = 11
export const SMAX_LO = 12
export const SMAX_HI = 13
export const UMIN_LO = 14
export const UMIN_HI = 15
export const UMAX_LO = 16
export const UMAX_HI = 17
export const S32MIN = 18
export const S32MAX = 19
/** u32 bounds are kept as the signed view of their bits; compare with `>>> 0`. */
export const U32MIN = 20
export const U32MAX = 21
/** Scalar with an id: 0 a plain copy, 64 or 32 the width of the addition that OFF is the constant of. */
export const LINK = 22
/** Index in the program's table of maps, plus 1. */
export const MAP = 23
/** Distinguishes inner maps of one outer map. */
export const MAP_UID = 24
/** Bytes of PTR_TO_MEM. */
export const MEM_SIZE = 25
/** Bytes of packet known to be there; -1 at the end, -2 beyond it. */
export const RANGE = 26
/** Frame that a stack pointer points into. */
export const FRAME = 27
export const BTF_ID = 28
export const DYNPTR_ID = 29
/** Kind and state of an iterator, dynptr or irq flag in a stack slot. */
export const SLOT_STATE = 30
/**
 * Depth of an iterator; number of a function for PTR_TO_FUNC; of an allocator, for its pointer and for memory that it
 * gave: its index in the program's table plus 1, ALLOC_GLOBAL for the machine's own.
 */
export const EXTRA = 31

export const REG_WORDS = 32

export const RegType = {
  NOT_INIT: 0,
  SCALAR: 1,
  CTX: 2,
  CONST_MAP_PTR: 3,
  MAP_VALUE: 4,
  MAP_KEY: 5,
  STACK: 6,
  PACKET_META: 7,
  PACKET: 8,
  PACKET_END: 9,
  FLOW_KEYS: 10,
  SOCKET: 11,
  SOCK_COMMON: 12,
  TCP_SOCK: 13,
  TP_BUFFER: 14,
  XDP_SOCK: 15,
  BTF_ID: 16,
  MEM: 17,
  ARENA: 18,
  BUF: 19,
  FUNC: 20,
  DYNPTR: 21,
  /** Pointer of an allocator: harena's own. */
  ALLOCATOR: 22,
} as const
export type RegType = (typeof RegType)[keyof typeof RegType]

export const TypeFlag = {
  MAYBE_NULL: 0x100,
  RDONLY: 0x200,
  RINGBUF: 0x400,
  USER: 0x800,
  PERCPU: 0x1000,
  RCU: 0x2000,
  UNTRUSTED: 0x4000,
  TRUSTED: 0x8000,
  /** Object of bpf_obj_new. */
  ALLOC: 0x10000,
  NON_OWNING: 0x20000,
} as const

/** In EXTRA of memory that the machine's own allocator gave. */
export const ALLOC_GLOBAL: number = -1

/** The base type in a TYPE word. */
export function baseType(type: number): number {
  return type & 0xff
}
