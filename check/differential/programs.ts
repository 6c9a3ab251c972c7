/**
 * Which programs the harness tries: number n of a seed is always the same one, whatever was tried before it.
 *
 *     of 20:  6 valid   2 valid with packets   4 mutants   1 mutant with packets   6 wild   1 wild with packets
 *
 * So a quarter are mutants, a fifth see packets, and about a third are refused. Programs that aim at the ends of pages
 * are a stream of their own.
 */
import fc from 'fast-check'
import { EDGE, generated, type NumberedProgram, type ProgramKind } from '../generate/numbered.ts'
import { inputsOf } from '../generate/packet-inputs.ts'
import type { GeneratedProgram } from '../generate/write-program.ts'
import { EMPTY_INPUT, type RunInput } from '../run-input.ts'

const MIX: readonly ProgramKind[] = [
  ...['valid', 'wild', 'packet', 'mutant', 'wild', 'valid', 'wild', 'packet-wild', 'mutant', 'valid'],
  ...['wild', 'valid', 'packet', 'wild', 'valid', 'packet-mutant', 'mutant', 'mutant', 'valid', 'wild'],
] as readonly ProgramKind[]

/** Classes, in the order in which they are listed. Most programs are in several. */
export const CLASSES: readonly string[] = [
  ...['alu', 'jump', 'stack', 'map', 'arena', 'atomic', 'cast', 'loop', 'may_goto', 'call', 'packet', 'mutant'],
]

export interface Candidate extends GeneratedProgram {
  /** Its number among all programs of the seed. */
  readonly number: number
  readonly kind: ProgramKind
  /** Its number among those of its kind. */
  readonly index: number
}

/** Runs of a program that both sides accept. */
const INPUTS = 2

/** All programs of a seed, without end; those of one class when it is named. */
export function* candidates(seed: number, only?: string): Generator<Candidate, never> {
  const streams = new Map<ProgramKind, Generator<NumberedProgram>>()
  for (let number = 0; ; number++) {
    const kind = MIX[number % MIX.length]!
    let stream = streams.get(kind)
    if (stream === undefined) {
      stream = generated(kind, seed, 0, Number.POSITIVE_INFINITY)
      streams.set(kind, stream)
    }
    const { value: program } = stream.next()
    if (only === undefined || program.classes.includes(only)) yield { ...program, number, kind }
  }
}

/** Programs that aim at the ends of pages, without end. */
export function* edgeCandidates(seed: number): Generator<Candidate, never> {
  for (const program of generated('edge', seed, 0, Number.POSITIVE_INFINITY)) {
    yield { ...program, number: program.index, kind: 'edge' }
  }
  throw new Error('there are always more')
}

/** What a program is run with: the same for the same seed and text. */
export function inputsFor(program: GeneratedProgram, seed: number): readonly RunInput[] {
  // They have no inputs: a second run finds what the first has left.
  if (program.classes.includes(EDGE)) return Array.from({ length: INPUTS }, () => EMPTY_INPUT)
  return fc.sample(inputsOf(program), { seed, numRuns: INPUTS })
}
