/**
 * Found cases: small assembly files that once showed a disagreement, with what Linux says of them. They are replayed
 * for ever, with a kernel and without.
 *
 *     # Why it is here, in a line or more.
 *     # linux: accepted                         or  # linux: EACCES R1 !read_ok
 *     # cpus: 2
 *     # run: ctx=HEX data=HEX in0=0x1 arr[0]=HEX       one line for each run
 *     # result: retval=0x0 out=0x5                     what Linux gave, one line for each run
 *     # run on harena: ...                             a run that only harena's engines are compared by
 *     (assembly)
 */
import { assemble } from '../../asm/assemble.ts'
import type { Answer, MapContents, Question, RunRequest } from '../../linux/question.ts'
import { type GeneratedProgram, PROGRAM_NAME } from '../generate/write-program.ts'
import type { RunInput } from '../run-input.ts'
import type { Escape } from '../state-check.ts'
import { isJudgement, verdictOf } from './compare.ts'
import type { SmallCase } from './shrink.ts'

export interface FoundCase {
  /** The kernel's verdict, as verdictOf gives it. */
  readonly linux: string
  readonly question: Question
  /** With runs whose results are harena's own business. */
  readonly own: Question | undefined
  /** CPUs of that kernel. */
  readonly cpus: number
  /** What the runs gave on Linux, as resultsOf gives it; empty where nothing was run. */
  readonly results: readonly string[]
}

/** The file of a case that was just found. */
export function renderCase({ origin, cpus, text, comparable, inputs, disagreement, linux }: SmallCase): string {
  const verdict = isJudgement(linux) ? verdictOf(linux) : linux.message
  const runs = comparable && linux.verdict === 'accepted' ? inputs : []
  const own = disagreement.kind === 'result' && runs.length === 0 ? inputs : []
  const results = linux.verdict === 'accepted' ? resultsOf(linux) : []
  return [
    ...describe(origin, disagreement),
    `# linux: ${verdict}`,
    `# cpus: ${cpus}`,
    ...runs.map((input) => `# run: ${renderInput(input)}`),
    ...results.map((result) => `# result: ${result}`),
    ...own.map((input) => `# run on harena: ${renderInput(input)}`),
    text.trimEnd(),
    '',
  ].join('\n')
}

function describe(origin: string, disagreement: SmallCase['disagreement']): string[] {
  const { kind } = disagreement
  if (kind !== 'result') return [`# ${origin}: ${kind}`, `# harena said: ${disagreement.harena}`]
  const { engines, where, values } = disagreement
  return [`# ${origin}: ${kind} (${where})`, `# ${engines[0]} gave: ${values[0]}, ${engines[1]}: ${values[1]}`]
}

/** The file of a program that left what the verifier had walked. */
export function renderEscapeCase(
  origin: string,
  cpus: number,
  { text, comparable }: GeneratedProgram,
  { slot, place, value, pruning, nearest, input }: Escape,
): string {
  // What chance shows in is not run when the case is replayed.
  const run = comparable ? 'run' : 'was run with'
  return [
    `# ${origin}: state checking, instruction ${slot}: ${place} = ${value}, walked ${pruning ? 'with' : 'without'} pruning as`,
    ...nearest.split('\n').map((line) => `#   ${line}`),
    '# linux: accepted',
    `# cpus: ${cpus}`,
    `# ${run}: ${renderInput(input)}`,
    text.trimEnd(),
    '',
  ].join('\n')
}

/** What can be seen of an answer: a line for each run, and one for each map that is small. */
export function resultsOf(answer: Extract<Answer, { readonly verdict: 'accepted' }>): readonly string[] {
  const runs = answer.runs.map(({ errno, retval = 0, ctx, data }) => {
    const parts: string[] = [errno ?? `retval=0x${retval.toString(16)}`]
    if (ctx !== undefined) parts.push(`ctx=${hex(ctx)}`)
    if (data !== undefined) parts.push(`data=${hex(data)}`)
    return parts.join(' ')
  })
  const maps = Object.entries(answer.maps).map(
    ([name, contents]) => `${name}: ${renderContents(contents) || 'nothing'}`,
  )
  return [...runs, ...(answer.runs.length === 0 ? [] : maps)]
}

function renderContents(contents: MapContents): string {
  switch (contents.kind) {
    case 'pages':
      return contents.pages.map(([page, bytes]) => `page ${page}=${trimmed(bytes)}`).join(' ')
    case 'entries':
      return contents.entries.map(([key, value]) => `${hex(key)}=${trimmed(value)}`).join(' ')
    default:
      return contents satisfies never
  }
}

/** Hex digits without the zero bytes at the end. */
function trimmed(bytes: Uint8Array): string {
  return hex(bytes).replace(/(?:00)+$/u, '') || '0'
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

function renderInput({ ctx, data, globals, elements }: RunInput): string {
  return [
    ...(ctx.length === 0 ? [] : [`ctx=${hex(ctx)}`]),
    ...(data === undefined ? [] : [`data=${hex(data)}`]),
    ...Object.entries(globals).map(([name, value]) => `${name}=0x${value.toString(16)}`),
    ...elements.map(({ map, key, bytes }) => `${map}[${key}]=${hex(bytes)}`),
  ].join(' ')
}

/** @throws Error for a file that is no case */
export function parseCase(text: string): FoundCase {
  const lines = text.split('\n')
  const linux = texts(lines, 'linux')[0]
  if (linux === undefined) throw new Error("there is no line '# linux: VERDICT'")
  const object = assemble(text)
  const runs = texts(lines, 'run').map((run) => parseRun(run, object.programs[0]!.name))
  const given = runs.length === 0 ? { read: [] } : { runs }
  const own = texts(lines, 'run on harena').map((run) => parseRun(run, object.programs[0]!.name))
  return {
    linux,
    own: own.length === 0 ? undefined : { object, runs: own },
    cpus: Number(texts(lines, 'cpus')[0] ?? 1),
    question: { object, ...given },
    results: texts(lines, 'result'),
  }
}

function texts(lines: readonly string[], key: string): string[] {
  const start = `# ${key}: `
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length))
}

const ITEM = /^(?<name>\w+)(?:\[(?<key>\d+)\])?=(?<value>\S*)$/u

function parseRun(text: string, program: string = PROGRAM_NAME): RunRequest {
  const globals: Record<string, bigint> = {}
  const elements: { map: string; key: number; bytes: Uint8Array }[] = []
  const given: { ctx?: Uint8Array; data?: Uint8Array } = {}
  for (const item of text.split(' ')) {
    const { name, key, value } = ITEM.exec(item)?.groups ?? {}
    if (name === undefined || value === undefined) throw new Error(`${item} is no input of a run`)
    if (name === 'ctx' || name === 'data') given[name] = bytesOf(value)
    else if (key === undefined) globals[name] = BigInt(value)
    else elements.push({ map: name, key: Number(key), bytes: bytesOf(value) })
  }
  return { program, ...given, globals, elements }
}

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

/** The file with what Linux says and does today. */
export function withAnswer(text: string, linux: string, results: readonly string[]): string {
  const lines = text.split('\n').filter((line) => !line.startsWith('# result: '))
  const at = lines.findLastIndex((line) => /^# (?:linux|cpus|run): /u.test(line))
  const updated = lines.map((line) => (line.startsWith('# linux: ') ? `# linux: ${linux}` : line))
  return updated.toSpliced(at + 1, 0, ...results.map((result) => `# result: ${result}`)).join('\n')
}
