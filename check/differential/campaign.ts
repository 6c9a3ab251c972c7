/**
 * The differential harness: generated programs, harena's verdict and results against those of the running kernel.
 *
 *     candidates --> assemble --> harena (here)  ----------------> compare --> Tally, disagreements
 *                        \------> the kernel (a child process) --/
 *
 * Some tens of questions are on their way to the kernel at any time, so that both sides work at once. Nothing depends
 * on which answers first: programs are counted in the order of their numbers.
 */
import { assemble } from '../../asm/assemble.ts'
import type { KernelClient } from '../../linux/client.ts'
import type { Answer, Question, RunRequest } from '../../linux/question.ts'
import { link } from '../../program/link.ts'
import { PROGRAM_NAME } from '../generate/write-program.ts'
import type { RunInput } from '../run-input.ts'
import { type Escape, stateCheck } from '../state-check.ts'
import { WalkTooLong } from '../walk-record.ts'
import { compare, type Disagreement, type Judgement, messageKind } from './compare.ts'
import { answerOfHarena, TooLong } from './harena.ts'
import { type Candidate, CLASSES, candidates, inputsFor } from './programs.ts'
import { NotComparable, taintHook } from './taint.ts'

export interface DifferentialOptions {
  readonly seed: number
  /** CPUs that the kernel has room for: programs may learn of them. */
  readonly cpus: number
  /** Programs to compare. */
  readonly runs: number
  /** Only those of this class. */
  readonly only?: string
  /** Of so many programs that harena accepts one is run under state checking too; 0 for none. Default 1. */
  readonly stateEvery?: number
  /** Called now and then with the number of programs compared. */
  readonly progress?: (done: number) => void
}

export interface Found {
  readonly candidate: Candidate
  readonly disagreement: Disagreement
}

export interface ClassTally {
  readonly runs: number
  /** Verdicts that are the same. */
  readonly agree: number
  /** Refused by the kernel. */
  readonly rejected: number
  /** Accepted by both, and run on both: what they gave was compared. */
  readonly compared: number
}

export interface DifferentialResult {
  readonly seed: number
  readonly runs: number
  /** Programs with the same verdict, of all. */
  readonly verdictAgreement: number
  /** Programs refused with the same errno and message, of those that both refuse. */
  readonly messageAgreement: number
  /** Programs of which something else came out. */
  readonly resultDifferences: number
  /** Programs refused by the kernel, of all. */
  readonly rejected: number
  /** Programs accepted by both whose results were compared. */
  readonly compared: number
  readonly byClass: Readonly<Record<string, ClassTally>>
  readonly found: readonly Found[]
  /** Programs left out, by reason: they count as no run. */
  readonly leftOut: ReadonlyMap<string, number>
  /** Programs run under state checking, and what it found. */
  readonly stateChecked: number
  /** Programs that state checking left out, as their walks have too many states to keep. */
  readonly stateTooLong: number
  /** Runs that it followed no further after so many instructions, and at holes of Linux. */
  readonly stateCut: number
  readonly stateHoles: number
  readonly escapes: readonly { readonly candidate: Candidate; readonly escape: Escape }[]
}

/** Questions on their way to the kernel. */
const IN_FLIGHT = 48
/** Instructions that a verifier may walk: programs that take more keep both sides busy for seconds. */
const MAX_VERIFIED = 100_000
/** Why such a program is left out. */
export const TOO_LONG = 'too long to verify'
/** Left out at most, of each program compared: else something is wrong with the generators, or the kernel. */
const MAX_LEFT_OUT = 1
const PROGRESS_EVERY = 500

/** Whoever answers for the kernel. */
export type Kernel = Pick<KernelClient, 'ask'>

export async function differential(kernel: Kernel, options: DifferentialOptions): Promise<DifferentialResult> {
  const tally = new Tally(options)
  const pending: Asked[] = []
  const stream = candidates(options.seed, options.only)
  while (tally.runs < options.runs) {
    while (pending.length < IN_FLIGHT && tally.runs + pending.length < options.runs) {
      const { value: candidate } = stream.next()
      const asked = ask(kernel, candidate, options)
      if (asked === undefined) tally.leaveOut(TOO_LONG)
      else pending.push(asked)
    }
    const asked = pending.shift()!
    tally.add(asked, await asked.linux)
  }
  return tally.result()
}

