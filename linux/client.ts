/**
 * Asks the kernel from a process of its own, which a timer ends: a program that the kernel does not finish, or that
 * brings the process down, costs one answer and no more.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { InternalError } from '../errors/errors.ts'
import type { Answer, Question } from './question.ts'
import { fromLine, toLine } from './wire.ts'

/** Beside this file, in the sources as in what was built. */
const CHILD: string = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url),
)

const DEFAULT_TIMEOUT_MS = 10_000

interface Pending {
  readonly line: string
  readonly resolve: (answer: Answer) => void
}

export interface KernelClientOptions {
  /** Milliseconds for one question; default 10,000. */
  readonly timeoutMs?: number
}

/** Questions may be put before earlier ones are answered: they are answered in order, and faster so. */
export class KernelClient {
  readonly #timeoutMs: number
  /** Questions without an answer, the oldest first. */
  #pending: Pending[] = []
  #child: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #timedOut = false
  #complaints = ''

  constructor({ timeoutMs = DEFAULT_TIMEOUT_MS }: KernelClientOptions = {}) {
    this.#timeoutMs = timeoutMs
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      const pending = { line: `${toLine(question)}\n`, resolve }
      this.#pending.push(pending)
      if (this.#child === undefined) this.#start()
      else this.#child.stdin?.write(pending.line)
      if (this.#pending.length === 1) this.#startTimer()
    })
  }

  /** Ends the process. Questions without an answer get none. */
  close(): void {
    clearTimeout(this.#timer)
    const pending = this.#pending
    this.#pending = []
    for (const { resolve } of pending) resolve({ verdict: 'none', message: 'the client was closed' })
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Starts the process and puts what is not answered yet. */
  #start(): void {
    const child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.#timedOut = false
    this.#complaints = ''
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (child === this.#child) this.#answered(fromLine(line) as Answer)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text
    })
    child.stdin.on('error', () => {
      // A process that ends with questions unread: 'close' tells of its end.
    })
    child.on('close', (code, signal) => {
      if (child === this.#child) this.#ended(code === null ? `signal ${signal}` : `status ${code}`)
    })
    for (const { line } of this.#pending) child.stdin.write(line)
  }

  #startTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timedOut = true
      this.#child?.kill('SIGKILL')
    }, this.#timeoutMs)
  }

  #answered(answer: Answer): void {
    const first = this.#pending.shift()
    if (first === undefined) throw new InternalError('an answer without a question')
    if (this.#pending.length > 0) this.#startTimer()
    else clearTimeout(this.#timer)
    first.resolve(answer)
  }

  /** The oldest question is the one that ended the process; the others are put to the next. */
  #ended(how: string): void {
    this.#child = undefined
    const why = this.#timedOut ? `no answer within ${this.#timeoutMs} ms` : `the process ended: ${how}`
    const message = this.#complaints === '' ? why : `${why}: ${this.#complaints.trimEnd()}`
    if (this.#pending.length === 0) return
    this.#answered({ verdict: 'none', message })
    if (this.#pending.length > 0) this.#start()
  }
}
