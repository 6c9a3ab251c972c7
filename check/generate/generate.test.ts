/** Generated programs are what they are said to be: valid, blind to chance, or changed in one place. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../../asm/assemble.ts'
import { VerifierError } from '../../errors/errors.ts'
import { Machine } from '../../index.ts'
import { applyInput, type RunInput } from '../run-input.ts'
import { testCount, testSeed } from '../seed.ts'
import { mutantOf, mutantProgram, validProgram } from './arbitraries.ts'
import { inputsFor } from './inputs.ts'
import { isAccepted } from './is-accepted.ts'
import { CONTEXT_BYTES } from './model.ts'
import { MUTATIONS, mutate } from './mutate.ts'
import { wildProgram } from './wild.ts'
import { ARENA_BASE, ARENA_PAGES, ARRAY_ENTRIES, OUTPUTS } from './write-memory.ts'
import { type GeneratedProgram, PROGRAM_NAME } from './write-program.ts'

const SEED: number = testSeed(11)
const COUNT: number = testCount(100, 2000)

const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number = COUNT): T[] =>
  fc.sample(arbitrary, { numRuns, seed: SEED })

/** The verifier's message, undefined when it accepts. */
function refusal(text: string): string | undefined {
  const machine = new Machine()
  try {
    machine.load(assemble(text))
    return undefined
  } catch (error) {
    if (error instanceof VerifierError) return error.reason
    throw error
  } finally {
    machine.close()
  }
}

describe('valid programs', () => {
  const programs = sample(validProgram)

  test('are the same for the same seed', () => {
    expect(sample(validProgram, 5).map(({ text }) => text)).toEqual(programs.slice(0, 5).map(({ text }) => text))
  })

  test('are accepted, nine of ten at least', () => {
    const refused = programs.flatMap(({ text }) => refusal(text) ?? [])
    expect(refused.length, `seed ${SEED}: ${[...new Set(refused)].join('\n')}`).toBeLessThanOrEqual(COUNT / 10)
  })

  test.each(['alu', 'jump', 'stack', 'map', 'arena', 'atomic', 'cast', 'loop', 'may_goto', 'call'])(
    'exercise %s often enough',
    (name) => expect(programs.filter(({ classes }) => classes.includes(name)).length).toBeGreaterThan(COUNT / 10),
  )
})

/** Everything that a run leaves behind and other engines must leave too. */
function traces(text: string, inputs: readonly RunInput[], seed: number): unknown {
  const machine = new Machine({ seed, cpus: 2 })
  try {
    // A machine on which something happened before has its maps at other addresses.
    for (let n = 0; n < seed; n++) {
      const attributes = { name: `m${n}`, keySize: 4, valueSize: 8, maxEntries: 600, flags: 0, extra: 0n }
      machine.createMap({ ...attributes, type: 'array', btf: undefined, keyTypeId: 0, valueTypeId: 0 })
    }
    const loaded = machine.load(assemble(text))
    const arena = loaded.map('arena').mmap()
    return inputs.map((input) => {
      const ctx = applyInput(loaded, input, CONTEXT_BYTES)
      const { r0 } = loaded.program(PROGRAM_NAME).run({ ctx, cpu: seed % 2 })
      return {
        r0,
        ctx,
        globals: ['out', ...OUTPUTS].map((name) => loaded.global(name).get()),
        elements: Array.from({ length: ARRAY_ENTRIES }, (_, key) => loaded.map('arr').getBytes(key)),
        one: [0, 1].map((key) => loaded.map('one').get(key)),
        arena: arena.bytes(ARENA_BASE, ARENA_PAGES * 4096),
      }
    })
  } finally {
    machine.close()
  }
}

test('nothing that differs from machine to machine shows in what comparable programs leave behind', () => {
  for (const { text, comparable } of sample(validProgram, testCount(60, 1000))) {
    if (!comparable || refusal(text) !== undefined) continue
    const inputs = fc.sample(inputsFor(text), { numRuns: 2, seed: SEED })
    expect(traces(text, inputs, 3), text).toEqual(traces(text, inputs, 0))
  }
})

