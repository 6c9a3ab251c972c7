/** What any generated program is run with: contexts for syscall programs, packets for the others. */
import fc from 'fast-check'
import type { RunInput } from '../run-input.ts'
import { inputsFor } from './inputs.ts'
import type { GeneratedProgram } from './write-program.ts'

/** An Ethernet header, which BPF_PROG_TEST_RUN wants, and more or less behind it. */
const packet: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 14, maxLength: 100, size: 'max' }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 600, size: 'max' }) },
)

export function inputsOf(program: GeneratedProgram): fc.Arbitrary<RunInput> {
  const inputs = inputsFor(program.text)
  if (!program.classes.includes('packet')) return inputs
  return fc.tuple(inputs, packet).map(([input, data]) => ({ ...input, ctx: new Uint8Array(), data }))
}
