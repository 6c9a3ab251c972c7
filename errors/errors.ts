/**
 * The two kinds of error. A user's: typed, with positions and numbers, and a message that stands on its own.
 * Ours: InternalError, which says so. Nothing else may reach a user.
 */

/** An error number by the kernel's name, such as `EACCES`. */
export type Errno =
  | 'EPERM'
  | 'ENOENT'
  | 'EINTR'
  | 'EIO'
  | 'E2BIG'
  | 'EBADF'
  | 'EAGAIN'
  | 'ENOMEM'
  | 'EACCES'
  | 'EFAULT'
  | 'EBUSY'
  | 'EEXIST'
  | 'ENODEV'
  | 'EINVAL'
  | 'EMFILE'
  | 'ERANGE'
  | 'EDEADLK'
  | 'ETIMEDOUT'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'EPROTO'
  | 'EOPNOTSUPP'
  | 'ENOTSUPP'

/** Numbers as user space sees them (x86-64); ENOTSUPP is the kernel's own and has leaked into bpf(2). */
export const ERRNO: Readonly<Record<Errno, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  ENOSPC: 28,
  ERANGE: 34,
  EDEADLK: 35,
  ETIMEDOUT: 110,
  ENOSYS: 38,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ENOTSUPP: 524,
}

/** Base of every error that is the user's to mend. */
export class HarenaError extends Error {
  override name = 'HarenaError'
}

/** A system call's refusal, such as creating a map or mapping an arena. */
export class ErrnoError extends HarenaError {
  override name = 'ErrnoError'
  readonly errno: Errno
  /** The message without the number's name. */
  readonly what: string
  constructor(errno: Errno, message: string) {
    super(`${message}: ${errno}`)
    this.errno = errno
    this.what = message
  }

  /** The same refusal, of something that the file declares. */
  inFile(file: string): ErrnoError {
    return new ErrnoError(this.errno, `${file}: ${this.what}`)
  }
}

/** Where in a source text something is. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One complaint about a source text. */
export interface Diagnostic extends SourcePosition {
  readonly message: string
  /** What may have been meant. */
  readonly hint?: string
  /** The source line, for the caret. */
  readonly text?: string
}

/** A text that does not assemble, or an object that does not parse; carries every complaint. */
export class AssemblyError extends HarenaError {
  override name = 'AssemblyError'
  readonly diagnostics: readonly Diagnostic[]
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(renderDiagnostic).join('\n'))
    this.diagnostics = diagnostics
  }
}

/** `FILE:LINE:COL: error: message`, the line, a caret, the hint. */
export function renderDiagnostic(d: Diagnostic): string {
  const lines = [`${d.file}:${d.line}:${d.column}: error: ${d.message}`]
  if (d.text !== undefined) {
    // Long lines (generated code, a binary by mistake) are cut round the column.
    const from = Math.max(0, d.column - 61)
    const shown = d.text.slice(from, from + 120).replace(/[^\x20-\x7e\t\u00a0-\uffff]/gu, '\ufffd')
    const indent = shown.slice(0, d.column - 1 - from).replace(/[^\t]/gu, ' ')
    lines.push(`    ${shown}`, `    ${indent}^`)
  }
  if (d.hint !== undefined) lines.push(`    hint: ${d.hint}`)
  return lines.join('\n')
}

/** What verification cost, as the log's last lines give it. */
export interface VerifierStats {
  readonly processed: number
  readonly maxStatesPerInsn: number
  readonly totalStates: number
  readonly peakStates: number
  /** Bytes of stack, `N+M+…`: one number a subprogram, in order of start. */
  readonly stackDepth: string
}

/** Statistics of a program that was refused before the walk. */
export const NO_STATS: VerifierStats = {
  processed: 0,
  maxStatesPerInsn: 0,
  totalStates: 0,
  peakStates: 0,
  stackDepth: '0',
}

/** The verifier's refusal of a program. */
export class VerifierError extends HarenaError {
  override name = 'VerifierError'
  readonly program: string
  /** The object's, where one was loaded. */
  readonly file: string | undefined
  readonly errno: Errno
  /** Slot at which verification stopped; undefined for errors before the walk that name none. */
  readonly instruction: number | undefined
  /** The line of the log that names the error, as the kernel writes it; may be empty. */
  readonly reason: string
  /** The verifier's log in the kernel's format. */
  readonly log: string
  readonly source: SourcePosition | undefined
  readonly stats: VerifierStats
  constructor(fields: {
    program: string
    file?: string | undefined
    errno: Errno
    instruction: number | undefined
    reason: string
    log: string
    source?: SourcePosition | undefined
    stats?: VerifierStats
  }) {
    const { source, file } = fields
    const at = source !== undefined ? `${source.file}:${source.line}: ` : file !== undefined ? `${file}: ` : ''
    const slot = fields.instruction === undefined ? '' : ` at instruction ${fields.instruction}`
    super(`${at}program ${fields.program} was rejected${slot}: ${fields.reason || fields.errno}`)
    this.program = fields.program
    this.file = file
    this.errno = fields.errno
    this.instruction = fields.instruction
    this.reason = fields.reason
    this.log = fields.log
    this.source = source
    this.stats = fields.stats ?? NO_STATS
  }