test('programs that let chance through are noticed', () => {
  const random = '    call bpf_get_prandom_u32\n    r1 = out ll'
  const accepted = sample(validProgram, 12).filter(({ text }) => refusal(text) === undefined)
  const different = accepted.filter((program) => {
    const text = program.text.replace(/^ +r1 = out ll$/mu, random)
    const inputs = fc.sample(inputsFor(text), { numRuns: 2, seed: SEED })
    return !isDeepStrictEqual(traces(text, inputs, 3), traces(text, inputs, 0))
  })
  expect(different.length).toBeGreaterThan(0)
})

/** Lines that differ, counted as a multiset. */
function changedLines(a: string, b: string): number {
  const left = a.split('\n')
  const rest = b.split('\n')
  const gone = left.filter((line) => {
    const at = rest.indexOf(line)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return Math.max(gone.length, rest.length)
}

test('both encodings of a jump come, in one program as well', () => {
  const texts = sample(validProgram).map(({ text }) => text)
  const long = texts.filter((text) => text.includes('    gotol l'))
  expect(long.length).toBeGreaterThan(COUNT / 20)
  expect(long.filter((text) => text.includes('    goto l')).length).toBeGreaterThan(0)
})

describe('mutants', () => {
  test('a long jump gets another label as a short one does', () => {
    const text = '.program main type=syscall\n    r0 = 0\nl1:\n    gotol l2\nl2:\n    exit\n'
    const program: GeneratedProgram = { text, classes: [], comparable: true }
    expect(mutate(program, { mutation: 'label', line: 0, part: 0, value: 0 }).text).toContain('gotol l1')
  })

  test('differ from a valid program, in at most one line, and assemble', () => {
    const choice = fc.record({
      mutation: fc.constantFrom(...MUTATIONS),
      line: fc.nat(500),
      part: fc.nat(7),
      value: fc.nat(99),
    })
    const property = fc.property(validProgram, choice, (program, chosen) => {
      const mutant = mutate(program, chosen)
      expect(changedLines(program.text, mutant.text)).toBeLessThanOrEqual(1)
      expect(mutant.text).not.toBe(program.text)
      expect(mutant.classes).toContain('mutant')
    })
    fc.assert(property, { numRuns: COUNT, seed: SEED })
  })

  test('leave the cut before a narrow atomic alone', () => {
    const text = ['    w3 = w3', '    w3 = xchg32_32(r4 + 0, w3)', '    exit', ''].join('\n')
    const program: GeneratedProgram = { text, classes: [], comparable: true }
    for (const mutation of MUTATIONS) {
      for (let line = 0; line < 4; line++) {
        const mutant = mutate(program, { mutation, line, part: 0, value: 3 })
        expect(mutant.text).toContain('    w3 = w3\n    w3 = xchg32_32(r4 + 0, w3)')
      }
    }
  })

  test('are made of accepted programs alone', () => {
    const refused = sample(validProgram, 1)[0]!
    // In front of everything else, so that it is reached whatever the program does.
    const text = refused.text.replace(/^\.program .*$/mu, '$&\n    r0 = *(u64 *)(r10 + 8)')
    expect(isAccepted(refused.text)).toBe(true)
    expect(isAccepted(text)).toBe(false)
    const ofEither = mutantOf(fc.constantFrom({ ...refused, text }, refused))
    expect(sample(ofEither, 20).filter((one) => changedLines(one.text, refused.text) > 1)).toEqual([])
  })

  test('some are refused, some are not', () => {
    const count = testCount(50, 500)
    const refused = sample(mutantProgram, count).filter(({ text }) => refusal(text) !== undefined)
    expect(refused.length).toBeGreaterThan(count / 20)
    expect(refused.length).toBeLessThan(count)
  })
})

test('wild programs assemble and are refused for many reasons', () => {
  const found = sample(wildProgram).map(({ text }) => refusal(text))
  const reasons = new Set(found.map((reason) => reason?.replaceAll(/[-\d]+/gu, 'N')))
  expect(reasons.size).toBeGreaterThan(8)
  expect(found.filter((reason) => reason !== undefined).length).toBeGreaterThan(COUNT / 2)
})
