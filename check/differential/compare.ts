/** Holds harena's answer against the kernel's. */
import type { Answer, MapContents } from '../../linux/question.ts'

export type Disagreement =
  /** One accepts what the other refuses. */
  | { readonly kind: 'verdict'; readonly harena: string; readonly linux: string }
  /** Both refuse, for different reasons. */
  | { readonly kind: 'message'; readonly harena: string; readonly linux: string }
  /** A run gave, or left behind, something else. */
  | { readonly kind: 'result'; readonly where: string; readonly harena: string; readonly linux: string }

/** The answers that can be compared; the others are about the machine underneath, not about the program. */
export type Judgement = Extract<Answer, { readonly verdict: 'accepted' | 'rejected' }>

/** The first of them; undefined where both say and do the same. */
export function compare(harena: Judgement, linux: Judgement): Disagreement | undefined {
  const [ours, theirs] = [verdictOf(harena), verdictOf(linux)]
  if (harena.verdict !== linux.verdict) return { kind: 'verdict', harena: ours, linux: theirs }
  if (harena.verdict === 'rejected' || linux.verdict === 'rejected') {
    return ours === theirs ? undefined : { kind: 'message', harena: ours, linux: theirs }
  }
  const found = difference(harena, linux)
  return found === undefined ? undefined : { kind: 'result', ...found }
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
type Found = { readonly where: string; readonly harena: string; readonly linux: string }

function difference(harena: Accepted, linux: Accepted): Found | undefined {
  const ours = observations(harena)
  const theirs = observations(linux)
  for (const where of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(where) ?? 'absent', theirs.get(where) ?? 'absent']
    if (a !== b) return { where, ...excerpts(a, b) }
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

function excerpts(harena: string, linux: string): { harena: string; linux: string } {
  if (harena.length <= SHOWN || linux.length <= SHOWN) return { harena, linux }
  let at = 0
  while (harena[at] === linux[at]) at++
  const from = Math.max(0, (at & ~1) - BEFORE)
  const excerpt = (text: string): string => `at byte ${from / 2}: ${text.slice(from, from + SHOWN)}`
  return { harena: excerpt(harena), linux: excerpt(linux) }
}