  /** The same refusal, of a program of that file: the verifier sees programs only, and knows no files. */
  inFile(file: string): VerifierError {
    const { program, errno, instruction, reason, log, source, stats } = this
    return new VerifierError({ program, file, errno, instruction, reason, log, source, stats })
  }
}

/** A program that faulted, or ran out of time, while running. */
export class FaultError extends HarenaError {
  override name = 'FaultError'
  readonly kind: 'access' | 'timeout' | 'engine'
  /** Slot that faulted, where the engine knows it. */
  readonly instruction: number | undefined
  /** The instruction's text. */
  readonly text: string | undefined
  /** The address of the access that faulted. */
  readonly address: bigint | undefined
  constructor(
    kind: FaultError['kind'],
    message: string,
    fields: { instruction?: number | undefined; text?: string | undefined; address?: bigint | undefined } = {},
  ) {
    super(message)
    this.kind = kind
    this.instruction = fields.instruction
    this.text = fields.text
    this.address = fields.address
  }
}

/** A user-space access to an arena that the kernel would answer with SIGSEGV. */
export class SegmentationFault extends HarenaError {
  override name = 'SegmentationFault'
  readonly address: bigint
  /** SEGV_MAPERR (1): nothing is mapped there; SEGV_ACCERR (2): the mapping forbids it. */
  readonly code: 1 | 2
  constructor(address: bigint, code: 1 | 2, detail: string) {
    // What was computed below 0 is the address that it wraps to.
    const shown = address < 0n ? BigInt.asUintN(64, address) : address
    super(`segmentation fault at 0x${shown.toString(16)}: ${detail}`)
    this.address = address
    this.code = code
  }
}

/** Somebody on the simulated CPUs' stack, the innermost last. */
export interface LockHolder {
  readonly cpu: number
  readonly context: string
  readonly what: string
}

/** A lock that cannot be had: who holds it, and who waits. */
export interface LockReport {
  /** `deadlock`: the CPU waits for itself. `impossible-schedule`: for one that is paused until this one is done. */
  readonly kind: 'deadlock' | 'impossible-schedule'
  readonly lock: string
  /** The CPU that waits, and the one that holds the lock. */
  readonly cpu: number
  readonly holder: number
  /** The stack when the lock was taken, and the one that waits for it. */
  readonly held: readonly LockHolder[]
  readonly wanted: readonly LockHolder[]
}

/** A lock that would be waited for without end; the machine's state is as it was then, and cannot be gone on with. */
export class LockError extends HarenaError {
  override name = 'LockError'
  readonly report: LockReport
  constructor(report: LockReport) {
    super(renderLockReport(report))
    this.report = report
  }
}

/** What happened in one line, then both stacks, the innermost first. */
export function renderLockReport(report: LockReport): string {
  const { kind, lock, cpu, holder, held, wanted } = report
  const stack = (entries: readonly LockHolder[]): string[] =>
    entries.toReversed().map((entry) => `    CPU ${entry.cpu}, ${entry.context}: ${entry.what}`)
  const what =
    kind === 'deadlock'
      ? `deadlock: CPU ${cpu} waits for ${lock}, which it holds itself`
      : `CPU ${cpu} waits for ${lock} of CPU ${holder}, which is paused: this schedule cannot go on`
  return [what, '  taken by', ...stack(held), '  wanted by', ...stack(wanted)].join('\n')
}

/**
 * The simulated kernel's own memory does not hold together, and programs have run on the machine that nothing had
 * verified: they may have written over it. The machine cannot be gone on with; closing it as a whole is what is left.
 */
export class CorruptionError extends HarenaError {
  override name = 'CorruptionError'
  /** Those that ran unchecked: one of them did it. */
  readonly programs: readonly string[]
  /** What was found. */
  readonly what: string
  constructor(programs: readonly string[], what: string) {
    const who =
      programs.length === 1
        ? `program ${programs[0]}, which ran unchecked,`
        : `one of the programs ${programs.join(', ')}, which ran unchecked,`
    super(`${who} has corrupted kernel memory: ${what}`)
    this.programs = programs
    this.what = what
  }
}

/** Our own mistake: an invariant of harena does not hold. */
export class InternalError extends Error {
  override name = 'InternalError'
  /** The message without the request to report it. */
  readonly what: string
  constructor(message: string) {
    super(`internal error: ${message} (this is a bug in harena; please report it with the program that caused it)`)
    this.what = message
  }
}
