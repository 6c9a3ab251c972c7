/**
 * Makes a program that shows a disagreement smaller, as long as it still does. Verdicts: lines go, some at a time,
 * fewer and fewer. Results: the recipe shrinks instead, as without its rules a program shows what the stack held before.
 */
import type { Answer } from '../../linux/question.ts'
import { isAssembly } from '../generate/mutate.ts'
import { shrinkWith } from '../generate/numbered.ts'
import type { GeneratedProgram } from '../generate/write-program.ts'
import type { RunInput } from '../run-input.ts'
import type { DifferentialOptions, Found, Kernel } from './campaign.ts'
import { compare, compareEngines, type Disagreement, isJudgement, messageKind } from './compare.ts'
import { pose, questionOf } from './pose.ts'
import { inputsFor } from './programs.ts'

/** A small program, what it is run with, and what both sides say. */
export interface SmallCase {
  readonly origin: string
  readonly cpus: number
  readonly text: string
  readonly comparable: boolean
  readonly inputs: readonly RunInput[]
  readonly disagreement: Disagreement
  readonly linux: Answer
}

/** Questions to the kernel for one program. */
const MAX_QUESTIONS = 600

/** What a found disagreement was found with. */
export type Origin = Pick<DifferentialOptions, 'seed' | 'cpus'>

export async function shrinkFound(kernel: Kernel, found: Found, from: Origin): Promise<SmallCase> {
  const { candidate, disagreement } = found
  const { seed } = from
  let left = MAX_QUESTIONS
  const shows = async (program: GeneratedProgram): Promise<boolean> => {
    if (left === 0) return false
    left -= 1
    const again = await disagreementOf(kernel, program, from, disagreement)
    return again !== undefined && isAlike(again.disagreement, disagreement)
  }
  const small =
    disagreement.kind === 'result'
      ? ((await shrinkWith(candidate.kind, seed, candidate.index, shows)) ?? candidate)
      : await shrinkText(candidate, shows)
  const origin = `seed ${seed}, program ${candidate.number}`
  const shown = await disagreementOf(kernel, small, from, disagreement)
  const { text } = small
  if (shown === undefined) {
    // The kernel was asked the same twice: only chance can have changed its mind. What was seen is kept all the same.
    const linux = await kernel.ask(questionOf(candidate, inputsFor(candidate, seed)))
    const rare = { origin: `${origin}, not there a second time`, cpus: from.cpus, linux, disagreement }
    return { ...rare, text: candidate.text, comparable: candidate.comparable, inputs: inputsFor(candidate, seed) }
  }
  return { origin, cpus: from.cpus, text, inputs: inputsFor(small, seed), ...shown }
}

/** What the same two say now, where that is something else. */
async function disagreementOf(
  kernel: Kernel,
  program: GeneratedProgram,
  { seed, cpus }: Origin,
  like: Disagreement,
): Promise<Pick<SmallCase, 'disagreement' | 'linux' | 'comparable'> | undefined> {
  const posed = pose(program, inputsFor(program, seed), cpus)
  if (posed === undefined || !isJudgement(posed.harena)) return undefined
  const linux = await kernel.ask(posed.question)
  if (!isJudgement(linux)) return undefined
  const onHarena = like.kind === 'result' && like.engines[1] === 'jit'
  const engines = posed.engines === undefined ? undefined : compareEngines(posed.engines)
  const disagreement = onHarena ? engines : compare(posed.harena, linux)
  return disagreement === undefined ? undefined : { disagreement, linux, comparable: posed.comparable }
}

/** The same kind of disagreement, with the same messages but for numbers. */
function isAlike(a: Disagreement, b: Disagreement): boolean {
  if (a.kind !== b.kind) return false
  if (a.kind === 'result' || b.kind === 'result') return true
  return messageKind(a.harena) === messageKind(b.harena) && messageKind(a.linux) === messageKind(b.linux)
}

/**
 * Drops runs of lines, half of the program first, then less; single lines for as long as some can go. What is left is
 * run as mutants are: without what set it a register or slot may show what was there before.
 */
async function shrinkText(
  program: GeneratedProgram,
  shows: (program: GeneratedProgram) => Promise<boolean>,
): Promise<GeneratedProgram> {
  let lines = program.text.split('\n')
  const make = (text: string): GeneratedProgram => ({ ...program, text, comparable: false })
  const dropRuns = async (size: number): Promise<boolean> => {
    const before = lines.length
    for (let at = 0; at < lines.length; ) {
      const fewer = lines.toSpliced(at, size)
      const text = fewer.join('\n')
      if (isAssembly(text) && (await shows(make(text)))) lines = fewer
      else at += size
    }
    return lines.length < before
  }
  for (let size = Math.ceil(lines.length / 2); size > 1; size = Math.floor(size / 2)) await dropRuns(size)
  let smaller = true
  while (smaller) smaller = await dropRuns(1)
  return make(lines.join('\n'))
}
