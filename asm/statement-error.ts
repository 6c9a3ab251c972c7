/** A complaint about one statement. It ends that statement; the next one is read as if nothing had been. */
import type { Place } from './body.ts'

/** What a hint can be made from, once every name of the file is known. */
export interface HintSource {
  readonly hint?: string
  /** A name that nothing bears: the nearest of those that could stand there is offered. */
  readonly unknown?: string
  /** Where to look for the nearest; every name that can stand in an operand when absent. */
  readonly candidates?: Iterable<string>
}

export class StatementError extends Error {
  override name = 'StatementError'
  /** Offset in the source text. */
  readonly at: number
  readonly source: HintSource
  /** The statement to blame, where it is not the one that ran into it: a field, when the struct is used elsewhere. */
  place: Place | undefined
  constructor(at: number, message: string, source: HintSource = {}) {
    super(message)
    this.at = at
    this.source = source
    this.place = undefined
  }
}

/** A part of the source text as messages quote it: cut when it is long. */
export function quote(text: string): string {
  return text.length > 40 ? `'${text.slice(0, 37)}...'` : `'${text}'`
}
