/** Random inputs for the runs of a generated program. */
import fc from 'fast-check'
import type { RunInput } from '../run-input.ts'
import { word } from './arbitraries.ts'
import { CONTEXT_BYTES, VALUE_BYTES } from './model.ts'
import { ARRAY_ENTRIES } from './write-memory.ts'
import { INPUTS } from './write-scalar.ts'

/** The numbers in `lines`, and with `around` their neighbours. */
function numbersIn(lines: readonly string[], around: readonly bigint[]): fc.Arbitrary<bigint> {
  const found = new Set<bigint>([0n])
  for (const [number] of lines.join('\n').matchAll(/(?<![\w.])-?\d{1,20}\b/gu)) {
    for (const by of around) found.add(BigInt.asUintN(64, BigInt(number) + by))
  }
  return fc.constantFrom(...found)
}

/** Inputs that are likely to take the program's branches either way. */
export function inputsFor(text: string): fc.Arbitrary<RunInput> {
  const lines = text.split('\n')
  const compared = lines.filter((line) => line.startsWith('    if '))
  const value = fc.oneof(
    { weight: 3, arbitrary: numbersIn(compared, [0n]) },
    { weight: 2, arbitrary: numbersIn(lines, [-1n, 0n, 1n]) },
    { weight: 3, arbitrary: word },
  )
  const words = (count: number): fc.Arbitrary<Uint8Array> =>
    fc
      .array(value, { minLength: count, maxLength: count })
      .map((numbers) => new Uint8Array(BigUint64Array.from(numbers).buffer))
  const globals = fc
    .array(value, { minLength: INPUTS.length, maxLength: INPUTS.length })
    .map((numbers) => Object.fromEntries(INPUTS.map((name, n) => [name, numbers[n]!])))
  const elements = words((ARRAY_ENTRIES * VALUE_BYTES) / 8).map((bytes) =>
    Array.from({ length: ARRAY_ENTRIES }, (_, key) => ({
      map: 'arr',
      key,
      bytes: bytes.slice(key * VALUE_BYTES, (key + 1) * VALUE_BYTES),
    })),
  )
  return fc.record({ ctx: words(CONTEXT_BYTES / 8), globals, elements })
}
