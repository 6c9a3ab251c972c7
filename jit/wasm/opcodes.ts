/**
 * The WebAssembly instructions that the compiler emits, with their binary codes and what follows them in the binary
 * form (WebAssembly core specification 2.0, section 5.4, and its threads and multi-memory proposals). The writer and
 * the text form both read this table.
 *
 * A code above 255 is a prefix byte (its upper byte) and a number: 0xfe10 is 0xfe, 0x10.
 */

/** What stands behind the code. */
export type Immediate =
  | 'none'
  /** A block type: 0x40 for no result, or one value type. */
  | 'block'
  /** Depth of a label. */
  | 'label'
  | 'label-table'
  | 'function'
  | 'indirect'
  | 'local'
  | 'global'
  /** Alignment with the memory's index, then an offset. */
  | 'memory'
  | 'i32'
  | 'i64'
  /** A zero byte. */
  | 'fence'
  /** Destination's memory, then source's. */
  | 'copy'
  /** The memory. */
  | 'fill'

// biome-ignore format: a table
export const Wasm = {
  UNREACHABLE: 0x00, NOP: 0x01, BLOCK: 0x02, LOOP: 0x03, IF: 0x04, ELSE: 0x05, END: 0x0b, BR: 0x0c, BR_IF: 0x0d,
  BR_TABLE: 0x0e, RETURN: 0x0f, CALL: 0x10, CALL_INDIRECT: 0x11, DROP: 0x1a, SELECT: 0x1b,
  LOCAL_GET: 0x20, LOCAL_SET: 0x21, LOCAL_TEE: 0x22, GLOBAL_GET: 0x23, GLOBAL_SET: 0x24,
  I32_LOAD: 0x28, I64_LOAD: 0x29, I32_LOAD8_S: 0x2c, I32_LOAD8_U: 0x2d, I32_LOAD16_S: 0x2e, I32_LOAD16_U: 0x2f,
  I64_LOAD8_S: 0x30, I64_LOAD8_U: 0x31, I64_LOAD16_S: 0x32, I64_LOAD16_U: 0x33, I64_LOAD32_S: 0x34,
  I64_LOAD32_U: 0x35, I32_STORE: 0x36, I64_STORE: 0x37, I32_STORE8: 0x3a, I32_STORE16: 0x3b, I64_STORE8: 0x3c,
  I64_STORE16: 0x3d, I64_STORE32: 0x3e, I32_CONST: 0x41, I64_CONST: 0x42,
  I32_EQZ: 0x45, I32_EQ: 0x46, I32_NE: 0x47, I32_LT_S: 0x48, I32_LT_U: 0x49, I32_GT_S: 0x4a, I32_GT_U: 0x4b,
  I32_LE_S: 0x4c, I32_LE_U: 0x4d, I32_GE_S: 0x4e, I32_GE_U: 0x4f, I64_EQZ: 0x50, I64_EQ: 0x51, I64_NE: 0x52,
  I64_LT_S: 0x53, I64_LT_U: 0x54, I64_GT_S: 0x55, I64_GT_U: 0x56, I64_LE_S: 0x57, I64_LE_U: 0x58, I64_GE_S: 0x59,
  I64_GE_U: 0x5a, I64_CTZ: 0x7a,
  I32_ADD: 0x6a, I32_SUB: 0x6b, I32_MUL: 0x6c, I32_DIV_S: 0x6d, I32_DIV_U: 0x6e, I32_REM_S: 0x6f, I32_REM_U: 0x70,
  I32_AND: 0x71, I32_OR: 0x72, I32_XOR: 0x73, I32_SHL: 0x74, I32_SHR_S: 0x75, I32_SHR_U: 0x76, I32_ROTL: 0x77,
  I32_ROTR: 0x78, I64_ADD: 0x7c, I64_SUB: 0x7d, I64_MUL: 0x7e, I64_DIV_S: 0x7f, I64_DIV_U: 0x80, I64_REM_S: 0x81,
  I64_REM_U: 0x82, I64_AND: 0x83, I64_OR: 0x84, I64_XOR: 0x85, I64_SHL: 0x86, I64_SHR_S: 0x87, I64_SHR_U: 0x88,
  I64_ROTL: 0x89, I64_ROTR: 0x8a, I32_WRAP_I64: 0xa7, I64_EXTEND_I32_S: 0xac, I64_EXTEND_I32_U: 0xad,
  I32_EXTEND8_S: 0xc0, I32_EXTEND16_S: 0xc1, I64_EXTEND8_S: 0xc2, I64_EXTEND16_S: 0xc3, I64_EXTEND32_S: 0xc4,
  MEMORY_COPY: 0xfc0a, MEMORY_FILL: 0xfc0b,
  ATOMIC_FENCE: 0xfe03, I32_ATOMIC_LOAD: 0xfe10, I64_ATOMIC_LOAD: 0xfe11, I32_ATOMIC_LOAD8_U: 0xfe12,
  I32_ATOMIC_LOAD16_U: 0xfe13, I32_ATOMIC_STORE: 0xfe17, I64_ATOMIC_STORE: 0xfe18, I32_ATOMIC_STORE8: 0xfe19,
  I32_ATOMIC_STORE16: 0xfe1a, I32_RMW_ADD: 0xfe1e, I64_RMW_ADD: 0xfe1f, I32_RMW_SUB: 0xfe25, I64_RMW_SUB: 0xfe26,
  I32_RMW_AND: 0xfe2c, I64_RMW_AND: 0xfe2d, I32_RMW_OR: 0xfe33, I64_RMW_OR: 0xfe34, I32_RMW_XOR: 0xfe3a,
  I64_RMW_XOR: 0xfe3b, I32_RMW_XCHG: 0xfe41, I64_RMW_XCHG: 0xfe42, I32_RMW_CMPXCHG: 0xfe48, I64_RMW_CMPXCHG: 0xfe49,
} as const
export type Wasm = (typeof Wasm)[keyof typeof Wasm]