interface Asked extends Posed {
  readonly candidate: Candidate
  readonly inputs: readonly RunInput[]
  readonly linux: Promise<Answer>
}

/** Puts the question to both; undefined when harena gives up. */
function ask(kernel: Kernel, candidate: Candidate, options: DifferentialOptions): Asked | undefined {
  const inputs = inputsFor(candidate, options.seed)
  const posed = pose(candidate, inputs, options.cpus)
  return posed === undefined ? undefined : { ...posed, candidate, inputs, linux: kernel.ask(posed.question) }
}

/** A question, and harena's answer to it. */
export interface Posed {
  readonly question: Question
  readonly harena: Answer
  /** Its runs are compared. */
  readonly comparable: boolean
}

/**
 * The question for a program, with runs where nothing of chance can show in them: by how the program was made, or as a
 * tracker finds that follows them. Undefined when harena gives up.
 */
export function pose(
  program: Pick<Candidate, 'text' | 'comparable'>,
  inputs: readonly RunInput[],
  cpus: number,
): Posed | undefined {
  const question = questionOf({ ...program, comparable: true }, inputs)
  try {
    const harena = judge(question, cpus, !program.comparable)
    return harena === undefined ? undefined : { question, harena, comparable: true }
  } catch (error) {
    if (!(error instanceof NotComparable)) throw error
    // It was accepted, or it would not have run.
    const harena: Answer = { verdict: 'accepted', logs: {}, runs: [], maps: {} }
    return { question: { object: question.object, read: [] }, harena, comparable: false }
  }
}

/** Runs and memory are asked for where nothing of chance can show in them. */
export function questionOf(program: Pick<Candidate, 'text' | 'comparable'>, inputs: readonly RunInput[]): Question {
  const object = assemble(program.text)
  const { type } = object.programs[0]!
  return { object, ...(program.comparable ? { runs: inputs.map((input) => runOf(input, type)) } : { read: [] }) }
}

function runOf({ ctx, data, globals, elements }: RunInput, type: string): RunRequest {
  const given = type === 'syscall' ? { ctx } : { data: data ?? new Uint8Array(64) }
  return { program: PROGRAM_NAME, ...given, globals, elements }
}

/** harena's answer; undefined when it gives up. @throws NotComparable where runs are tracked and one shows chance */
export function judge(question: Question, cpus: number, tracked = false): Answer | undefined {
  const hooks = tracked ? { hookOf: (name: string) => taintHook(link(question.object, name)) } : {}
  try {
    // What compiled code does is held against the interpreter elsewhere.
    return answerOfHarena(question, { maxVerified: MAX_VERIFIED, cpus, engine: 'interpreter', ...hooks })
  } catch (error) {
    if (error instanceof TooLong) return undefined
    throw error
  }
}

export function isJudgement(answer: Answer): answer is Judgement {
  return answer.verdict === 'accepted' || answer.verdict === 'rejected'
}

