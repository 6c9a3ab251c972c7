/**
 * docs/parity.md holds: verdicts of all programs whose verdicts are known are the running kernel's, or a difference that
 * the page explains; its figures are what a run of the harness gave.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { KernelClient, whyUnavailable } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import { isJudgement, verdictOf } from './compare.ts'
import { corpus } from './corpus.ts'
import { figuresOf, withFigures } from './figures.ts'
import { explain, KNOWN_DIFFERENCES } from './known-differences.ts'
import { CLASSES } from './programs.ts'
import type { DifferentialJson } from './report.ts'

const PAGE: string = readFileSync(resolve(import.meta.dirname, '../../docs/parity.md'), 'utf8')

/** Some programs keep the kernel's verifier walking to its limit: seconds, and more on a busy machine. */
const TIMEOUT_MS = 60_000

/** The Linux engine's own refusals. */
const OWN = "is harena's own"

test('examples, rejected programs and those of the verifier: the kernel says the same', {
  timeout: 3 * TIMEOUT_MS,
}, async (ctx) => {
  const why = whyUnavailable('packets')
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
  const client = new KernelClient({ timeoutMs: TIMEOUT_MS })
  onTestFinished(() => client.close())
  const programs = await corpus()
  expect(programs.length).toBeGreaterThan(400)
  const asked = programs.map(async ({ name, object, program, harena }) => {
    const answer = await client.ask({ object, programs: [program], read: [] })
    const linux = isJudgement(answer) ? verdictOf(answer) : answer.message
    // What uses things of harena's own the kernel never sees: it can say nothing of harena's verdict.
    return { name, harena: linux.includes(OWN) ? OWN : harena(possibleCpus()), linux }
  })
  const different = (await Promise.all(asked)).filter(({ harena, linux }) => harena !== linux)
  expect(different.filter((verdicts) => explain(verdicts) === undefined)).toEqual([])
  // Nothing is accepted that the kernel refuses.
  expect(different.filter(({ harena }) => harena === 'accepted')).toEqual([])
  // What is excused is the exception.
  expect(different.length).toBeLessThan(programs.length / 10)
})

describe('docs/parity.md', () => {
  test.each(KNOWN_DIFFERENCES)('explains: $name', ({ name }) => expect(PAGE).toContain(`### ${name}\n`))

  test('the figures are those of a long run, as they were written', () => {
    const figures = figuresOf(PAGE)
    expect(withFigures(PAGE, figures)).toBe(PAGE)
    expect(figures.runs).toBeGreaterThanOrEqual(20_000)
    expect(figures.verdictAgreement).toBeGreaterThanOrEqual(0.97)
    expect(figures.resultDifferences).toBe(0)
    expect(Object.keys(figures.byClass)).toEqual(CLASSES)
    for (const { runs } of Object.values(figures.byClass)) expect(runs).toBeGreaterThanOrEqual(1000)
    const {
      rejected,
      comparedByClass,
      compiled,
      compiledByClass,
      stateChecked,
      stateTooLong,
      stateOnlyPruned,
      escapes,
    } = figures.report!
    expect(rejected).toBeGreaterThanOrEqual(0.3 * figures.runs)
    expect(Object.keys(comparedByClass)).toEqual(CLASSES)
    for (const compared of Object.values(comparedByClass)) expect(compared).toBeGreaterThanOrEqual(1000)
    // Nearly all that harena accepts runs on both of its engines.
    expect(compiled).toBeGreaterThan(0.97 * (stateChecked + stateTooLong))
    for (const [name, count] of Object.entries(comparedByClass)) {
      expect(compiledByClass[name]).toBeGreaterThanOrEqual(count)
    }
    // All that harena accepts, and next to nothing left out.
    expect(stateChecked + stateTooLong).toBeGreaterThan(0.6 * figures.runs)
    expect(escapes).toBe(0)
    expect(stateTooLong).toBeLessThan(stateChecked / 1000)
    expect(stateOnlyPruned).toBeLessThan(stateChecked / 100)
  })
})

describe('figures', () => {
  const json: DifferentialJson = {
    seed: 7,
    runs: 200,
    verdictAgreement: 0.995,
    messageAgreement: 1,
    resultDifferences: 0,
    byClass: { alu: { runs: 150, agree: 149, rejected: 20 }, may_goto: { runs: 0, agree: 0, rejected: 0 } },
  }
  const page = (figures: string): string => `# Parity\n\n${figures}\n\nMore.\n`
  const empty = page('<!-- figures: {} -->\nold\n<!-- end of figures -->')

  test('take the place of those before, again and again', () => {
    const written = withFigures(empty, json)
    expect(written).toContain('\n| alu      |      150 |      99.33 % |               20 |\n')
    expect(written).not.toContain('old')
    expect(written).toMatch(/^# Parity\n[\s\S]*\nMore\.\n$/u)
    expect(figuresOf(written)).toEqual(json)
    expect(withFigures(written, json)).toBe(written)
    expect(figuresOf(withFigures(written, { ...json, seed: 8 })).seed).toBe(8)
  })

  test('with what was reported: shares, and what differed by message', () => {
    const disagreements = [
      { programs: 3, kind: 'verdict', harena: 'EACCES a|b', linux: 'accepted', known: 'Fields of maps' },
      { programs: 1, kind: 'message', harena: 'EACCES a', linux: 'EINVAL b', known: null },
    ] as const
    const counts = {
      rejected: 50,
      compared: 90,
      stateChecked: 100,
      stateTooLong: 1,
      stateOnlyPruned: 3,
      stateCut: 2,
      escapes: 0,
      comparedByClass: { alu: 80 },
      compiled: 95,
      compiledByClass: { alu: 85 },
      notCompiled: { 'a branch': 5 },
    }
    const figures = { ...json, report: { ...counts, leftOut: { 'too long to verify': 4 }, disagreements } }
    const written = withFigures(empty, figures)
    expect(written).toContain('\nLinux refused 50 of them (25.00 %); left out besides: 4, too long to verify.\n')
    expect(written).toContain(
      ', those of interpreter and jit for 95.\nLeft out of the latter, as runs show what the stack held before: 5.\n',
    )
    expect(written).toMatch(/^\| verdict +\| `EACCES a\\\|b` +\| `accepted` +\| Fields of maps +\| +3 \|$/mu)
    expect(written).toMatch(/^\| message .*\| nothing +\| +1 \|$/mu)
    expect(figuresOf(written)).toEqual(figures)
    expect(withFigures(written, figures)).toBe(written)
  })

  test('of either kind take their own place', () => {
    const edges = { ...json, byClass: { edge: { runs: 200, agree: 200, rejected: 0 } } }
    const both = `${empty}<!-- edge figures: {} -->\n<!-- end of edge figures -->\n`
    const written = withFigures(withFigures(both, edges), json)
    expect(figuresOf(written, 'edge figures')).toEqual(edges)
    expect(figuresOf(written)).toEqual(json)
    expect(() => withFigures(empty, edges)).toThrow('the page has no edge figures')
  })

  test.each(['', 'no marks', '<!-- end of figures -->\n<!-- figures: {} -->'])('%j has none', (text) => {
    expect(() => withFigures(text, json)).toThrow('the page has no figures')
  })
})
