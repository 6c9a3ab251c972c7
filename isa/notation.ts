/** Words and signs that the kernel log's text and LLVM's assembly share. */
import { Op } from './table.ts'

/** `dst SIGN operand` of ALU rows. */
export const ALU_SIGN: Readonly<Record<number, string>> = {
  [Op.ADD]: '+=',
  [Op.SUB]: '-=',
  [Op.MUL]: '*=',
  [Op.DIV]: '/=',
  [Op.SDIV]: 's/=',
  [Op.MOD]: '%=',
  [Op.SMOD]: 's%=',
  [Op.OR]: '|=',
  [Op.AND]: '&=',
  [Op.XOR]: '^=',
  [Op.LSH]: '<<=',
  [Op.RSH]: '>>=',
  [Op.ARSH]: 's>>=',
}

/** `if dst SIGN operand` of JCOND rows. */
export const JUMP_SIGN: Readonly<Record<number, string>> = {
  [Op.JEQ]: '==',
  [Op.JNE]: '!=',
  [Op.JGT]: '>',
  [Op.JGE]: '>=',
  [Op.JLT]: '<',
  [Op.JLE]: '<=',
  [Op.JSET]: '&',
  [Op.JSGT]: 's>',
  [Op.JSGE]: 's>=',
  [Op.JSLT]: 's<',
  [Op.JSLE]: 's<=',
}

/** `NAME16 dst` of END rows. */
export const END_NAME: Readonly<Record<number, string>> = { [Op.LE]: 'le', [Op.BE]: 'be', [Op.BSWAP]: 'bswap' }

/** `atomic_fetch_NAME` of ATOMIC rows that are neither XCHG nor CMPXCHG. */
export const ATOMIC_NAME: Readonly<Record<number, string>> = {
  [Op.ADD]: 'add',
  [Op.AND]: 'and',
  [Op.OR]: 'or',
  [Op.XOR]: 'xor',
}

/** A displacement with its sign: `+0`, `-8`. */
export function signed(value: number): string {
  return value < 0 ? `${value}` : `+${value}`
}

/** The unsigned 64-bit number of two halves, in hex without padding: `0x5`. */
export function hex64(high: number, low: number): string {
  const text = (low >>> 0).toString(16)
  return high === 0 ? `0x${text}` : `0x${(high >>> 0).toString(16)}${text.padStart(8, '0')}`
}

/** An opcode byte as two hex digits. */
export function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** The unsigned 64-bit number of two halves, in decimal. */
export function unsigned64(high: number, low: number): string {
  return `${(BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)}`
}

/** The signed 64-bit number of two halves, in decimal. */
export function signed64(high: number, low: number): string {
  return `${(BigInt(high | 0) << 32n) | BigInt(low >>> 0)}`
}
