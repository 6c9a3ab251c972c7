/**
 * How far long work has come, on one line of a terminal that is written over and wiped at the end. Work of less than a
 * second shows nothing, and neither does anything whose standard error is no terminal.
 */
import type { Io } from './io.ts'

/** Milliseconds before the first line: what takes no longer needs no explanation. */
const PATIENCE = 1000

/** Milliseconds between two lines: faster than anyone reads would cost more than the work. */
const INTERVAL = 100

export class Progress {
  readonly #io: Io
  readonly #start: number
  #next: number
  /** What stands there. */
  #line = ''

  constructor(io: Io) {
    this.#io = io
    this.#start = io.now()
    this.#next = this.#start + PATIENCE
  }

  /** False where nobody would see it: then nobody need be asked how far the work is. */
  get wanted(): boolean {
    return this.#io.terminal
  }

  /** Shows what `text` makes of the seconds since the beginning, when it is time for another line. */
  show(text: (seconds: number) => string): void {
    if (!this.wanted) return
    const now = this.#io.now()
    if (now < this.#next) return
    this.#next = now + INTERVAL
    const line = text(Math.floor((now - this.#start) / 1000))
    if (line === this.#line) return
    // Blanks over the rest of a longer line: not every terminal knows a sequence that wipes it.
    this.#io.err(`\r${line.padEnd(this.#line.length)}`)
    this.#line = line
  }

  /** Wipes the line, before anything else is written there. */
  clear(): void {
    if (this.#line === '') return
    this.#io.err(`\r${' '.repeat(this.#line.length)}\r`)
    this.#line = ''
  }
}

/** The same input and output, with the line out of the way of whatever is written. */
export function besides(progress: Progress, io: Io): Io {
  return {
    ...io,
    out: (text) => {
      progress.clear()
      io.out(text)
    },
    err: (text) => {
      progress.clear()
      io.err(text)
    },
  }
}
