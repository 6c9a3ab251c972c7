/**
 * A program as a question, and harena's answers to it: what the interpreter gives, and compiled code.
 *
 *                        what may be seen of its runs     question has runs   compiled code runs them too
 *     comparable         nothing of chance                yes                 yes
 *     own                time, addresses, random numbers  no                  yes: the machine has the same seed
 *     neither            what the stack held before       no                  no
 */
import { assemble } from '../../asm/assemble.ts'
import type { Answer, Question, RunRequest } from '../../linux/question.ts'
import { link } from '../../program/link.ts'
import { PROGRAM_NAME } from '../generate/write-program.ts'
import type { RunInput } from '../run-input.ts'
import { answerOfHarena, TooLong } from './harena.ts'
import type { Candidate } from './programs.ts'
import { type Audience, NotComparable, taintHook } from './taint.ts'

/** Instructions that a verifier may walk: programs that take more keep both sides busy for seconds. */
const MAX_VERIFIED = 100_000

/** A question, and harena's answers to it. */
export interface Posed {
  /** With runs where they are to be compared with the kernel's. */
  readonly question: Question
  /** What the interpreter says to that. */
  readonly harena: Answer
  /** Its runs are compared. */
  readonly comparable: boolean
  /** What both engines of harena gave; absent where it refuses the program, or no run may be compared. */
  readonly engines?: EnginePair
  /** Why an accepted program was not run on both. */
  readonly why?: string
}

export interface EnginePair {
  readonly interpreter: Answer
  readonly jit: Answer
}

/**
 * The question for a program, with runs where nothing of chance can show in them: by how the program was made, or as a
 * tracker finds that follows them. Undefined when harena gives up.
 */
export function pose(
  program: Pick<Candidate, 'text' | 'comparable' | 'within'>,
  inputs: readonly RunInput[],
  cpus: number,
): Posed | undefined {
  const question = questionOf({ ...program, comparable: true }, inputs)
  const harena = untilChance(() => judge(question, cpus, program.comparable ? {} : { tracked: 'machines' }))
  if (harena === undefined) return undefined
  if (!(harena instanceof NotComparable)) {
    return { question, harena, comparable: true, ...engines(question, cpus, harena) }
  }
  // It was accepted, or it would not have run.
  const posed = {
    question: { object: question.object, read: [] },
    harena: { verdict: 'accepted', logs: {}, runs: [], maps: {} },
    comparable: false,
  } as const
  const own = untilChance(() => judge(question, cpus, { tracked: 'engines' }))
  if (own === undefined || own instanceof NotComparable) return { ...posed, why: own?.message ?? 'given up' }
  return { ...posed, ...engines(question, cpus, own) }
}

function engines(question: Question, cpus: number, interpreter: Answer): Pick<Posed, 'engines'> {
  if (interpreter.verdict !== 'accepted') return {}
  return { engines: { interpreter, jit: answerOfJit(question, cpus) } }
}

/** Whatever compiled code does, or the compiler instead of making some, is its answer. */
export function answerOfJit(question: Question, cpus: number): Answer {
  try {
    return answerOfHarena(question, { cpus, engine: 'jit' })
  } catch (error) {
    return { verdict: 'none', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
}

function untilChance(ask: () => Answer | undefined): Answer | NotComparable | undefined {
  try {
    return ask()
  } catch (error) {
    if (error instanceof NotComparable) return error
    throw error
  }
}

/** Runs and memory are asked for where nothing of chance can show in them. */
export function questionOf(
  program: Pick<Candidate, 'text' | 'comparable' | 'within'>,
  inputs: readonly RunInput[],
): Question {
  const object = assemble(program.text)
  const { type } = object.programs[0]!
  const { within } = program
  const where = within === undefined ? {} : { within }
  return {
    object,
    ...where,
    ...(program.comparable ? { runs: inputs.map((input) => runOf(input, type)) } : { read: [] }),
  }
}

function runOf({ ctx, data, globals, elements }: RunInput, type: string): RunRequest {
  const given = type === 'syscall' ? { ctx } : { data: data ?? new Uint8Array(64) }
  return { program: PROGRAM_NAME, ...given, globals, elements }
}

export interface JudgeOptions {
  /** For whom nothing of chance is to show in the runs. */
  readonly tracked?: Audience
}

/** The interpreter's answer; undefined when harena gives up. @throws NotComparable where a tracked run shows chance */
export function judge(question: Question, cpus: number, { tracked }: JudgeOptions = {}): Answer | undefined {
  const hooks =
    tracked === undefined ? {} : { hookOf: (name: string) => taintHook(link(question.object, name), tracked) }
  try {
    return answerOfHarena(question, { maxVerified: MAX_VERIFIED, cpus, engine: 'interpreter', ...hooks })
  } catch (error) {
    if (error instanceof TooLong) return undefined
    throw error
  }
}
