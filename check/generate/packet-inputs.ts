/** What any generated program is run with: contexts for syscall programs, packets for the others. */
import fc from 'fast-check'
import type { RunInput } from '../run-input.ts'
import { inputsFor } from './inputs.ts'
import { ARENA_PAGES } from './write-memory.ts'
import type { GeneratedProgram } from './write-program.ts'

/** An Ethernet header, which BPF_PROG_TEST_RUN wants, and more or less behind it. */
const packet: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 14, maxLength: 100, size: 'max' }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 600, size: 'max' }) },
)

/**
 * Pages of the arena that the user touches before the run, and what they hold at their start: programs that see packets
 * may not allocate any.
 */
const touched: fc.Arbitrary<RunInput['elements']> = fc
  .array(fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 8, maxLength: 64 })), {
    minLength: ARENA_PAGES,
    maxLength: ARENA_PAGES,
  })
  .map((pages) => pages.flatMap(([isTouched, bytes], key) => (isTouched ? [{ map: 'arena', key, bytes }] : [])))

export function inputsOf(program: GeneratedProgram): fc.Arbitrary<RunInput> {
  const inputs = inputsFor(program.text)
  if (!program.classes.includes('packet')) return inputs
  return fc.tuple(inputs, packet, touched).map(([input, data, pages]) => {
    return { ...input, ctx: new Uint8Array(), data, elements: [...input.elements, ...pages] }
  })
}
