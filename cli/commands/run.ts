/** `harena run`: verifies and runs one program, prints its result and the globals it changed. */
import {
  HarenaError,
  type Injection,
  type LoadedObject,
  link,
  Machine,
  type MachineOptions,
  type MemoryReport,
  type ObjectSpec,
  type ProgramType,
  type RunOptions,
  type RunResult,
} from '../../index.ts'
import { LinuxMachine, type LinuxObject, type LinuxRunResult } from '../../linux/index.ts'
import { runInChild } from '../child.ts'
import { type Dumped, dump, globalText, renderDump } from '../dump.ts'
import { injectionLines, injectionsJson, startInjections, type Wanted, wantedInjections } from '../inject.ts'
import { checkLinuxOptions, chooseProgram, engineForRun, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { packetJson, packetLines } from '../packet.ts'
import { besides, Progress } from '../progress.ts'
import { complain, ExitCode, errorJson, exitCodeOf, reportError } from '../report.ts'
import {
  assignment,
  bytesOption,
  choiceOption,
  listOption,
  numberOption,
  parseInteger,
  timeoutOption,
} from '../values.ts'

const CONTEXTS = ['task', 'softirq', 'hardirq', 'nmi'] as const
const FOUR_GIB = 2n ** 32n

/** Helpers that print: bpf_trace_printk and bpf_trace_vprintk. */
const PRINTING = [6, 177]

type AnyLoaded = LoadedObject | LinuxObject

interface Outcome {
  readonly type: ProgramType
  readonly result: RunResult | LinuxRunResult
  readonly output: readonly string[]
  readonly changed: ReadonlyMap<string, string>
  readonly dumped: readonly Dumped[]
  readonly injections: readonly Injection[]
}

/**
 * Verifies and runs. For machines everything that happens behind the choice of the program ends in one JSON object;
 * before that there is no program to speak of, and main.ts makes it.
 */
export function run(command: ParsedCommand, io: Io): Promise<number> {
  return runThen(command, io, () => () => undefined)
}

/** What a command adds to the outcome of a run: fields for machines, lines for people. */
export interface Addition {
  readonly json: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
}

/** As `run`; `watch` sees the machine before the run, and what it gives is called after it, before the machine closes. */
export async function runThen(
  command: ParsedCommand,
  plain: Io,
  watch: (machine: Machine) => () => Addition | undefined,
): Promise<number> {
  const progress = new Progress(plain)
  const io = besides(progress, plain)
  const { values } = command
  const object = readObject(command)
  const program = chooseProgram(command, object)
  const repeat = numberOption(values, 'repeat', 1, 1, 2 ** 31)
  const options = runOptions(command, repeat, program, progress, io)
  const wanted = wantedInjections(values, object)
  const engine = engineForRun(command, io)
  if (engine === 'linux') checkLinuxOptions(command)
  const reports: MemoryReport[] = []
  const about = (on: Machine | LinuxMachine | undefined): Record<string, unknown> => ({
    file: object.file,
    program,
    // Without a machine it is what was asked for.
    engine: on instanceof Machine ? on.engine : (engine ?? 'jit'),
  })
  let machine: Machine | LinuxMachine | undefined
  try {
    // The child gets --timeout=0 and comes by here again; without a time-out the kernel may as well keep this process.
    if (engine === 'linux' && options.timeoutMs !== 0) return await runInChild(command, options, io)
    machine =
      engine === 'linux'
        ? new LinuxMachine()
        : new Machine({ ...machineOptions(command, wanted), engine, warn: (line) => complain(`harena: ${line}`, io) })
    const unchecked = values.unchecked === true
    const told = (processed: number): void => progress.show(() => `verifying ${program}: ${processed} instructions`)
    const loaded = machine.load(object, {
      programs: [...new Set([program, ...wanted.map((one) => one.program)])],
      unchecked,
      memoryLimit: numberOption(values, 'object-limit', 0, 0, Number.MAX_SAFE_INTEGER),
      ...(progress.wanted ? { progress: told } : {}),
    })
    hintAtTheZeroPage(loaded, program, io)
    if (machine instanceof Machine) listenToReports(machine, reports, io)
    const look = machine instanceof Machine ? watch(machine) : undefined
    const outcome = runOnce(command, machine, loaded, program, options, wanted, io)
    const addition = look?.()
    if (values.json === true) {
      const verdict = unchecked ? 'unchecked' : 'accepted'
      const fields = { ...outcomeJson(outcome, repeat), ...reportsJson(machine, reports), ...addition?.json }
      io.out(`${JSON.stringify({ ...about(machine), verdict, ...fields })}\n`)
    } else {
      io.out(renderOutcome(program, outcome))
      for (const line of addition?.lines ?? []) io.out(`${line}\n`)
    }
    return ExitCode.DONE
  } catch (error) {
    if (values.json !== true) throw error
    const fields = { ...errorJson(error), ...reportsJson(machine, reports) }
    io.out(`${JSON.stringify({ ...about(machine), ...fields })}\n`)
    reportError(error, io)
    return exitCodeOf(error)
  } finally {
    progress.clear()
    machine?.close()
  }
}

function machineOptions({ values }: ParsedCommand, wanted: readonly Wanted[]): MachineOptions {
  const limit = numberOption(values, 'memory-limit', 0, 0, Number.MAX_SAFE_INTEGER)
  const policies: Record<string, string> = {}
  for (const text of listOption(values, 'policy')) {
    const { name, value } = assignment(text, 'policy')
    policies[name] = value
  }
  return {
    cpus: numberOption(values, 'cpus', 1, 1, 8192),
    seed: numberOption(values, 'seed', 1, 0, Number.MAX_SAFE_INTEGER),
    rt: values.rt === true,
    policies,
    injection: wanted.length > 0,
    ...(limit === 0 ? {} : { memoryLimit: limit }),
  }
}

function runOptions(
  command: ParsedCommand,
  repeat: number,
  program: string,
  progress: Progress,
  io: Io,
): RunOptions & { readonly timeoutMs: number } {
  const { values } = command
  const ctx = bytesOption(values, 'ctx')
  const data = bytesOption(values, 'data')
  return {
    cpu: numberOption(values, 'cpu', 0, 0, 8191),
    context: choiceOption(values, 'context', CONTEXTS),
    timeoutMs: timeoutOption(values),
    repeat,
    ...(ctx === undefined ? {} : { ctx }),
    ...(data === undefined ? {} : { data }),
    // A trace shows well enough that something happens.
    ...(values.trace === true
      ? { trace: (line: string) => io.err(`${line}\n`) }
      : progress.wanted
        ? { progress: () => progress.show((seconds) => `running ${program}: ${seconds} s`) }
        : {}),
  }
}

/** Globals are compared before and after: what a program did to them is a part of its result. */
function runOnce(
  command: ParsedCommand,
  machine: Machine | LinuxMachine,
  loaded: AnyLoaded,
  program: string,
  options: RunOptions,
  wanted: readonly Wanted[],
  io: Io,
): Outcome {
  for (const text of listOption(command.values, 'set')) setGlobal(loaded, text)
  const output: string[] = []
  const listener = (line: string, name: string): void => {
    output.push(line)
    io.err(`${name}: ${line}\n`)
  }
  if (machine instanceof Machine) machine.on('output', listener)
  else if (prints(loaded.spec)) listenIfPossible(machine, listener, io)
  const before = globalTexts(loaded)
  const { type } = loaded.program(program)
  const injections = startInjections(loaded, wanted)
  const result = loaded.program(program).run(options)
  for (const injection of injections) injection.end()
  const changed = new Map([...globalTexts(loaded)].filter(([name, text]) => before.get(name) !== text))
  const dumped = listOption(command.values, 'dump').flatMap((name) => dump(loaded, name))
  return { type, result, output, changed, dumped, injections }
}

/** What is wrong with the use of memory, for both kinds of readers: also where the program faults in the end. */
function listenToReports(machine: Machine, reports: MemoryReport[], io: Io): void {
  machine.on('report', (report, line) => {
    reports.push(report)
    complain(line, io)
  })
}

/** In debug mode, and where there are any. Addresses are strings, as all 64 bits are. */
function reportsJson(
  machine: Machine | LinuxMachine | undefined,
  reports: readonly MemoryReport[],
): Record<string, unknown> {
  const watched = machine instanceof Machine && machine.isDebugging
  if (!watched && reports.length === 0) return {}
  const hex = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)
  return { reports: JSON.parse(JSON.stringify(reports, hex)) }
}

