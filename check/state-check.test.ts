/** State checking finds nothing in what the verifier accepts, and finds each bug planted in a copy of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { VerifierError } from '../errors/errors.ts'
import { assembleFile } from '../node.ts'
import type { ObjectSpec } from '../program/object.ts'
import { checkGenerated, renderEscape, smallestEscape } from './campaign.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { EMPTY_INPUT, type RunInput } from './run-input.ts'
import { testCount, testSeed } from './seed.ts'
import { stateCheck } from './state-check.ts'

const ROOT: string = resolve(import.meta.dirname, '..')
const SEED: number = testSeed(1)

describe('generated programs', () => {
  test('no run leaves what was walked', () => {
    const programs = testCount(100, 2000)
    const result = checkGenerated({ seed: SEED, programs, inputs: testCount(10, 50) })
    expect(result.found.map(renderEscape), `seed ${SEED}`).toEqual([])
    expect(result.checked).toBeGreaterThan(0.9 * programs)
    expect(result.unpruned).toBeGreaterThan(0.8 * result.checked)
    expect(result.steps).toBeGreaterThan(50 * result.checked)
  })

  test.each(['mutant', 'wild'] as const)('nor of accepted %s programs', (kind) => {
    const result = checkGenerated({ kind, seed: SEED, programs: testCount(60, 500), inputs: testCount(10, 50) })
    expect(result.found.map(renderEscape), `seed ${SEED}`).toEqual([])
    expect(result.checked).toBeGreaterThan(5)
  })

  test.each(PLANTED_BUGS)('$name is found', ({ transfer }) => {
    const { found } = checkGenerated({ seed: SEED, programs: 1000, inputs: 10, transfer, stopAtFirst: true })
    expect(found.length, `seed ${SEED}`).toBeGreaterThan(0)
    // The verifier's own functions see nothing wrong in the same run.
    const { index } = found[0]!
    const own = checkGenerated({ seed: SEED, programs: index + 1, inputs: 10, only: index })
    expect(own.found.map(renderEscape)).toEqual([])
    expect(own.checked).toBe(1)
  })
})

test('an escape is shrunk to a program that fits on a page', () => {
  const { transfer } = PLANTED_BUGS.find(({ name }) => name === 'missed sign extension')!
  const options = { seed: SEED, programs: 100, inputs: 3, transfer, stopAtFirst: true }
  const first = checkGenerated(options).found[0]!
  const small = smallestEscape(first.index, options)!
  expect(small.text.split('\n').length).toBeLessThan(60)
  expect(small.text.length).toBeLessThanOrEqual(first.text.length)
  expect(renderEscape(small)).toMatch(/^program \d+, instruction \d+.*:\n {2}frame \d: .+ = 0x/u)
})

/** A few contexts for a program that nothing else is known of. */
function someInputs(seed: number): readonly RunInput[] {
  const ctx = fc.uint8Array({ minLength: 64, maxLength: 64 })
  const random = fc
    .sample(ctx, { numRuns: 2, seed })
    .map((bytes) => ({ ctx: bytes, data: bytes, globals: {}, elements: [] }))
  return [{ ctx: new Uint8Array(), globals: {}, elements: [] }, ...random]
}

function expectNoEscape(object: ObjectSpec, left: readonly string[] = []): void {
  for (const { name } of object.programs) {
    if (left.includes(name)) {
      expect(() => stateCheck(object, name, []), name).toThrow(VerifierError)
      continue
    }
    const result = stateCheck(object, name, someInputs(SEED), { maxSteps: 5000, maxStates: 100_000 })
    expect(result.escapes, name).toEqual([])
    expect(result.steps, name).toBeGreaterThan(0)
  }
}

const EXAMPLES: readonly string[] = readdirSync(join(ROOT, 'examples')).filter((name) =>
  existsSync(join(ROOT, 'examples', name, `${name}.bpf.s`)),
)

/** Programs that the verifier refuses and that examples run unchecked. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'debug-reports': ['double_free', 'double_drop', 'use_after_free', 'past_the_end'],
  exhaustion: ['leak', 'leak_pool'],
}

test('a program that only pruning lets through is followed through what was walked', () => {
  const object = assemble(`
    .map arena type=arena entries=4 flags=mmapable extra=0x100000010000
    .license "GPL"
    .program main type=syscall
        r1 = arena ll
        r7 = 0x100000010000 ll
        r7 = addr_space_cast(r7, 0, 1)
        *(u64 *)(r10 - 48) = 2
        *(u64 *)(r10 - 56) = 2
        call bpf_get_prandom_u32
        r8 = r0
        r8 &= 15
        if r0 > 100 goto one
    join:
        r4 = r8
        r4 &= 12
        r4 += r10
        *(u32 *)(r4 - 56) = w7               # refused where the place is known, as all of a pointer has to be stored
        r0 = 0
        exit
    one:
        r8 = 1
        goto join`)
  const { escapes, onlyPruned, steps } = stateCheck(object, 'main', [EMPTY_INPUT, EMPTY_INPUT])
  expect({ escapes, onlyPruned }).toEqual({ escapes: [], onlyPruned: 'invalid size of register spill' })
  expect(steps).toBeGreaterThan(20)
})

describe('examples', () => {
  test.each(EXAMPLES)('%s', async (name) => {
    expectNoEscape(await assembleFile(join(ROOT, 'examples', name, `${name}.bpf.s`)), REFUSED[name])
  })
})

/** The accepted programs of the verifier's own tests, by file. */
function acceptedCases(file: string): { readonly name: string; readonly source: string }[] {
  const text = readFileSync(join(ROOT, 'verifier/testdata', file), 'utf8')
  return text.split(/^=== /mu).flatMap((part) => {
    const [, name, body, verdict] = /^(.*)\n([\s\S]*?)\n--- (.*)\n/u.exec(part) ?? []
    if (name === undefined || body === undefined || verdict !== 'accepted') return []
    return [{ name, source: /^\.program/mu.test(body) ? body : `.program p type=syscall\n${body}` }]
  })
}

/** A case whose name ends in `[flags N]` was loaded with these flags besides its own. */
function withFlags(object: ObjectSpec, name: string): ObjectSpec {
  const flags = Number(/\[flags (\d+)\]$/u.exec(name)?.[1] ?? 0)
  return { ...object, programs: object.programs.map((program) => ({ ...program, flags: program.flags | flags })) }
}

describe("programs of the verifier's tests", () => {
  const cases = readdirSync(join(ROOT, 'verifier/testdata')).flatMap(acceptedCases)

  test('there are some', () => expect(cases.length).toBeGreaterThan(20))

  test.for(cases)('$name', ({ name, source }, ctx) => {
    try {
      expectNoEscape(withFlags(assemble(source), name))
    } catch (error) {
      // These programs are judged by Linux, with more helpers and map types than harena has.
      if (!(error instanceof VerifierError) || error.errno !== 'EOPNOTSUPP') throw error
      ctx.skip(error.reason)
    }
  })
})