/** Value types. */
export const I32 = 0x7f
export const I64 = 0x7e
export type ValueType = typeof I32 | typeof I64

/** Block type without a result. */
export const VOID = 0x40

const IMMEDIATES: readonly (readonly [Immediate, readonly Wasm[]])[] = [
  ['block', [Wasm.BLOCK, Wasm.LOOP, Wasm.IF]],
  ['label', [Wasm.BR, Wasm.BR_IF]],
  ['label-table', [Wasm.BR_TABLE]],
  ['function', [Wasm.CALL]],
  ['indirect', [Wasm.CALL_INDIRECT]],
  ['local', [Wasm.LOCAL_GET, Wasm.LOCAL_SET, Wasm.LOCAL_TEE]],
  ['global', [Wasm.GLOBAL_GET, Wasm.GLOBAL_SET]],
  ['i32', [Wasm.I32_CONST]],
  ['i64', [Wasm.I64_CONST]],
  ['fence', [Wasm.ATOMIC_FENCE]],
  ['copy', [Wasm.MEMORY_COPY]],
  ['fill', [Wasm.MEMORY_FILL]],
]

/** Whether an instruction is a load, store or atomic. */
function touchesMemory(code: Wasm): boolean {
  return (code >= Wasm.I32_LOAD && code <= Wasm.I64_STORE32) || code >= Wasm.I32_ATOMIC_LOAD
}

export interface WasmRow {
  /** As the text form writes it, such as `i64.load8_u`. */
  readonly name: string
  readonly immediate: Immediate
  /** Bytes that a load, store or atomic touches; 0 for all others. */
  readonly bytes: number
}

/** `I64_RMW_CMPXCHG` as `i64.atomic.rmw.cmpxchg`. */
function textName(key: string): string {
  const lower = key.toLowerCase()
  const dotted = lower
    .replace(/^(i32|i64|local|global|memory)_/u, '$1.')
    .replace('.atomic_', '.atomic.')
    .replace('.rmw_', '.atomic.rmw.')
  return dotted.replace(/^atomic_/u, 'atomic.')
}

function bytesOf(key: string, code: Wasm): number {
  if (!touchesMemory(code)) return 0
  const bits = /(?:LOAD|STORE)(8|16|32)/u.exec(key)?.[1] ?? (key.startsWith('I32') ? '32' : '64')
  return Number(bits) / 8
}

function makeRow(key: string, code: Wasm): WasmRow {
  const listed = IMMEDIATES.find(([, codes]) => codes.includes(code))?.[0]
  return {
    name: textName(key),
    immediate: touchesMemory(code) ? 'memory' : (listed ?? 'none'),
    bytes: bytesOf(key, code),
  }
}

/** By code. */
export const WASM_ROWS: ReadonlyMap<number, WasmRow> = new Map(
  Object.entries(Wasm).map(([key, code]) => [code, makeRow(key, code)]),
)
