/** What kind of file is this? Told by content, as names lie. */
import { HarenaError } from '../errors/errors.ts'
import { decode, type Instruction } from '../isa/instruction.ts'
import { SLOT_BYTES } from '../isa/opcode.ts'
import { describeFlaw, type Flaw, flaws } from '../isa/validate.ts'
import { isElf, refuseElf } from './elf.ts'

/** A program file: assembly text, to be assembled, or raw instructions. */
export type ProgramInput =
  | { readonly kind: 'assembly'; readonly text: string }
  | { readonly kind: 'raw'; readonly insns: readonly Instruction[] }

/**
 * Tells assembly (UTF-8 without NUL) from raw little-endian instructions (any other bytes that can be some).
 * @param file name for messages
 * @throws HarenaError for ELF objects, and for bytes that are neither
 */
export function readInput(bytes: Uint8Array, file: string): ProgramInput {
  if (isElf(bytes)) return refuseElf(file)
  const text = utf8(bytes)
  if (text !== undefined && !text.includes('\0')) return { kind: 'assembly', text }
  const neither = (why: string): HarenaError => new HarenaError(`${file}: neither assembly nor instructions: ${why}`)
  if (bytes.length % SLOT_BYTES !== 0) throw neither(`${bytes.length} bytes are no multiple of ${SLOT_BYTES}`)
  const insns = decode(bytes)
  const flaw = junk(insns)
  if (flaw !== undefined) throw neither(`slot ${flaw.slot}: ${describeFlaw(flaw)}`)
  return { kind: 'raw', insns }
}

/** Flaws that no tool which writes instructions makes: with one of them, the file is something else. */
const JUNK: readonly Flaw['kind'][] = ['unknown-opcode', 'bad-register', 'second-half-missing', 'second-half-malformed']

/** Other flaws are the verifier's business, whose messages for them users want to see. */
function junk(insns: readonly Instruction[]): Flaw | undefined {
  for (const flaw of flaws(insns)) if (JUNK.includes(flaw.kind)) return flaw
  return undefined
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
