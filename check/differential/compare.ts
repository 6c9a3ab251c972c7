/** Holds harena's answer against the kernel's, and those of its engines against each other. */
import type { Answer, MapContents } from '../../linux/question.ts'

export type EngineName = 'interpreter' | 'jit' | 'linux'

export type Disagreement =
  /** One accepts what the other refuses. */
  | { readonly kind: 'verdict'; readonly harena: string; readonly linux: string }
  /** Both refuse, for different reasons. */
  | { readonly kind: 'message'; readonly harena: string; readonly linux: string }
  /** A run gave, or left behind, something else on two engines. */
  | {
      readonly kind: 'result'
      readonly engines: readonly [EngineName, EngineName]
      readonly where: string
      readonly values: readonly [string, string]
    }

/** The answers that can be compared; the others are about the machine underneath, not about the program. */
export type Judgement = Extract<Answer, { readonly verdict: 'accepted' | 'rejected' }>

export function isJudgement(answer: Answer): answer is Judgement {
  return answer.verdict === 'accepted' || answer.verdict === 'rejected'
}

/** The first of them; undefined where both say and do the same. */
export function compare(harena: Judgement, linux: Judgement): Disagreement | undefined {
  const [ours, theirs] = [verdictOf(harena), verdictOf(linux)]
  if (harena.verdict !== linux.verdict) return { kind: 'verdict', harena: ours, linux: theirs }
  if (harena.verdict === 'rejected' || linux.verdict === 'rejected') {
    return ours === theirs ? undefined : { kind: 'message', harena: ours, linux: theirs }
  }
  return difference(harena, linux, ['interpreter', 'linux'])
}

/** Where compiled code gives something else than the interpreter, or does not run at all. */
export function compareEngines(answers: Readonly<Record<'interpreter' | 'jit', Answer>>): Disagreement | undefined {
  const { interpreter, jit } = answers
  const engines = ['interpreter', 'jit'] as const
  if (interpreter.verdict === 'accepted' && jit.verdict === 'accepted') return difference(interpreter, jit, engines)
  const values = [summary(interpreter), summary(jit)] as const
  return values[0] === values[1] ? undefined : { kind: 'result', engines, where: 'verdict', values }
}

function summary(answer: Answer): string {
  return isJudgement(answer) ? verdictOf(answer) : answer.message
}

/** `accepted`, or `ERRNO message`, without what is another machine's: ids of kfuncs, addresses. */
export function verdictOf(answer: Judgement): string {
  return answer.verdict === 'accepted' ? 'accepted' : `${answer.errno} ${normalised(answer.message)}`
}

export function normalised(message: string): string {
  return message.replaceAll(/0xffff[89a-f][0-9a-f]{11}/gu, 'ADDRESS').replaceAll(/\b(bpf_arena_\w+)#\d+/gu, '$1')
}

/** What kind of message it is: numbers do not count. */
export function messageKind(verdict: string): string {
  return verdict.replaceAll(/-?\b(?:0x[0-9a-f]+|\d+)\b/gu, 'N').replaceAll(/\b(R|fp|frame|insn )\d+/gu, '$1N')
}

type Accepted = Extract<Answer, { readonly verdict: 'accepted' }>

function difference(
  one: Accepted,
  other: Accepted,
  engines: readonly [EngineName, EngineName],
): Disagreement | undefined {
  const ours = observations(one)
  const theirs = observations(other)
  for (const where of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(where) ?? 'absent', theirs.get(where) ?? 'absent']
    if (a !== b) return { kind: 'result', engines, where, values: excerpts(a, b) }
  }
  return undefined
}

/** Everything that can be seen, by place. */
function observations({ runs, maps }: Accepted): Map<string, string> {
  const seen = new Map<string, string>()
  for (const [n, run] of runs.entries()) {
    seen.set(`run ${n}: retval`, run.errno ?? `0x${(run.retval ?? 0).toString(16)}`)
    if (run.ctx !== undefined) seen.set(`run ${n}: ctx`, hex(run.ctx))
    if (run.data !== undefined) seen.set(`run ${n}: data`, hex(run.data))
  }
  for (const [name, contents] of Object.entries(maps)) {
    for (const [key, value] of entriesOf(contents)) seen.set(`${name}[${key}]`, hex(value))
  }
  return seen
}

function entriesOf(contents: MapContents): (readonly [string, Uint8Array])[] {
  switch (contents.kind) {
    case 'pages':
      return contents.pages.map(([page, bytes]) => [`page ${page}`, bytes])
    case 'entries':
      return contents.entries.map(([key, value]) => [hex(key), value])
    default:
      return contents satisfies never
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Digits of a byte or two in front of the first that differ, and some behind. */
const BEFORE = 4
const SHOWN = 48

function excerpts(one: string, other: string): readonly [string, string] {
  if (one.length <= SHOWN || other.length <= SHOWN) return [one, other]
  let at = 0
  while (one[at] === other[at]) at++
  const from = Math.max(0, (at & ~1) - BEFORE)
  const excerpt = (text: string): string => `at byte ${from / 2}: ${text.slice(from, from + SHOWN)}`
  return [excerpt(one), excerpt(other)]
}