/** The kernel's tracer may be out of reach, and is no reason not to run a program. */
function listenIfPossible(machine: LinuxMachine, listener: (line: string, name: string) => void, io: Io): void {
  try {
    machine.on('output', listener)
  } catch (error) {
    if (!(error instanceof HarenaError)) throw error
    complain(`hint: ${error.message}`, io)
  }
}

/** Does anything in the object call a helper that prints? */
function prints({ programs, functions }: ObjectSpec): boolean {
  return [...programs, ...functions].some(({ insns }) =>
    insns.some((insn) => insn.row.name === 'call_helper' && PRINTING.includes(insn.imm)),
  )
}

/** As many bits as the global has, signed or unsigned: `-1` and `0xff` are the same byte. */
function setGlobal(loaded: AnyLoaded, text: string): void {
  const { name, value } = assignment(text, 'set')
  const global = loaded.global(name)
  const number = parseInteger(value)
  if (number === undefined) throw new UsageError(`--set ${name} takes an integer, not '${value}'`)
  const bits = BigInt(8 * global.size)
  if (number >= 2n ** bits || number < -(2n ** (bits - 1n))) {
    throw new UsageError(`--set ${name}: ${value} does not fit in ${global.size} bytes`)
  }
  global.set(BigInt.asUintN(8 * global.size, number))
}

