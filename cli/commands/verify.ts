/** `harena verify`: verifies programs and prints the log in the kernel's format. */
import { type LoadOptions, Machine, type ObjectSpec, VerifierError } from '../../index.ts'
import { LinuxMachine } from '../../linux/index.ts'
import { checkEngine, choosePrograms, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { Progress } from '../progress.ts'
import { ExitCode } from '../report.ts'
import { numberOption, stringOption } from '../values.ts'

/** One program's part of the JSON; the text is the log with a line below it. */
interface Verdict {
  readonly file: string
  readonly program: string
  readonly verdict: 'accepted' | 'rejected'
  readonly errno?: string
  readonly instruction?: number
  readonly message?: string
  readonly log: string
  readonly processed: number
  readonly states: number
  readonly peakStates: number
  readonly stackDepth: string
}

/** Every bit that BPF_PROG_LOAD takes: 1 and 2 say how much, 4 adds statistics, 8 keeps the buffer's size, which ours has not. */
const LOG_LEVELS = 0b1111

/** One program rejected does not spare the others: whoever mends a file wants to know of all of them. */
export async function verify(command: ParsedCommand, io: Io): Promise<number> {
  const engine = checkEngine(command)
  const logLevel = numberOption(command.values, 'log-level', 1, 0, LOG_LEVELS)
  const object = readObject(command)
  const names = choosePrograms(command, object)
  const json = command.values.json === true
  const progress = new Progress(io)
  const verdicts: Verdict[] = []
  try {
    for (const [i, name] of names.entries()) {
      const what = names.length > 1 ? `verifying ${name} (${i + 1} of ${names.length})` : `verifying ${name}`
      progress.show(() => what)
      const told = (processed: number): void => progress.show(() => `${what}: ${processed} instructions`)
      const ours = (): Verdict => verifyOne(object, name, logLevel, progress.wanted ? told : undefined)
      const verdict = engine === 'linux' ? verifyOnLinux(object, name, logLevel) : ours()
      verdicts.push(verdict)
      progress.clear()
      if (!json) print(verdict, names.length > 1, io)
    }
  } finally {
    progress.clear()
  }
  if (json) {
    const single = stringOption(command.values, 'program') !== undefined || verdicts.length === 1
    io.out(`${JSON.stringify(single ? verdicts[0] : verdicts)}\n`)
  }
  return verdicts.every((verdict) => verdict.verdict === 'accepted') ? ExitCode.DONE : ExitCode.REJECTED
}

/** Each program gets a machine of its own: one that is rejected leaves nothing behind for the next. */
function verifyOne(
  object: ObjectSpec,
  name: string,
  logLevel: number,
  progress: LoadOptions['progress'] | undefined,
): Verdict {
  const machine = new Machine()
  try {
    const loaded = machine.load(object, { programs: [name], logLevel, ...(progress === undefined ? {} : { progress }) })
    const { verified } = loaded.program(name)
    if (verified === undefined) throw new UsageError(`${name} was loaded without verification`)
    const { stats, log } = verified
    return { file: object.file, program: name, verdict: 'accepted', log, ...numbers(stats) }
  } catch (error) {
    return rejected(object, name, error)
  } finally {
    machine.close()
  }
}

/** Level 4 alone has all figures, and costs another verification. */
const STATISTICS = 4

/** What the running kernel says. */
function verifyOnLinux(object: ObjectSpec, name: string, logLevel: number): Verdict {
  const verdict = askLinux(object, name, logLevel)
  const { processed, states, peakStates, stackDepth } = askLinux(object, name, STATISTICS)
  return { ...verdict, processed, states, peakStates, stackDepth }
}

/** Each time on a machine of its own: an arena's address is taken while another's mapping is there. */
function askLinux(object: ObjectSpec, name: string, logLevel: number): Verdict {
  const machine = new LinuxMachine()
  try {
    const { log, stats } = machine.load(object, { programs: [name], logLevel }).program(name)
    return { file: object.file, program: name, verdict: 'accepted', log, ...numbers(stats) }
  } catch (error) {
    return rejected(object, name, error)
  } finally {
    machine.close()
  }
}

/** The verdict that an error is. @throws the error when it is none of the verifier's */
function rejected(object: ObjectSpec, name: string, error: unknown): Verdict {
  if (!(error instanceof VerifierError)) throw error
  return {
    file: object.file,
    program: name,
    verdict: 'rejected',
    errno: error.errno,
    ...(error.instruction === undefined ? {} : { instruction: error.instruction }),
    message: error.reason,
    log: error.log,
    ...numbers(error.stats),
  }
}

function numbers(stats: VerifierError['stats']): Pick<Verdict, 'processed' | 'states' | 'peakStates' | 'stackDepth'> {
  return {
    processed: stats.processed,
    states: stats.totalStates,
    peakStates: stats.peakStates,
    stackDepth: stats.stackDepth,
  }
}

/** The name above the log only where there are several: the log alone is what the kernel would print. */
function print(verdict: Verdict, several: boolean, io: Io): void {
  if (several) io.out(`${verdict.program}:\n`)
  io.out(verdict.log)
  const why = verdict.verdict === 'rejected' ? ` (${verdict.errno}): ${verdict.message}` : ''
  io.out(`${verdict.program}: ${verdict.verdict}${why}\n`)
}
