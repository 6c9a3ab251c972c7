/**
 * The command line as data: every command, its operands and options, from which parsing and help are made.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import { POLICIES } from '../index.ts'

/** One option. A name that has a value takes it as `--name VALUE` or `--name=VALUE`. */
export interface OptionSpec {
  readonly name: string
  readonly short?: string
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string
  readonly repeatable?: boolean
  readonly help: string
}

/** One command, told apart by its name alone: there are no commands of commands. */
export interface CommandSpec {
  readonly name: string
  /** Operands as the usage line shows them. */
  readonly operands: string
  readonly least: number
  readonly most: number
  readonly summary: string
  readonly options: readonly OptionSpec[]
  /** Further paragraphs of the help. */
  readonly notes?: readonly string[]
}

const JSON_OPTION: OptionSpec = { name: 'json', help: 'one JSON object on standard output, nothing else there' }
const HELP_OPTION: OptionSpec = { name: 'help', short: 'h', help: 'show this help' }
const PROGRAM_OPTION: OptionSpec = { name: 'program', value: 'NAME', help: 'the program meant (default: the only one)' }
const ENGINE_OPTION: OptionSpec = {
  name: 'engine',
  value: 'ENGINE',
  help: 'what runs it: jit (default), interpreter or linux',
}

const TIMEOUT_OPTION: OptionSpec = {
  name: 'timeout',
  value: 'SECONDS',
  help: 'stop after so long, fractions included (default 10, 0 for never)',
}

const BYTES = 'SPEC is hex:00ff…, @path or zero:N.'

const INJECTION =
  "--inject runs another program of the file in softirq, hardirq or nmi context before the N-th step of the run, before each (default), or before one in 16 at random, by the seed. Steps are instructions, and accesses of the allocators to what they share. Such a run is the interpreter's."

const RUN_OPTIONS: readonly OptionSpec[] = [
  PROGRAM_OPTION,
  ENGINE_OPTION,
  { name: 'ctx', value: 'SPEC', help: 'context of the program' },
  { name: 'data', value: 'SPEC', help: 'packet of an xdp or socket program, from its Ethernet header on' },
  { name: 'repeat', value: 'N', help: 'run it N times (default 1)' },
  { name: 'cpus', value: 'N', help: 'simulated CPUs (default 1)' },
  { name: 'cpu', value: 'N', help: 'the CPU to run on (default 0)' },
  { name: 'context', value: 'CONTEXT', help: 'task (default), softirq for xdp and socket programs, any for kprobe' },
  { name: 'rt', help: 'a PREEMPT_RT machine' },
  { name: 'seed', value: 'N', help: 'seed of addresses, random numbers and clock (default 1)' },
  { name: 'set', value: 'GLOBAL=VALUE', repeatable: true, help: 'set a global before the run' },
  {
    name: 'dump',
    value: 'NAME',
    repeatable: true,
    help: 'show a global, a map, `globals`, or the pages of an arena',
  },
  { name: 'policy', value: 'NAME=VALUE', repeatable: true, help: 'choose how an allocator works, see below' },
  { name: 'memory-limit', value: 'BYTES', help: 'limit of kernel memory' },
  { name: 'object-limit', value: 'BYTES', help: "limit of what the file's maps and programs have of it" },
  {
    name: 'inject',
    value: 'PROGRAM@CONTEXT[:N|each|random]',
    repeatable: true,
    help: 'run a program before a step, see below',
  },
  TIMEOUT_OPTION,
  { name: 'trace', help: 'each executed instruction, with the registers it changed, on standard error (interpreter)' },
  { name: 'unchecked', help: 'do not verify; the program cannot leave its memories and faults at the instruction' },
  JSON_OPTION,
  HELP_OPTION,
]

