/** The `harena` command: finds the subcommand, runs it, turns errors into messages and exit codes. */
import { match } from 'ts-pattern'
import { asm } from './commands/asm.ts'
import { conformance } from './commands/conformance.ts'
import { disasm } from './commands/disasm.ts'
import { example } from './commands/example.ts'
import { inspect } from './commands/inspect.ts'
import { jit } from './commands/jit.ts'
import { memstat } from './commands/memstat.ts'
import { run } from './commands/run.ts'
import { verify } from './commands/verify.ts'
import { type Io, processIo } from './io.ts'
import { commandHelp, commandNamed, overview, type ParsedCommand, parseCommand, UsageError } from './options.ts'
import { ExitCode, errorJson, exitCodeOf, reportError } from './report.ts'
import { version } from './version.ts'

/** Runs the command line `argv` (without node and script) and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await execute(argv, processIo())
}

/** As `main`, on any input and output; gives the exit code. */
export async function execute(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io)
  } catch (error) {
    if (wantsJson(argv)) io.out(`${JSON.stringify(errorJson(error))}\n`)
    reportError(error, io)
    return exitCodeOf(error)
  }
}

/** Also where the command line itself is wrong: whoever reads JSON reads that too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined) {
    io.err(`${overview()}\n`)
    return ExitCode.USAGE
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const [topic] = rest
    io.out(`${topic === undefined ? overview() : commandHelp(commandNamed(topic))}\n`)
    return ExitCode.DONE
  }
  if (name === '--version' || name === '-V') {
    io.out(`harena ${version()}\n`)
    return ExitCode.DONE
  }
  if (name.startsWith('-')) throw new UsageError(`unknown option ${name}; a command comes first (harena --help)`)
  const command = parseCommand(commandNamed(name), rest)
  if (command.values.help === true) {
    io.out(`${commandHelp(command.spec)}\n`)
    return ExitCode.DONE
  }
  return perform(command, io)
}

/** The commands by name; `options.ts` has no functions in it, so that help needs none of them. */
function perform(command: ParsedCommand, io: Io): Promise<number> {
  return match(command.spec.name)
    .with('run', () => run(command, io))
    .with('memstat', () => memstat(command, io))
    .with('verify', () => verify(command, io))
    .with('asm', () => asm(command, io))
    .with('disasm', () => disasm(command, io))
    .with('inspect', () => inspect(command, io))
    .with('jit', () => jit(command, io))
    .with('conformance', () => conformance(command, io))
    .with('example', () => example(command, io))
    .otherwise((name) => {
      throw new UsageError(`harena does not implement the command ${name}`)
    })
}
