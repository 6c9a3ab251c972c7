/** Values of options: numbers, bytes, names with values. Every mistake is a UsageError that quotes it. */
import { readFileSync } from 'node:fs'
import { UsageError, type Values } from './options.ts'

/** Largest `zero:N`: as much as a page of a huge packet, and far from what would exhaust memory. */
const MOST_ZEROS = 1 << 24

const DEFAULT_TIMEOUT_MS = 10_000
const MOST_SECONDS = 1_000_000

/** A whole number from `least` to `most`, decimal or 0x hexadecimal; `fallback` when the option is not given. */
export function numberOption(values: Values, name: string, fallback: number, least: number, most: number): number {
  const text = values[name]
  if (text === undefined) return fallback
  const value = typeof text === 'string' ? parseInteger(text) : undefined
  if (value === undefined || value < BigInt(least) || value > BigInt(most)) {
    throw new UsageError(`--${name} takes a number from ${least} to ${most}, not '${String(text)}'`)
  }
  return Number(value)
}

/** Milliseconds of `--timeout SECONDS`, which may have a fraction; 0 for never. */
export function timeoutOption(values: Values): number {
  const text = values.timeout
  if (text === undefined) return DEFAULT_TIMEOUT_MS
  const seconds = typeof text === 'string' && /^(\d+\.?\d*|\.\d+)$/u.test(text) ? Number(text) : Number.NaN
  if (!(seconds <= MOST_SECONDS)) {
    throw new UsageError(`--timeout takes seconds from 0 to ${MOST_SECONDS}, not '${String(text)}'`)
  }
  return 1000 * seconds
}

/** One of `choices`; the first when the option is not given. */
export function choiceOption<T extends string>(values: Values, name: string, choices: readonly [T, ...T[]]): T {
  const text = values[name]
  if (text === undefined) return choices[0]
  const choice = choices.find((candidate) => candidate === text)
  if (choice === undefined) throw new UsageError(`--${name} takes ${choices.join(', ')}, not '${String(text)}'`)
  return choice
}

export function stringOption(values: Values, name: string): string | undefined {
  const text = values[name]
  return typeof text === 'string' ? text : undefined
}

export function listOption(values: Values, name: string): readonly string[] {
  const list = values[name]
  return Array.isArray(list) ? list : []
}

/** The bytes that `hex:00ff…`, `@path` or `zero:N` stands for; undefined when the option is not given. */
export function bytesOption(values: Values, name: string): Uint8Array | undefined {
  const text = stringOption(values, name)
  if (text === undefined) return undefined
  if (text.startsWith('hex:')) return hexBytes(text.slice(4), `--${name}`)
  if (text.startsWith('@')) return readBytes(text.slice(1))
  if (text.startsWith('zero:')) {
    const count = parseInteger(text.slice(5))
    if (count === undefined || count < 0n || count > BigInt(MOST_ZEROS)) {
      throw new UsageError(`--${name} zero:N takes N from 0 to ${MOST_ZEROS}, not '${text.slice(5)}'`)
    }
    return new Uint8Array(Number(count))
  }
  throw new UsageError(`--${name} takes hex:00ff…, @path or zero:N, not '${text}'`)
}

/** Bytes written as hex digits; blanks between them are skipped. */
export function hexBytes(text: string, what: string): Uint8Array {
  const digits = text.replace(/\s+/gu, '')
  const wrong = /[^0-9a-fA-F]/u.exec(digits)
  if (wrong !== null) throw new UsageError(`${what}: '${wrong[0]}' is no hex digit`)
  if (digits.length % 2 !== 0) throw new UsageError(`${what}: ${digits.length} hex digits are no whole number of bytes`)
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16))
}

/** A file's bytes. @throws UsageError that says why it cannot be read */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`)
  }
}

/** Why the system refused a file, in a few words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'no such file'
    case 'EISDIR':
      return 'this is a directory'
    case 'ENOTDIR':
      return 'a part of the path is no directory'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'ENOSPC':
      return 'no space left'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}

/** `NAME=VALUE` of a repeatable option. */
export function assignment(text: string, option: string): { name: string; value: string } {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1) throw new UsageError(`--${option} takes NAME=VALUE, not '${text}'`)
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}

/** A decimal, 0x, 0o or 0b integer with an optional sign; undefined when `text` is none. */
export function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)$/u.exec(text)
  if (match === null) return undefined
  const value = BigInt(match[2] ?? '0')
  return match[1] === '-' ? -value : value
}
