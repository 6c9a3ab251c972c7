/** Objects as JSON, for the process that asks the kernel: bytes and instructions as hex digits, bigints as text. */
import { decode, encode, type Instruction } from '../isa/instruction.ts'

/** What JSON has no form for. */
type Marked = { readonly $int: string } | { readonly $bytes: string } | { readonly $insns: string }

/** One line of JSON. Source lines of programs are left out: they are many, and nobody reads them there. */
export function toLine(value: unknown): string {
  return JSON.stringify(value, (key, field: unknown) => {
    if (typeof field === 'bigint') return { $int: field.toString() } satisfies Marked
    if (field instanceof Uint8Array) return { $bytes: hex(field) } satisfies Marked
    if (key === 'insns') return { $insns: hex(encode(field as readonly Instruction[])) } satisfies Marked
    return key === 'lines' ? [] : field
  })
}

/** What `toLine` was given. The caller knows its type. */
export function fromLine(line: string): unknown {
  return JSON.parse(line, (_key, field: unknown) => {
    if (typeof field !== 'object' || field === null) return field
    if ('$int' in field && typeof field.$int === 'string') return BigInt(field.$int)
    if ('$bytes' in field && typeof field.$bytes === 'string') return bytes(field.$bytes)
    if ('$insns' in field && typeof field.$insns === 'string') return decode(bytes(field.$insns))
    return field
  })
}

function hex(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}

function bytes(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}