/** In the order in which the help lists them: what is used most comes first. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'verify and run one program; print its result and the globals it changed',
    options: RUN_OPTIONS,
    notes: [
      BYTES,
      '--engine linux loads the program into the running kernel and runs it there, attached to nothing; options that only a simulated machine has are refused.',
      INJECTION,
      policyHelp(),
    ],
  },
  {
    name: 'memstat',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'run, then show the allocators: caches against their watermarks, grace periods, pages by owner',
    options: [
      ...RUN_OPTIONS.slice(0, -2),
      { name: 'events', help: 'each thing that happens inside, in order, from the start of the run on' },
      ...RUN_OPTIONS.slice(-2),
    ],
    notes: [
      'Shows both what the run left, and what is there once all deferred work is done. The kernel shows none of this: no --engine linux.',
    ],
  },
  {
    name: 'verify',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: "verify every program of the file; print the log in the kernel's format",
    options: [
      { ...PROGRAM_OPTION, help: 'verify this program only' },
      {
        name: 'log-level',
        value: 'LEVEL',
        help: '0 none, 1 the failing path (default), 2 every path, 4 statistics; bits add up',
      },
      {
        ...ENGINE_OPTION,
        help: 'whose verifier: ours (jit, interpreter; default) or linux (what the running kernel says)',
      },
      JSON_OPTION,
      HELP_OPTION,
    ],
  },
  {
    name: 'asm',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'assemble to raw little-endian instructions (.bin)',
    options: [
      { name: 'output', short: 'o', value: 'OUT', help: 'where to write (default: FILE with .bin)' },
      { ...PROGRAM_OPTION, help: 'the program to write (default: the only one)' },
      HELP_OPTION,
    ],
  },
  {
    name: 'disasm',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'disassemble an assembly file or raw instructions',
    options: [
      { name: 'syntax', value: 'SYNTAX', help: "llvm (default) or kernel (the verifier's log)" },
      { ...PROGRAM_OPTION, help: 'this program only' },
      HELP_OPTION,
    ],
  },
  {
    name: 'inspect',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'show programs, maps, global data, BTF types and relocations',
    options: [JSON_OPTION, HELP_OPTION],
  },
  {
    name: 'jit',
    operands: 'FILE',
    least: 1,
    most: 1,
    summary: 'show the WebAssembly module that a program becomes',
    options: [
      PROGRAM_OPTION,
      { name: 'output', short: 'o', value: 'OUT', help: 'write the module itself here (usually .wasm)' },
      { name: 'unchecked', help: 'do not verify, and compile what runs with --unchecked' },
      HELP_OPTION,
    ],
    notes: [
      'The text form has the instructions and source lines of the program as comments. Some tools ask for features: multi-memory and threads.',
    ],
  },
  {
    name: 'conformance',
    operands: '[MEMORY_HEX]',
    least: 0,
    most: 1,
    summary: 'bpf_conformance plug-in: program as hex on standard input, r0 on standard output',
    options: [{ ...ENGINE_OPTION, help: 'what runs it: jit (default) or interpreter' }, TIMEOUT_OPTION, HELP_OPTION],
    notes: ['r1 is the address of the memory, r2 its length. The program is not verified.'],
  },
  {
    name: 'example',
    operands: '[NAME]',
    least: 0,
    most: 1,
    summary: 'run one of the examples that come with harena; without NAME, list them',
    options: [ENGINE_OPTION, HELP_OPTION],
  },
]

/** Commands that have a name already and nothing behind it yet. */
const TO_COME: readonly string[] = ['skeleton']

/** Values as they were written, by the option's long name. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** A command line that is well formed. What values mean is the command's business (values.ts). */
export interface ParsedCommand {
  readonly spec: CommandSpec
  readonly values: Values
  readonly operands: readonly string[]
}

/** Bad usage: exit 2. */
export class UsageError extends HarenaError {
  override name = 'UsageError'
}

/** Parses what follows the command's name. @throws UsageError */
export function parseCommand(spec: CommandSpec, argv: readonly string[]): ParsedCommand {
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const option of spec.options) {
    options[option.name] = {
      type: option.value === undefined ? 'boolean' : 'string',
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(option.repeatable === true ? { multiple: true } : {}),
    }
  }
  const { values, positionals, tokens } = tokenize(argv, options)
  const given = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = spec.options.find((candidate) => candidate.name === token.name)
    if (option === undefined) throw unknownOption(spec, token.rawName)
    if (option.value !== undefined && token.value === undefined) {
      throw new UsageError(`option ${token.rawName} needs a value: ${token.rawName} ${option.value}`)
    }
    if (option.value === undefined && token.value !== undefined) {
      throw new UsageError(`option ${token.rawName} takes no value`)
    }
    // Of two values one would be dropped without a word.
    if (given.has(option.name) && option.repeatable !== true)
      throw new UsageError(`option --${option.name} is given twice`)
    given.add(option.name)
  }
  // Who asks for help need not know yet what to give.
  if (values.help !== true) checkOperands(spec, positionals)
  return { spec, values: values as Values, operands: positionals }
}