/** Counts. */
class Tally {
  runs = 0
  readonly #options: DifferentialOptions
  readonly #byClass: Map<string, { -readonly [Field in keyof ClassTally]: number }> = new Map()
  readonly #found: Found[] = []
  readonly #leftOut: Map<string, number> = new Map()
  readonly #escapes: { candidate: Candidate; escape: Escape }[] = []
  #agree = 0
  #rejected = 0
  #bothRefuse = 0
  #sameMessage = 0
  #accepted = 0
  #compared = 0
  readonly #state: { checked: number; tooLong: number; cut: number; holes: number } = {
    checked: 0,
    tooLong: 0,
    cut: 0,
    holes: 0,
  }

  constructor(options: DifferentialOptions) {
    this.#options = options
    for (const name of CLASSES) this.#byClass.set(name, { runs: 0, agree: 0, rejected: 0, compared: 0 })
  }

  leaveOut(reason: string): void {
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + 1)
    const total = [...this.#leftOut.values()].reduce((sum, count) => sum + count, 0)
    if (total > 100 + MAX_LEFT_OUT * this.#options.runs) throw new Error(`too many programs left out: ${reason}`)
  }

  add(asked: Asked, linux: Answer): void {
    const { harena } = asked
    if (!isJudgement(linux)) this.leaveOut(`the kernel: ${linux.message}`)
    else if (!isJudgement(harena)) this.leaveOut(`harena: ${harena.message}`)
    else this.#addJudged(asked, harena, linux)
  }

  #addJudged(asked: Asked, harena: Judgement, linux: Judgement): void {
    const { candidate } = asked
    this.runs += 1
    const disagreement = compare(harena, linux)
    if (disagreement !== undefined) this.#found.push({ candidate, disagreement })
    const agree = disagreement?.kind !== 'verdict'
    const rejected = linux.verdict === 'rejected'
    if (agree) this.#agree += 1
    if (rejected) this.#rejected += 1
    if (rejected && harena.verdict === 'rejected') {
      this.#bothRefuse += 1
      if (disagreement === undefined) this.#sameMessage += 1
    }
    const compared = !rejected && agree && asked.comparable
    for (const name of candidate.classes) this.#count(name, { agree, rejected, compared })
    if (compared) this.#compared += 1
    if (harena.verdict === 'accepted') this.#checkStates(asked)
    if (this.runs % PROGRESS_EVERY === 0) this.#options.progress?.(this.runs)
  }

  #count(name: string, verdict: Readonly<Record<'agree' | 'rejected' | 'compared', boolean>>): void {
    const counts = this.#byClass.get(name)
    if (counts === undefined) throw new Error(`${name} is no class of the harness`)
    counts.runs += 1
    if (verdict.agree) counts.agree += 1
    if (verdict.rejected) counts.rejected += 1
    if (verdict.compared) counts.compared += 1
  }

  #checkStates({ candidate, question, inputs }: Asked): void {
    const every = this.#options.stateEvery ?? 1
    this.#accepted += 1
    if (every === 0 || this.#accepted % every !== 0) return
    try {
      const { escapes, cut, holes } = stateCheck(question.object, PROGRAM_NAME, inputs, STATE_LIMITS)
      this.#state.checked += 1
      this.#state.cut += cut
      this.#state.holes += holes
      this.#escapes.push(...escapes.map((one) => ({ candidate, escape: one })))
    } catch (error) {
      if (!(error instanceof WalkTooLong)) throw error
      this.#state.tooLong += 1
    }
  }

  result(): DifferentialResult {
    return {
      seed: this.#options.seed,
      runs: this.runs,
      verdictAgreement: ratio(this.#agree, this.runs),
      messageAgreement: ratio(this.#sameMessage, this.#bothRefuse),
      resultDifferences: this.#found.filter(({ disagreement }) => disagreement.kind === 'result').length,
      rejected: this.#rejected,
      compared: this.#compared,
      byClass: Object.fromEntries(this.#byClass),
      found: this.#found,
      leftOut: this.#leftOut,
      stateChecked: this.#state.checked,
      stateTooLong: this.#state.tooLong,
      stateCut: this.#state.cut,
      stateHoles: this.#state.holes,
      escapes: this.#escapes,
    }
  }
}

export const STATE_LIMITS = { maxStates: 10_000, maxUnpruned: 2000, maxSteps: 5000 } as const

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}

/** Disagreements by message, the most frequent first; each with the first program that shows it. */
export function byMessage(found: readonly Found[]): { readonly count: number; readonly first: Found }[] {
  const groups = new Map<string, { count: number; first: Found }>()
  for (const one of found) {
    const { kind, harena, linux } = one.disagreement
    const key = kind === 'result' ? kind : [kind, messageKind(harena), messageKind(linux)].join('\n')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { count: 1, first: one })
    else group.count += 1
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}
