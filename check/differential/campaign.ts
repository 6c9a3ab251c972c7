/**
 * The differential harness: generated programs, harena's verdict and results against those of the running kernel, and
 * its engines against each other.
 *
 *     candidates --> assemble --> harena: interpreter, jit  -----> compare --> Tally, disagreements
 *                        \------> the kernel (a child process) --/
 *
 * Some tens of questions are on their way to the kernel at any time, so that both sides work at once. Nothing depends
 * on which answers first: programs are counted in the order of their numbers.
 */
import type { KernelClient } from '../../linux/client.ts'
import type { Answer } from '../../linux/question.ts'
import { EDGE } from '../generate/numbered.ts'
import { PROGRAM_NAME } from '../generate/write-program.ts'
import type { RunInput } from '../run-input.ts'
import { type Escape, stateCheck } from '../state-check.ts'
import { WalkTooLong } from '../walk-record.ts'
import { compare, compareEngines, type Disagreement, isJudgement, type Judgement, messageKind } from './compare.ts'
import { type EnginePair, type Posed, pose } from './pose.ts'
import { type Candidate, CLASSES, candidates, edgeCandidates, inputsFor } from './programs.ts'

export interface DifferentialOptions {
  readonly seed: number
  /** CPUs that the kernel has room for: programs may learn of them. */
  readonly cpus: number
  /** Programs to compare. */
  readonly runs: number
  /** Only those of this class; `edge`: programs that aim at the ends of pages. */
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
  /** Run by harena's interpreter and its compiled code: what they gave was compared. */
  readonly compiled: number
}

export interface DifferentialResult {
  readonly seed: number
  readonly runs: number
  /** Programs with the same verdict, of all. */
  readonly verdictAgreement: number
  /** Programs refused with the same errno and message, of those that both refuse. */
  readonly messageAgreement: number
  /** Programs of which something else came out, for each pair of engines. */
  readonly resultDifferences: number
  /** Programs refused by the kernel, of all. */
  readonly rejected: number
  /** Programs accepted by both whose results were compared. */
  readonly compared: number
  /** Programs that interpreter and compiled code ran. */
  readonly compiled: number
  /** Programs that harena accepts and compiled code did not run, by reason. */
  readonly notCompiled: ReadonlyMap<string, number>
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
  /** Programs that only pruning lets through, on Linux too where verdicts agree. */
  readonly stateOnlyPruned: number
  readonly escapes: readonly { readonly candidate: Candidate; readonly escape: Escape }[]
}

/** Questions on their way to the kernel. */
const IN_FLIGHT = 48
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
  const stream = options.only === EDGE ? edgeCandidates(options.seed) : candidates(options.seed, options.only)
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

/** Counts. */
class Tally {
  runs = 0
  readonly #options: DifferentialOptions
  readonly #byClass: Map<string, { -readonly [Field in keyof ClassTally]: number }> = new Map()
  readonly #found: Found[] = []
  readonly #leftOut: Map<string, number> = new Map()
  readonly #notCompiled: Map<string, number> = new Map()
  readonly #escapes: { candidate: Candidate; escape: Escape }[] = []
  #agree = 0
  #rejected = 0
  #bothRefuse = 0
  #sameMessage = 0
  #accepted = 0
  #compared = 0
  #compiled = 0
  readonly #state: { checked: number; tooLong: number; cut: number; holes: number; onlyPruned: number } = {
    checked: 0,
    tooLong: 0,
    onlyPruned: 0,
    cut: 0,
    holes: 0,
  }

  constructor(options: DifferentialOptions) {
    this.#options = options
    for (const name of options.only === EDGE ? [EDGE] : CLASSES) {
      this.#byClass.set(name, { runs: 0, agree: 0, rejected: 0, compared: 0, compiled: 0 })
    }
  }

  leaveOut(reason: string): void {
    count(this.#leftOut, reason)
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
    const compiled = asked.engines !== undefined
    for (const name of candidate.classes) this.#count(name, { agree, rejected, compared, compiled })
    if (compared) this.#compared += 1
    if (compiled) this.#compareEngines(candidate, asked.engines)
    else if (harena.verdict === 'accepted') count(this.#notCompiled, asked.why ?? 'unknown')
    if (harena.verdict === 'accepted') this.#checkStates(asked)
    if (this.runs % PROGRESS_EVERY === 0) this.#options.progress?.(this.runs)
  }

  #compareEngines(candidate: Candidate, engines: EnginePair): void {
    this.#compiled += 1
    const disagreement = compareEngines(engines)
    if (disagreement !== undefined) this.#found.push({ candidate, disagreement })
  }

  #count(name: string, verdict: Readonly<Record<Exclude<keyof ClassTally, 'runs'>, boolean>>): void {
    const counts = this.#byClass.get(name)
    if (counts === undefined) throw new Error(`${name} is no class of the harness`)
    counts.runs += 1
    if (verdict.agree) counts.agree += 1
    if (verdict.rejected) counts.rejected += 1
    if (verdict.compared) counts.compared += 1
    if (verdict.compiled) counts.compiled += 1
  }

  #checkStates({ candidate, question, inputs }: Asked): void {
    const every = this.#options.stateEvery ?? 1
    this.#accepted += 1
    if (every === 0 || this.#accepted % every !== 0) return
    try {
      const { escapes, cut, holes, onlyPruned } = stateCheck(question.object, PROGRAM_NAME, inputs, STATE_LIMITS)
      this.#state.checked += 1
      this.#state.cut += cut
      this.#state.holes += holes
      if (onlyPruned !== undefined) this.#state.onlyPruned += 1
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
      compiled: this.#compiled,
      notCompiled: this.#notCompiled,
      byClass: Object.fromEntries(this.#byClass),
      found: this.#found,
      leftOut: this.#leftOut,
      stateChecked: this.#state.checked,
      stateTooLong: this.#state.tooLong,
      stateOnlyPruned: this.#state.onlyPruned,
      stateCut: this.#state.cut,
      stateHoles: this.#state.holes,
      escapes: this.#escapes,
    }
  }
}

export const STATE_LIMITS = { maxStates: 100_000, maxUnpruned: 2000, maxSteps: 5000 } as const

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}

/** Disagreements by message, the most frequent first; each with the first program that shows it. */
export function byMessage(found: readonly Found[]): { readonly count: number; readonly first: Found }[] {
  const groups = new Map<string, { count: number; first: Found }>()
  for (const one of found) {
    const { disagreement } = one
    const { kind } = disagreement
    const key =
      kind === 'result'
        ? [kind, ...disagreement.engines].join('\n')
        : [kind, messageKind(disagreement.harena), messageKind(disagreement.linux)].join('\n')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { count: 1, first: one })
    else group.count += 1
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}
