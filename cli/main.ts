/** The `harena` command: finds the subcommand, runs it, turns errors into messages and exit codes. */
import { match } from 'ts-pattern'
import { asm } from './commands/asm.ts'
import { conformance } from './commands/conformance.ts'
import { disasm } from './commands/disasm.ts'
import { example } from './commands/example.ts'
import { inspect } from './commands/inspect.ts'
import { run } from './commands/run.ts'
import { verify } from './commands/verify.ts'
import { commandHelp, commandNamed, overview, type ParsedCommand, parseCommand, UsageError } from './options.ts'
import { ExitCode, errorJson, exitCodeOf, reportError } from './report.ts'
import { version } from './version.ts'

/** Runs the command line `argv` (without node and script) and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  leaveQuietlyWhenTheReaderDoes()
  try {
    process.exitCode = await dispatch(argv)
  } catch (error) {
    if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(errorJson(error))}\n`)
    reportError(error)
    process.exitCode = exitCodeOf(error)
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined) {
    process.stderr.write(`${overview()}\n`)
    return ExitCode.USAGE
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const [topic] = rest
    process.stdout.write(`${topic === undefined ? overview() : commandHelp(commandNamed(topic))}\n`)
    return ExitCode.DONE
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`harena ${version()}\n`)
    return ExitCode.DONE
  }
  if (name.startsWith('-')) throw new UsageError(`unknown option ${name}; a command comes first (harena --help)`)
  const command = parseCommand(commandNamed(name), rest)
  if (command.values.help === true) {
    process.stdout.write(`${commandHelp(command.spec)}\n`)
    return ExitCode.DONE
  }
  return execute(command)
}

function execute(command: ParsedCommand): Promise<number> {
  return match(command.spec.name)
    .with('run', () => run(command))
    .with('verify', () => verify(command))
    .with('asm', () => asm(command))
    .with('disasm', () => disasm(command))
    .with('inspect', () => inspect(command))
    .with('conformance', () => conformance(command))
    .with('example', () => example(command))
    .otherwise((name) => {
      throw new UsageError(`harena does not implement the command ${name}`)
    })
}

/** `harena … | head`: a reader that has seen enough is no error. */
function leaveQuietlyWhenTheReaderDoes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(ExitCode.DONE)
  })
}
