/** Generated programs by number: what a seed and a number name is always the same program, and can be shrunk. */
import fc from 'fast-check'
import { mutantOf, mutantProgram, validProgram } from './arbitraries.ts'
import { edgeProgram } from './edges.ts'
import { packetProgram, wildPacketProgram } from './packets.ts'
import { wildProgram } from './wild.ts'
import { rangesOf, writeEdgeProgram } from './write-edges.ts'
import type { GeneratedProgram } from './write-program.ts'

/** Programs generated at a time. */
const BATCH = 20

export type ProgramKind = 'valid' | 'mutant' | 'wild' | 'packet' | 'packet-mutant' | 'packet-wild' | 'edge'

/** The class of programs of edges.ts. */
export const EDGE = 'edge'

const ARBITRARIES: Readonly<Record<ProgramKind, fc.Arbitrary<GeneratedProgram>>> = {
  valid: validProgram,
  mutant: mutantProgram,
  wild: wildProgram,
  packet: packetProgram,
  'packet-mutant': mutantOf(packetProgram),
  'packet-wild': wildPacketProgram,
  edge: edgeProgram.map((program) => {
    return { text: writeEdgeProgram(program), classes: [EDGE], comparable: true, ...rangesOf(program) }
  }),
}

export interface NumberedProgram extends GeneratedProgram {
  readonly index: number
}

/** Programs number `from` to `to` - 1 of a seed: always the same ones. */
export function* generated(kind: ProgramKind, seed: number, from: number, to: number): Generator<NumberedProgram> {
  for (let index = from; index < to; ) {
    const batch = Math.floor(index / BATCH)
    const programs = fc.sample(ARBITRARIES[kind], { numRuns: BATCH, seed: batchSeed(seed, batch) })
    for (; index < to && Math.floor(index / BATCH) === batch; index++) yield { ...programs[index % BATCH]!, index }
  }
}

/** Each batch has a seed of its own, so that a program far back needs no others to be made. */
function batchSeed(seed: number, batch: number): number {
  return (seed + 1_000_003 * batch) | 0
}

/** The smallest program like number `index` that still fails; undefined when it does not fail itself. */
export function shrink(
  kind: ProgramKind,
  seed: number,
  index: number,
  fails: (program: GeneratedProgram) => boolean,
): GeneratedProgram | undefined {
  const property = fc.property(ARBITRARIES[kind], (program) => !fails(program))
  const found = fc.check(property, {
    seed: batchSeed(seed, Math.floor(index / BATCH)),
    path: `${index % BATCH}`,
    numRuns: 1,
  })
  return found.counterexample?.[0]
}

/** The same where it takes time to tell: whoever asks bounds how often. */
export async function shrinkWith(
  kind: ProgramKind,
  seed: number,
  index: number,
  fails: (program: GeneratedProgram) => Promise<boolean>,
): Promise<GeneratedProgram | undefined> {
  const property = fc.asyncProperty(ARBITRARIES[kind], async (program) => !(await fails(program)))
  const found = await fc.check(property, {
    seed: batchSeed(seed, Math.floor(index / BATCH)),
    path: `${index % BATCH}`,
    numRuns: 1,
  })
  return found.counterexample?.[0]
}
