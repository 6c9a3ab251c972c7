/** Where the command reads and writes, so that tests can stand in for the process. */
import { readFileSync } from 'node:fs'

export interface Io {
  readonly out: (text: string | Uint8Array) => void
  readonly err: (text: string) => void
  /** Everything on standard input. */
  readonly input: () => string
  /** Standard error is a terminal: colours and progress may go there. */
  readonly terminal: boolean
  /** Milliseconds of a clock that only moves on, for progress. */
  readonly now: () => number
}

/** The process's own. A reader that has seen enough (`harena … | head`) is no error. */
export function processIo(): Io {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    input: () => readFileSync(0, 'utf8'),
    terminal: process.stderr.isTTY === true,
    now: () => performance.now(),
  }
}
