/** Files of the command line: what they hold and the program that is meant. */
import type { EngineName, ObjectSpec } from '../index.ts'
import { openObject } from '../node.ts'
import type { Io } from './io.ts'
import { type ParsedCommand, UsageError } from './options.ts'
import { complain } from './report.ts'
import { readBytes, stringOption } from './values.ts'

/** The object in the command's FILE: assembly or raw instructions, told apart by content. */
export function readObject(command: ParsedCommand): ObjectSpec {
  const path = command.operands[0] ?? ''
  return openObject(path, readBytes(path))
}

/** The name of the program meant: `--program`, or the only one. */
export function chooseProgram(command: ParsedCommand, object: ObjectSpec): string {
  const names = object.programs.map((program) => program.name)
  const wanted = stringOption(command.values, 'program')
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted
    throw new UsageError(`${object.file} has no program ${wanted}${listed(names)}`)
  }
  const [only, ...more] = names
  if (only === undefined) throw new UsageError(`${object.file} has no program`)
  if (more.length > 0)
    throw new UsageError(`${object.file} has several programs; choose with --program${listed(names)}`)
  return only
}

/** `--program`, or every program of the file. */
export function choosePrograms(command: ParsedCommand, object: ObjectSpec): readonly string[] {
  if (stringOption(command.values, 'program') !== undefined) return [chooseProgram(command, object)]
  if (object.programs.length === 0) throw new UsageError(`${object.file} has no program`)
  return object.programs.map((program) => program.name)
}

/** The names, for the end of a message. */
export function listed(names: readonly string[]): string {
  return names.length === 0 ? '' : `: ${names.join(', ')}`
}

/** `--engine`: one of harena's own, or the kernel underneath; undefined where none is named. */
export function checkEngine({ values }: ParsedCommand): EngineName | 'linux' | undefined {
  const engine = stringOption(values, 'engine')
  if (engine === undefined || engine === 'interpreter' || engine === 'jit' || engine === 'linux') return engine
  throw new UsageError(`--engine takes jit, interpreter or linux, not '${engine}'`)
}

/** The same for a run: what looks at each instruction is the interpreter's business, and it is said who does it. */
export function engineForRun(command: ParsedCommand, io: Io): EngineName | 'linux' | undefined {
  const engine = checkEngine(command)
  const looking = LOOKING.find((name) => command.values[name] !== undefined)
  if (looking === undefined || engine === 'interpreter' || engine === 'linux') return engine
  if (engine === 'jit') throw new UsageError(`--${looking} runs on the interpreter; --engine jit does not take it`)
  complain(`harena: --${looking} runs on the interpreter`, io)
  return 'interpreter'
}

const LOOKING = ['trace', 'inject']

/** What only a simulated machine can be told. */
const SIMULATED = [
  'cpus',
  'rt',
  'seed',
  'policy',
  'memory-limit',
  'object-limit',
  'context',
  'trace',
  'unchecked',
  'inject',
]

/** @throws UsageError for an option that the running kernel does not take */
export function checkLinuxOptions({ values }: ParsedCommand): void {
  const wrong = SIMULATED.find((name) => values[name] !== undefined)
  if (wrong !== undefined)
    throw new UsageError(`--${wrong} is for harena's own engines; --engine linux does not take it`)
}
