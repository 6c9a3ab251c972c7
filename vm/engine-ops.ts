/**
 * The interpreter's own operations: what decode.ts turns instructions into and interpreter.ts switches on.
 *
 * Each takes four words of packed code. Registers are named by the index of their low half (2 * n), immediates that
 * have no form of their own by the index of a constant behind the registers, so most operations have one form:
 *
 *     word 0      word 1           word 2                   word 3
 *     operation   dst, or base     src, or value            immediate, offset, jump target (word index)
 *
 * `K`, `A`, `C` at the end of a load or store: kernel memory, arena, checked (see program/loadable.ts, Access).
 */
export const EngineOp = {
  ADD64_IMM: 0,
  ADD64: 1,
  MOV64: 2,
  MOV_CONST: 3,
  MOV32: 4,
  LDX64_A: 5,
  LDX64_K: 6,
  STX64_K: 7,
  STX64_A: 8,
  JNE64: 9,
  JEQ64: 10,
  JA: 11,
  SUB64: 12,
  AND64: 13,
  OR64: 14,
  XOR64: 15,
  /** Shifts by a constant below 32, then by one of 32 to 63. */
  LSH64_LOW: 16,
  LSH64_HIGH: 17,
  RSH64_LOW: 18,
  RSH64_HIGH: 19,
  ARSH64_LOW: 20,
  ARSH64_HIGH: 21,
  ADD32: 22,
  SUB32: 23,
  AND32: 24,
  OR32: 25,
  XOR32: 26,
  LSH32: 27,
  RSH32: 28,
  ARSH32: 29,
  MUL32: 30,
  MUL64: 31,
  JGT64: 32,
  JGE64: 33,
  JLT64: 34,
  JLE64: 35,
  JSGT64: 36,
  JSGE64: 37,
  JSLT64: 38,
  JSLE64: 39,
  JSET64: 40,
  JEQ32: 41,
  JNE32: 42,
  JGT32: 43,
  JGE32: 44,
  JLT32: 45,
  JLE32: 46,
  JSGT32: 47,
  JSGE32: 48,
  JSLT32: 49,
  JSLE32: 50,
  JSET32: 51,
  LDX32_A: 52,
  LDX16_A: 53,
  LDX8_A: 54,
  LDXS32_A: 55,
  LDXS16_A: 56,
  LDXS8_A: 57,
  STX32_A: 58,
  STX16_A: 59,
  STX8_A: 60,
  LDX32_K: 61,
  LDX16_K: 62,
  LDX8_K: 63,
  LDXS32_K: 64,
  LDXS16_K: 65,
  LDXS8_K: 66,
  STX32_K: 67,
  STX16_K: 68,
  STX8_K: 69,
  CAST_USER: 70,
  CALL: 71,
  CALL_LOCAL: 72,
  EXIT: 73,
  MAY_GOTO: 74,
  LD_IMM64: 75,
  NEG64: 76,
  NEG32: 77,
  LSH64: 78,
  RSH64: 79,
  ARSH64: 80,
  DIV64: 81,
  SDIV64: 82,
  MOD64: 83,
  SMOD64: 84,
  DIV32: 85,
  SDIV32: 86,
  MOD32: 87,
  SMOD32: 88,
  MOVSX64_8: 89,
  MOVSX64_16: 90,
  MOVSX64_32: 91,
  MOVSX32_8: 92,
  MOVSX32_16: 93,
  LE16: 94,
  BSWAP16: 95,
  BSWAP32: 96,
  BSWAP64: 97,
  /** Word 3: offset << 16 | packed kind, see `packAtomic`. */
  ATOMIC_K: 98,
  ATOMIC_A: 99,
  ATOMIC_C: 100,
  /** Word 3: offset << 16 | bytes. An absent page leaves the destination alone, unlike a plain load. */
  LOAD_ACQUIRE_A: 101,
  /** Word 3: offset << 16 | bytes | 16 when sign-extending. */
  LOAD_C: 102,
  /** Word 3: offset << 16 | bytes. */
  STORE_C: 103,
  LD_ABS: 104,
  LD_IND: 105,
  CALLX: 106,
  NOP: 107,
  LE32: 108,
  /** As LOAD_C, for a load-acquire. */
  LOAD_ACQUIRE_C: 109,
  /** The second half of an LD_IMM64, an unknown instruction, or one that the verifier never reached. */
  TRAP: 110,
} as const
export type EngineOp = (typeof EngineOp)[keyof typeof EngineOp]

/** Words of packed code a slot, so that slot * STRIDE is where it starts. */
export const STRIDE = 4

/** Set in word 0 of every instruction while a hook watches: no case has it, so the switch falls to its default. */
export const HOOK_BIT = 0x100

/** Words of the register array before the constants: r0 to r10, and a spare pair. */
export const REGISTER_WORDS = 24

/** What an atomic does, in the low bits of its third word: operation, whether it fetches, whether it has 64 bits. */
export function packAtomic(offset: number, op: number, fetch: boolean, wide: boolean): number {
  return (offset << 16) | (op << 2) | (fetch ? 2 : 0) | (wide ? 1 : 0)
}
