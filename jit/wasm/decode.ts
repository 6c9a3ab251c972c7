/** Reads the body of one function back, instruction by instruction, by the table that it was written by. */
import { InternalError } from '../../errors/errors.ts'
import { type ValueType, WASM_ROWS, type Wasm, type WasmRow } from './opcodes.ts'

/** What stands behind the code, by the row's kind of immediate. */
export interface Decoded {
  /** Where it starts, from the first instruction on. */
  readonly offset: number
  readonly code: Wasm
  readonly row: WasmRow
  /**
   * In the order in which they are written. Of an access: alignment (log2), memory, offset. Of a 64-bit constant: its
   * halves, low first. Of a construct: the type of its result.
   */
  readonly immediates: readonly number[]
}

/** Calls `visit` with every instruction; gives the types of the locals, parameters left out. */
export function decodeBody(bytes: Uint8Array, visit: (instruction: Decoded) => void): readonly ValueType[] {
  const reader = new Reader(bytes)
  const locals: ValueType[] = []
  for (let runs = reader.u32(); runs > 0; runs--) {
    const count = reader.u32()
    const type = reader.u8() as ValueType
    for (let n = 0; n < count; n++) locals.push(type)
  }
  const start = reader.at
  while (reader.at < bytes.length) {
    const offset = reader.at - start
    const first = reader.u8()
    const code = (first === 0xfc || first === 0xfe ? (first << 8) | reader.u32() : first) as Wasm
    const row = WASM_ROWS.get(code)
    if (row === undefined) throw new InternalError(`no WebAssembly instruction has the code 0x${code.toString(16)}`)
    visit({ offset, code, row, immediates: immediatesOf(reader, row) })
  }
  return locals
}

function immediatesOf(reader: Reader, { immediate }: WasmRow): readonly number[] {
  switch (immediate) {
    case 'none':
      return []
    case 'block':
    case 'fence':
      return [reader.u8()]
    case 'label':
    case 'function':
    case 'local':
    case 'global':
    case 'fill':
      return [reader.u32()]
    case 'copy':
    case 'indirect':
      return [reader.u32(), reader.u32()]
    case 'label-table': {
      const count = reader.u32()
      return Array.from({ length: count + 1 }, () => reader.u32())
    }
    case 'memory': {
      const align = reader.u32()
      const memory = (align & 0x40) === 0 ? 0 : reader.u32()
      return [align & 0x3f, memory, reader.u32()]
    }
    case 'i32':
      return [reader.s64()[0]]
    case 'i64':
      return reader.s64()
    default:
      throw new InternalError(`immediate ${immediate satisfies never}`)
  }
}

class Reader {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u8(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new InternalError('the code of a function ends within an instruction')
    return byte
  }

  u32(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  /** Signed LEB128 of up to 64 bits as halves, low first. */
  s64(): readonly [number, number] {
    let low = 0
    let high = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8()
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32)
      if (byte >= 0x80) continue
      if ((byte & 0x40) === 0) return [low, high]
      // The sign goes on to the top.
      const end = shift + 7
      if (end < 32) return [low | (-1 << end), -1]
      return end < 64 ? [low, high | (-1 << (end - 32))] : [low, high]
    }
  }
}
