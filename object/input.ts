/** What kind of file is this? Told by content, as names lie. */
import { HarenaError } from '../errors/errors.ts'
import { decode, type Instruction } from '../isa/instruction.ts'
import { SLOT_BYTES } from '../isa/opcode.ts'
import { isElf, refuseElf } from './elf.ts'

/** A program file: assembly text, to be assembled, or raw instructions. */
export type ProgramInput =
  | { readonly kind: 'assembly'; readonly text: string }
  | { readonly kind: 'raw'; readonly insns: readonly Instruction[] }

/**
 * Tells assembly (UTF-8 without NUL) from raw little-endian instructions (any other bytes, a multiple of eight).
 * @param file name for messages
 * @throws HarenaError for ELF objects, and for bytes that are neither
 */
export function readInput(bytes: Uint8Array, file: string): ProgramInput {
  if (isElf(bytes)) return refuseElf(file)
  const text = utf8(bytes)
  if (text !== undefined && !text.includes('\0')) return { kind: 'assembly', text }
  if (bytes.length % SLOT_BYTES === 0) return { kind: 'raw', insns: decode(bytes) }
  throw new HarenaError(
    `${file}: ${bytes.length} bytes that are neither assembly text nor raw instructions of ${SLOT_BYTES} bytes each`,
  )
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    // Bytes that are no UTF-8 are an answer here, not a failure.
    if (error instanceof TypeError) return undefined
    throw error
  }
}