/**
 * Node's parser in its lenient mode, which gives tokens for everything: its strict one has messages of its own, without
 * the option that was probably meant.
 */
function tokenize(
  argv: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
): {
  values: Record<string, unknown>
  positionals: string[]
  tokens: { kind: string; name: string; rawName: string; value: string | undefined }[]
} {
  const parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true })
  return {
    values: parsed.values,
    positionals: parsed.positionals,
    tokens: parsed.tokens.map((token) => ({
      kind: token.kind,
      name: token.kind === 'option' ? token.name : '',
      rawName: token.kind === 'option' ? token.rawName : '',
      value: token.kind === 'option' ? token.value : undefined,
    })),
  }
}

function checkOperands(spec: CommandSpec, operands: readonly string[]): void {
  if (operands.length < spec.least) throw new UsageError(`harena ${spec.name} needs ${spec.operands}`)
  if (operands.length > spec.most) {
    throw new UsageError(`harena ${spec.name} takes ${spec.operands} only; '${operands[spec.most]}' is one too many`)
  }
}

function unknownOption(spec: CommandSpec, raw: string): UsageError {
  const near = nearest(
    raw.replace(/^-+/u, ''),
    spec.options.map((option) => option.name),
  )
  const hint = near === undefined ? '' : `; did you mean --${near}?`
  return new UsageError(`unknown option ${raw} of harena ${spec.name}${hint}`)
}

/** The command called `name`. @throws UsageError with the nearest one */
export function commandNamed(name: string): CommandSpec {
  const spec = COMMANDS.find((candidate) => candidate.name === name)
  if (spec !== undefined) return spec
  if (TO_COME.includes(name)) throw new UsageError(`harena does not implement the command ${name}`)
  const near = nearest(
    name,
    COMMANDS.map((command) => command.name),
  )
  throw new UsageError(
    `unknown command '${name}'${near === undefined ? '' : `; did you mean ${near}?`} (harena --help lists all)`,
  )
}

/** Help of one command. */
export function commandHelp(spec: CommandSpec): string {
  const left = (option: OptionSpec): string =>
    `${option.short === undefined ? '    ' : `-${option.short}, `}--${option.name}${option.value === undefined ? '' : ` ${option.value}`}`
  const width = Math.max(...spec.options.map((option) => left(option).length))
  const lines = [
    `usage: harena ${spec.name} ${spec.operands} [options]`.replace('  ', ' '),
    '',
    `  ${spec.summary}`,
    '',
    'options:',
    ...spec.options.map(
      (option) => `  ${left(option).padEnd(width)}  ${option.help}${option.repeatable === true ? ' (repeatable)' : ''}`,
    ),
  ]
  if (spec.notes !== undefined) lines.push('', ...spec.notes)
  return lines.join('\n')
}

/** A line for each policy: its name, its values with the default first, what it chooses. */
function policyHelp(): string {
  const lines = POLICIES.map(({ name, values, help }) => {
    const choices = values.map((value, i) => (i === 0 ? `${value} (default)` : value))
    return `  ${name}=${choices.join('|')}  ${help}`
  })
  return ['', 'policies:', ...lines].join('\n')
}

/** Help of the whole. */
export function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => `${command.name} ${command.operands}`.length))
  return [
    'usage: harena COMMAND [options]',
    '',
    ...COMMANDS.map((command) => `  ${`${command.name} ${command.operands}`.padEnd(width)}  ${command.summary}`),
    '',
    'FILE is assembly (*.bpf.s) or raw instructions (*.bin), told apart by content.',
    'harena COMMAND --help shows the options; harena --version the version.',
    'exit codes: 0 done · 1 rejected by the verifier · 2 bad usage or input · 3 fault while running',
  ].join('\n')
}
