/** Shrinks what was found and has no known reason, and keeps it as cases: one for each message, and the escapes. */
import { assemble } from '../../asm/assemble.ts'
import { VerifierError } from '../../errors/errors.ts'
import { shrink } from '../generate/numbered.ts'
import { type GeneratedProgram, PROGRAM_NAME } from '../generate/write-program.ts'
import { keep, MAX_KEPT, PENDING } from '../pending.ts'
import { type Escape, stateCheck } from '../state-check.ts'
import { WalkTooLong } from '../walk-record.ts'
import { byMessage, type DifferentialResult, type Kernel, STATE_LIMITS } from './campaign.ts'
import { renderCase, renderEscapeCase } from './found-case.ts'
import { explain } from './known-differences.ts'
import { type Candidate, inputsFor } from './programs.ts'
import { shrinkFound } from './shrink.ts'

/** The paths written. */
export async function saveFound(
  kernel: Kernel,
  { seed, found: disagreements, escapes }: Pick<DifferentialResult, 'seed' | 'found' | 'escapes'>,
  cpus: number,
  directory: string = PENDING,
): Promise<readonly string[]> {
  const paths: string[] = []
  const unexplained = disagreements.filter(({ disagreement }) => {
    return disagreement.kind === 'result' || explain(disagreement) === undefined
  })
  for (const { first } of byMessage(unexplained).slice(0, MAX_KEPT)) {
    const small = await shrinkFound(kernel, first, { seed, cpus })
    paths.push(keep(`seed-${seed}-${first.candidate.number}`, renderCase(small), directory))
  }
  for (const { candidate, escape: found } of escapes.slice(0, MAX_KEPT - paths.length)) {
    const small = smallestEscape(candidate, seed) ?? { program: candidate, found }
    const text = renderEscapeCase(`seed ${seed}, program ${candidate.number}`, cpus, small.program, small.found)
    paths.push(keep(`seed-${seed}-${candidate.number}-escape`, text, directory))
  }
  return paths
}

interface SmallEscape {
  readonly program: GeneratedProgram
  readonly found: Escape
}

function smallestEscape(candidate: Candidate, seed: number): SmallEscape | undefined {
  const { kind, index } = candidate
  const program = shrink(kind, seed, index, (one) => escapeOf(one, seed) !== undefined)
  const found = program === undefined ? undefined : escapeOf(program, seed)
  return program === undefined || found === undefined ? undefined : { program, found }
}

function escapeOf(program: GeneratedProgram, seed: number): Escape | undefined {
  try {
    return stateCheck(assemble(program.text), PROGRAM_NAME, inputsFor(program, seed), STATE_LIMITS).escapes[0]
  } catch (error) {
    // Refused, or too long to follow: not what is looked for.
    if (error instanceof VerifierError || error instanceof WalkTooLong) return undefined
    throw error
  }
}
