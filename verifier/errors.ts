/**
 * Why a program is refused, as data: a kind and the numbers that belong to it. The kernel's sentence is one rendering.
 *
 *     fail('not-readable', { reg: 1 })   throws   Rejection { failure: { kind: 'not-readable', errno: 'EACCES', … } }
 *     renderFailure(failure)             gives    'R1 !read_ok'
 *
 * The fields of a kind are the placeholders of its sentence in errors-messages.ts; the compiler derives them from
 * there, so table and callers cannot drift apart.
 */
import type { Errno } from '../errors/errors.ts'
import { MESSAGES, WITHOUT_NEWLINE } from './errors-messages.ts'

export type FailureKind = keyof typeof MESSAGES

/** `reg` of `R<reg> …`, `opcode` of `<opcode:x>`. */
type NameOf<Placeholder extends string> = Placeholder extends `${infer Name}:${string}` ? Name : Placeholder
type Placeholders<Text extends string> = Text extends `${string}<${infer Name}>${infer Rest}`
  ? NameOf<Name> | Placeholders<Rest>
  : never

/** What must be known to say a failure of kind K. */
export type FailureFields<K extends FailureKind> = {
  readonly [Name in Placeholders<(typeof MESSAGES)[K][1]>]: number | bigint | string
}

/** A reason to refuse a program. */
export interface VerifierFailure {
  readonly kind: FailureKind
  readonly errno: Errno
  readonly fields: Readonly<Record<string, number | bigint | string>>
  /** A failure underneath, which the kernel prints first. */
  readonly cause: VerifierFailure | undefined
}

/** Ends the verification of a program; verify.ts turns it into a VerifierError with position and log. */
export class Rejection extends Error {
  override name = 'Rejection'
  readonly failure: VerifierFailure
  constructor(failure: VerifierFailure) {
    super(renderFailure(failure))
    this.failure = failure
  }
}

/** What a case may change of a kind's row. */
export interface FailureOptions {
  /** Where the errno is not the usual one of the kind. */
  readonly errno?: Errno
  readonly cause?: VerifierFailure
}

export function failure<K extends FailureKind>(
  kind: K,
  fields: FailureFields<K>,
  options: FailureOptions = {},
): VerifierFailure {
  return { kind, errno: options.errno ?? MESSAGES[kind][0], fields, cause: options.cause }
}

/** Refuses the program. @throws Rejection always */
export function fail<K extends FailureKind>(kind: K, fields: FailureFields<K>, options: FailureOptions = {}): never {
  throw new Rejection(failure(kind, fields, options))
}

/** The kernel's text for a failure without the last line break; the line that names the error is the last. */
export function renderFailure(failed: VerifierFailure): string {
  const text = MESSAGES[failed.kind][1].replace(/<([a-zA-Z0-9]+)(:x)?>/gu, (whole, name: string, hex: string) => {
    const value = failed.fields[name]
    if (value === undefined) return whole
    return hex === undefined ? String(value) : Number(value).toString(16).padStart(2, '0')
  })
  return failed.cause === undefined ? text : `${renderFailure(failed.cause)}\n${text}`
}

/** The text as it goes into the log: with the line break, where the kernel writes one. */
export function failureLog(failed: VerifierFailure): string {
  return WITHOUT_NEWLINE.has(failed.kind) ? renderFailure(failed) : `${renderFailure(failed)}\n`
}

/** The line that names the error, as `message` of a VerifierError. */
export function failureMessage(failed: VerifierFailure): string {
  const text = renderFailure(failed)
  return text.slice(text.lastIndexOf('\n') + 1)
}
