/** Errors as users see them: a message on standard error, an object for machines, an exit code. */
import { styleText } from 'node:util'
import {
  AssemblyError,
  CorruptionError,
  ErrnoError,
  FaultError,
  HarenaError,
  InternalError,
  LockError,
  renderDiagnostic,
  SegmentationFault,
  VerifierError,
} from '../index.ts'
import type { Io } from './io.ts'

/** Scripts tell by these whether the program, the input or the run was at fault; they are part of the contract. */
export const ExitCode = { DONE: 0, REJECTED: 1, USAGE: 2, FAULT: 3 } as const

export function exitCodeOf(error: unknown): number {
  if (error instanceof VerifierError) return ExitCode.REJECTED
  return isFault(error) ? ExitCode.FAULT : ExitCode.USAGE
}

/** What is no HarenaError is a mistake of harena's, and happened while something ran. */
function isFault(error: unknown): boolean {
  return (
    error instanceof FaultError ||
    error instanceof SegmentationFault ||
    error instanceof LockError ||
    error instanceof CorruptionError ||
    !(error instanceof HarenaError)
  )
}

/** The error for machines, in the shape of the command `run`. */
export function errorJson(error: unknown): Record<string, unknown> {
  if (error instanceof VerifierError) {
    return {
      verdict: 'rejected',
      program: error.program,
      errno: error.errno,
      ...(error.instruction === undefined ? {} : { instruction: error.instruction }),
      message: error.reason,
      log: error.log,
    }
  }
  if (error instanceof FaultError) {
    return {
      verdict: 'fault',
      ...(error.instruction === undefined ? {} : { instruction: error.instruction }),
      ...(error.text === undefined ? {} : { text: error.text }),
      ...(error.address === undefined ? {} : { address: `0x${error.address.toString(16)}` }),
      message: error.message,
    }
  }
  if (error instanceof SegmentationFault) {
    return { verdict: 'fault', address: `0x${error.address.toString(16)}`, message: error.message }
  }
  if (error instanceof AssemblyError) {
    const errors = error.diagnostics.map(({ file, line, column, message, hint }) => ({
      file,
      line,
      column,
      message,
      ...(hint === undefined ? {} : { hint }),
    }))
    return { verdict: 'error', message: error.diagnostics[0]?.message ?? 'does not assemble', errors }
  }
  const errno = error instanceof ErrnoError ? { errno: error.errno } : {}
  return { verdict: isFault(error) ? 'fault' : 'error', ...errno, message: messageOf(error) }
}

/** The error on standard error; never a stack trace. */
export function reportError(error: unknown, io: Io): void {
  if (error instanceof AssemblyError) {
    for (const diagnostic of error.diagnostics) complain(renderDiagnostic(diagnostic), io)
    const count = error.diagnostics.length
    if (count > 1) complain(`${count} errors`, io)
    return
  }
  // The log first, as the kernel's loaders print it: the last line then says what to make of it.
  if (error instanceof VerifierError && error.log !== '') complain(error.log.replace(/\n$/u, ''), io)
  complain(`harena: ${messageOf(error)}`, io)
}

/** A line on standard error, the word `error` in red where that is a terminal. */
export function complain(text: string, io: Io): void {
  const red = (word: string): string => styleText('red', word, { stream: process.stderr, validateStream: true })
  io.err(`${io.terminal ? text.replace(/\berror:/u, red) : text}\n`)
}

/** An error that nobody expected still comes out as one line that says whose mistake it is. */
function messageOf(error: unknown): string {
  if (error instanceof HarenaError || error instanceof InternalError) return error.message
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new InternalError(text).message
}
