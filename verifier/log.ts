/**
 * The verifier's log as the kernel's buffer behaves (Linux 6.18): what is kept, cut back and wiped at which level.
 *
 *     level 1                                                     level 2
 *     0: R1=ctx() R10=fp0                                         as level 1, but nothing is ever cut:
 *     0: (85) call ...    ; R0=scalar()                           every path stays
 *     1: (15) if r0 == 0x0 goto pc+2|<- mark of the branch
 *        ... the path first followed ...  cut back to the mark when the other side is taken up
 *
 * The text is kept as pieces, so that writing is a push and cutting back costs what is thrown away; many of them are
 * joined to a block now and then, for millions of small strings are slow to keep. The line break
 * after an instruction's text is taken back when its state follows on the same line; a mark set behind that break then
 * points behind the first blank of the padding, which is why the kernel's level-1 lines are glued by one blank.
 */

/** Bits of the log level. */
export const LogLevel = { BASIC: 1, DETAIL: 2, STATS: 4 } as const

/** Least column of the `;` in front of a state, and the step of the columns after it. */
const COLUMN = 40
const STEP = 8

/** Blanks between an instruction text that ends in column `length` and the `;` of its state. */
export function paddingAfter(length: number): number {
  return Math.ceil(Math.max(length + 5, COLUMN) / STEP) * STEP - 2 - length
}

/** Most characters kept: beyond it the oldest half goes, as a kernel buffer that is too small keeps the log's end. */
const CAPACITY = 2 ** 26

/** Pieces, or characters in them, that are joined to one. */
const BLOCK = 4096
const BLOCK_LENGTH = 2 ** 20

/** A position in the log to cut back to. */
export type LogMark = number

export interface LogOptions {
  /** Characters to keep. */
  readonly capacity?: number
  readonly quiet?: boolean
}

export class LogBuffer {
  readonly level: number
  /** Instructions and states are written (levels 1 and 2). Ask before rendering anything. */
  readonly walk: boolean
  /** Everything is written and nothing cut back (level 2). */
  readonly detail: boolean
  readonly stats: boolean
  /** Longest the log has been, in characters: what log_true_size counts, less its NUL. */
  longest = 0
  readonly #capacity: number
  readonly #writes: boolean
  /** The text: blocks of joined pieces, then pieces. */
  #blocks: string[] = []
  #pieces: string[] = []
  /** Characters in pieces since the last join, or more. */
  #loose = 0
  /** Characters written and not cut, those included that no longer are kept. */
  #length = 0
  /** Of these, the first that are not kept. */
  #dropped = 0
  /** Length of the log right behind the last instruction's line break; -1 when there was none. */
  #lineEnd = -1
  /** Characters in the last instruction's line. */
  #lineLength = 0

  /** `quiet` leaves the walk out: what is written otherwise stays that of `level`. */
  constructor(level: number, { capacity = CAPACITY, quiet = false }: LogOptions = {}) {
    this.level = quiet ? level & LogLevel.STATS : level
    this.#capacity = capacity
    this.#writes = level !== 0
    this.walk = (this.level & (LogLevel.BASIC | LogLevel.DETAIL)) !== 0
    this.detail = (this.level & LogLevel.DETAIL) !== 0
    this.stats = (this.level & LogLevel.STATS) !== 0
  }

  /** Writes at any level but 0: messages and statistics. */
  write(text: string): void {
    if (!this.#writes || text === '') return
    this.#pieces.push(text)
    this.#length += text.length
    this.#loose += text.length
    if (this.#pieces.length >= BLOCK || this.#loose > BLOCK_LENGTH) this.#join()
    if (this.#length > this.longest) this.longest = this.#length
    if (this.#length - this.#dropped > this.#capacity) this.#dropOldest()
  }

  /** `N: (op) text`, whose state may follow on the same line. */
  instruction(line: string): void {
    this.write(`${line}\n`)
    this.#lineEnd = this.#length
    this.#lineLength = line.length
  }

  /**
   * Begins the state after an instruction: padding and `;` when nothing has been written since its text, else `N:` on
   * a line of its own, where N is the instruction that comes next.
   */
  beginDelta(next: number): void {
    if (this.#lineEnd !== this.#length) {
      this.write(`${next}:`)
      return
    }
    this.#dropNewline()
    this.write(`${' '.repeat(paddingAfter(this.#lineLength))};`)
  }

  /** Where the log stands: kept with a pending branch. */
  mark(): LogMark {
    return this.#length
  }

  /** A pending branch is taken up: at level 1 what was written since is forgotten. */
  cutTo(mark: LogMark): void {
    if (this.walk && !this.detail) this.#truncate(mark)
  }

  /** A function was walked to its end without an error: at level 1 its log goes. */
  wipe(): void {
    if (this.walk && !this.detail) this.#truncate(0)
  }

  text(): string {
    return this.#blocks.join('') + this.#pieces.join('')
  }

  #join(): void {
    this.#blocks.push(this.#pieces.join(''))
    this.#pieces = []
    this.#loose = 0
  }

  #pop(): string | undefined {
    return this.#pieces.pop() ?? this.#blocks.pop()
  }

  /** Drops half, to the end of a line. */
  #dropOldest(): void {
    this.#join()
    // From the last block back: those in front of half the capacity are not looked at.
    let first = this.#blocks.length
    let kept = 0
    while (first > 0 && kept < this.#capacity / 2) kept += this.#blocks[--first]!.length
    let at = this.#blocks[first]!.indexOf('\n', kept - this.#capacity / 2)
    while (at < 0 && first < this.#blocks.length - 1) {
      kept -= this.#blocks[first]!.length
      at = this.#blocks[++first]!.indexOf('\n')
    }
    const text = this.#blocks[first]!
    const rest = at < 0 ? '' : text.slice(at + 1)
    this.#blocks = [rest, ...this.#blocks.slice(first + 1)]
    this.#dropped = this.#length - (kept - text.length + rest.length)
  }

  #dropNewline(): void {
    const last = this.#pop() ?? ''
    this.#pieces.push(last.slice(0, -1))
    this.#length -= 1
  }

  #truncate(length: number): void {
    while (this.#length > length) {
      const last = this.#pop()
      if (last === undefined) {
        // The mark lies in front of what is kept.
        this.#length = length
        this.#dropped = length
        break
      }
      this.#length -= last.length
      if (this.#length < length) {
        const kept = last.slice(0, length - this.#length)
        this.#pieces.push(kept)
        this.#length += kept.length
      }
    }
    this.#lineEnd = -1
  }
}

/** Figures of a verification, as the last lines of the log give them. */
export interface LogStatistics {
  readonly processed: number
  readonly maxStatesPerInsn: number
  readonly totalStates: number
  readonly peakStates: number
  /** `N+M`, in bytes. */
  readonly stackDepth: string
}

/**
 * Writes the closing lines. The time is 0: harena gives the same log for the same program.
 */
export function writeStatistics(log: LogBuffer, stats: LogStatistics): void {
  if (log.stats) log.write(`verification time 0 usec\nstack depth ${stats.stackDepth}\n`)
  log.write(
    `processed ${stats.processed} insns (limit 1000000) max_states_per_insn ${stats.maxStatesPerInsn} ` +
      `total_states ${stats.totalStates} peak_states ${stats.peakStates} mark_read 0\n`,
  )
}
