/** `harena conformance`: the plug-in of the public suite. Program as hex on standard input, r0 as hex digits out. */
import { readFileSync } from 'node:fs'
import { runConformance } from '../../index.ts'
import { checkEngine } from '../input.ts'
import type { ParsedCommand } from '../options.ts'
import { ExitCode } from '../report.ts'
import { hexBytes } from '../values.ts'

export async function conformance(command: ParsedCommand): Promise<number> {
  checkEngine(command)
  const memory = hexBytes(command.operands[0] ?? '', 'memory')
  const program = hexBytes(readFileSync(0, 'utf8'), 'program on standard input')
  process.stdout.write(`${runConformance(program, memory).toString(16)}\n`)
  return ExitCode.DONE
}
