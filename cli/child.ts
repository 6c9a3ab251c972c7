/**
 * Runs a command in a process of its own, which can be given up: nothing interrupts a program that the kernel runs, not
 * even the death of its process.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FaultError, HarenaError } from '../index.ts'
import type { Io } from './io.ts'
import type { ParsedCommand } from './options.ts'

/** Beside the sources, or beside what was built. */
const BIN = ['../bin/harena.js', '../../bin/harena.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))

/** The kernel tells nothing of its own accord. */
const TICK_MS = 100

/** The command's exit code. @throws FaultError when it takes longer than that */
export function runInChild(
  command: ParsedCommand,
  { timeoutMs, progress }: { readonly timeoutMs: number; readonly progress?: (elapsedMs: number) => void },
  io: Io,
): Promise<number> {
  if (BIN === undefined) throw new HarenaError('the command harena is not where it was installed')
  const child = spawn(process.execPath, [BIN, ...argumentsOf(command)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => io.out(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => io.err(text))
  const start = io.now()
  const ticking = setInterval(() => progress?.(io.now() - start), TICK_MS)
  const done = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      // It may take its time to die; nobody waits for it.
      child.stdout.destroy()
      child.stderr.destroy()
      child.unref()
      reject(new FaultError('timeout', 'timed out'))
    }, timeoutMs)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code === null) reject(new FaultError('engine', `the process that ran it was ended by ${signal}`))
      else resolve(code)
    })
  })
  return done.finally(() => clearInterval(ticking))
}

/** The command line again. */
function argumentsOf({ spec, values, operands }: ParsedCommand): string[] {
  const options = Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || name === 'timeout') return []
    if (value === true) return [`--${name}`]
    return [value].flat().map((one) => `--${name}=${one}`)
  })
  return [spec.name, ...options, '--timeout=0', '--', ...operands]
}
