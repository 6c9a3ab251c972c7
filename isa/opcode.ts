/**
 * The bits of an instruction's opcode byte (RFC 9669, section 3).
 *
 *     arithmetic and jumps        loads and stores
 *     7   4   3   2  0            7  5   4  3   2  0
 *     | op  | S | class |         | mode | size | class |
 *
 * Only `isa/` knows these; everyone else reads rows of the instruction table (table.ts).
 */
export const Class = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const
export type Class = (typeof Class)[keyof typeof Class]

/** Source bit of ALU and JMP classes: K takes the immediate, X the source register. */
export const Source = { K: 0x00, X: 0x08 } as const

/** Size bits of load and store classes. */
export const Size = { W: 0x00, H: 0x08, B: 0x10, DW: 0x18 } as const

/** Mode bits of load and store classes. */
export const Mode = { IMM: 0x00, ABS: 0x20, IND: 0x40, MEM: 0x60, MEMSX: 0x80, ATOMIC: 0xc0 } as const

/** `src` of an LD_IMM64: what the 64-bit immediate stands for (RFC 9669, section 5.4). */
export const Pseudo = {
  NONE: 0,
  MAP_FD: 1,
  MAP_VALUE: 2,
  BTF_ID: 3,
  FUNC: 4,
  MAP_IDX: 5,
  MAP_IDX_VALUE: 6,
} as const
export type Pseudo = (typeof Pseudo)[keyof typeof Pseudo]

/** `src` of a CALL. */
export const CallKind = { HELPER: 0, LOCAL: 1, KFUNC: 2 } as const

/** Bytes in one instruction slot. */
export const SLOT_BYTES = 8

/** The frame pointer, read only. */
export const FRAME_POINTER = 10

/** r0 to r10. */
export const REGISTER_COUNT = 11
