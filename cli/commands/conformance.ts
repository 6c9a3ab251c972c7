/** `harena conformance`: the plug-in of the public suite. Program as hex on standard input, r0 as hex digits out. */
import { runConformance } from '../../index.ts'
import { checkEngine } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { complain, ExitCode } from '../report.ts'
import { hexBytes, timeoutOption } from '../values.ts'

const SLOT_BYTES = 8

/** The suite takes nothing but digits on standard output; whatever is wrong shows as another exit code. */
export async function conformance(command: ParsedCommand, io: Io): Promise<number> {
  const engine = checkEngine(command)
  if (engine === 'linux') {
    throw new UsageError('the kernel runs verified programs only; --engine linux is not for conformance vectors')
  }
  const memory = hexBytes(command.operands[0] ?? '', 'memory')
  const program = hexBytes(io.input(), 'program on standard input')
  if (program.length === 0 || program.length % SLOT_BYTES !== 0) {
    throw new UsageError(`program on standard input: ${program.length} bytes are no whole number of instructions`)
  }
  const timeout = timeoutOption(command.values)
  const watch = { now: io.now, deadline: timeout === 0 ? Infinity : io.now() + timeout }
  const warn = (line: string): void => complain(`harena: ${line}`, io)
  io.out(`${runConformance(program, memory, { engine, watch, warn }).toString(16)}\n`)
  return ExitCode.DONE
}