/** Every global's value as text. */
function globalTexts(loaded: AnyLoaded): Map<string, string> {
  return new Map([...loaded.globals.values()].map((global) => [global.name, globalText(global)]))
}

/** Once for a program whose arena starts where the first object's address casts to NULL. */
function hintAtTheZeroPage(loaded: AnyLoaded, program: string, io: Io): void {
  const used = new Set(link(loaded.spec, program).references.map(({ name }) => name))
  for (const map of loaded.maps.values()) {
    // The file's other arenas are other programs' business.
    if (!used.has(map.name)) continue
    // An arena of 4 GiB has no other place to be: there is nothing to hint at.
    if (map.info.type !== 'arena' || map.info.maxEntries === 2 ** 20) continue
    const start = map.mmap().start
    if (start % FOUR_GIB !== 0n) continue
    complain(
      `hint: arena ${map.name} starts at 0x${start.toString(16)}, a multiple of 4 GiB: the object on its first byte ` +
        'casts to NULL; another extra= avoids that',
      io,
    )
    return
  }
}

/** Values of 64 bits are strings: a JSON number would lose their lower bits. */
function outcomeJson(
  { type, result, output, changed, dumped, injections }: Outcome,
  repeat: number,
): Record<string, unknown> {
  return {
    ...('r0' in result ? { r0: `0x${result.r0.toString(16)}` } : {}),
    retval: result.retval,
    ...packetJson(type, result),
    repeat,
    // Undefined for syscall programs of the kernel, so left out.
    durationNs: result.durationNs,
    output,
    globals: Object.fromEntries(changed),
    dump: Object.fromEntries(dumped.map((item) => [item.name, item.json])),
    ...injectionsJson(injections),
  }
}

/** r0 is shown where it says more than the 32 bits that the kernel gives back. */
function renderOutcome(program: string, { type, result, changed, dumped, injections }: Outcome): string {
  const wide = 'r0' in result && result.r0 !== BigInt(result.retval) ? `, r0 0x${result.r0.toString(16)}` : ''
  const lines = [`${program}: returned ${result.retval} (0x${result.retval.toString(16)}${wide})`]
  lines.push(...packetLines(type, result), ...injectionLines(injections))
  for (const [name, text] of changed) lines.push(`  ${name} = ${text}`)
  for (const item of dumped) lines.push(...renderDump(item))
  return `${lines.join('\n')}\n`
}
