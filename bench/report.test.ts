/** What is made of the figures: ratios, aims, tables, the picture. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { assemble, Machine } from '../index.ts'
import { type Comparison, compare, geometricMean, type Plan, type RatioName } from './compare.ts'
import { largeProgram, smallProgram } from './compile-programs.ts'
import type { Engine, EngineName } from './engines/engine.ts'
import { type Compared, type Figures, mean, readFigures, targets } from './figures.ts'
import { drawRatios } from './picture.ts'
import { markdownReport, number, terminalReport, withFigures } from './report.ts'
import { CALLS } from './workloads/compute.ts'
import { LIST_BUILD } from './workloads/lists.ts'

const DOCS = join(import.meta.dirname, '../docs')

test('the committed page and picture are what the committed figures give', () => {
  const figures = readFigures()
  const page = readFileSync(join(DOCS, 'benchmarks.md'), 'utf8')
  expect(withFigures(page, figures)).toBe(page)
  expect(drawRatios(figures)).toBe(readFileSync(join(DOCS, 'benchmarks.svg'), 'utf8'))
})

const PLAN: Plan = { turns: 3, milliseconds: 1e9, fewestTurns: 3, warmUps: 2, rounds: () => 1000 }

/** An engine that takes what it is told, run by run, warming up included; the last time from then on. */
function scripted(name: EngineName, times: readonly number[], answer = 5, disturbed: readonly boolean[] = []): Engine {
  let run = -1
  return {
    name,
    prepare: () => ({
      run: () => {
        run = Math.min(run + 1, times.length - 1)
        return { ms: times[run]!, answer, disturbed: disturbed[run] ?? false }
      },
      check: () => undefined,
      close: () => undefined,
    }),
    close: () => undefined,
  }
}

describe('comparing', () => {
  test('medians, best and worst of the turns; ratios turn by turn; warming up does not count', async () => {
    const engines = [scripted('jit', [99, 99, 2, 4, 3]), scripted('linux', [99, 99, 4, 4, 1])]
    const { engines: found, ratios } = await compare(CALLS, engines, PLAN)
    // Milliseconds of 1000 rounds: microseconds a round.
    expect(found.jit).toEqual({ median: 3000, best: 2000, worst: 4000 })
    expect(ratios).toEqual({
      'jit/linux': { median: 1, best: 2 },
      'jit-huge/linux': { median: 1, best: 2 },
    })
  })

  test('runs that were disturbed do not count, unless too few others are there', async () => {
    const times = [9, 9, 1, 4, 5, 6]
    const [once, often] = [
      [false, false, true],
      [false, false, true, true],
    ]
    const found = async (disturbed: readonly boolean[]): Promise<Comparison> =>
      compare(CALLS, [scripted('jit', times, 5, disturbed), scripted('linux', [1])], { ...PLAN, turns: 4 })
    expect((await found(once!)).engines.jit).toEqual({ median: 5000, best: 4000, worst: 6000 })
    expect((await found(once!)).ratios['jit/linux']).toEqual({ median: 5, best: 4 })
    expect((await found(often!)).engines.jit).toEqual({ median: 4500, best: 1000, worst: 6000 })
  })

  test('slow engines take fewer turns, and are not waited for', async () => {
    const runs: Record<string, number> = {}
    const counting = (name: EngineName): Engine => ({
      name,
      prepare: () => ({
        run: () => {
          runs[name] = (runs[name] ?? 0) + 1
          return { ms: 1, answer: 1, disturbed: false }
        },
        check: () => 1,
        close: () => undefined,
      }),
      close: () => undefined,
    })
    await compare(CALLS, [counting('jit'), counting('interpreter')], { ...PLAN, turns: 7 })
    expect(runs).toEqual({ jit: 2 + 7, interpreter: 1 + 3 })
  })

  test('without an arena, the ratios with huge pages are those without; with one they need both', async () => {
    const engines = [scripted('jit', [2]), scripted('linux', [1])]
    expect((await compare(LIST_BUILD, engines, PLAN)).ratios).toEqual({ 'jit/linux': { median: 2, best: 2 } })
  })

  test('different answers are an error', async () => {
    const engines = [scripted('jit', [1], 5), scripted('linux', [1], 6)]
    await expect(compare(CALLS, engines, PLAN)).rejects.toThrow(
      'calls: jit gives 5 and undefined, linux 6 and undefined',
    )
  })

  test('the geometric mean', () => {
    expect(geometricMean([])).toBeUndefined()
    expect(geometricMean([2, 8])).toBeCloseTo(4)
  })
})

function compared(
  name: string,
  ratios: Partial<Record<RatioName, number>>,
  engines: Comparison['engines'] = {},
): Compared {
  const pairs = Object.entries(ratios).map(([pair, median]) => [pair, { median, best: median }] as const)
  return { name, round: 'call', engines, ratios: Object.fromEntries(pairs), exact: undefined }
}

const spread = (median: number): NonNullable<Comparison['engines']['jit']> => ({ median, best: median, worst: median })

const FIGURES: Figures = {
  host: {
    processor: 'P',
    system: 'S 1',
    node: 'v1',
    compiler: undefined,
    withoutLinux: 'no rights',
    withoutHugePages: undefined,
    knowsThread: true,
    largeBlocks: 0.625,
  },
  comparisons: [
    compared('calls', { 'jit/linux': 0.5, 'jit/native': 2 }, { jit: spread(1), linux: spread(2) }),
    compared('list', { 'jit/linux': 2, 'jit-huge/linux': 1 }),
    compared('map update, preallocated', { 'jit/linux': 0.9 }),
    compared('bpf_obj_new, bpf_obj_drop', {}, { jit: spread(15) }),
  ],
  dynamic: 0.8,
  garbage: 0,
  plainLoop: 60,
  measurements: [{ name: 'row', unit: 'ms', median: 1, best: 0.5, worst: 2, target: '< 5' }],
}

test('aims: what was measured, and whether it is enough', () => {
  const found = targets(FIGURES).map(({ name, value, met, of }) => [name, value, met, of])
  expect(found).toEqual([
    ['time over Linux, geometric mean', mean(FIGURES.comparisons, 'jit/linux'), false, undefined],
    ['the same with huge pages', 1, false, undefined],
    ['the same without helpers, maps and objects', 0.5, true, undefined],
    ['the same with huge pages, without those', undefined, undefined, undefined],
    ['time over Linux, the slowest', 2, false, 'list'],
    ['the same with huge pages', 1, true, 'list'],
    ['time over native C, geometric mean', 2, false, undefined],
    ['the same with huge pages on both', undefined, undefined, undefined],
    ['map operations, time over Linux, the slowest', 0.9, true, 'map update, preallocated'],
    ['dynamic hash map, speed over preallocated', 0.8, false, undefined],
    ['bpf_obj_new and bpf_obj_drop, ns a pair', 15, true, undefined],
    ['garbage of a pair, bytes', 0, true, undefined],
  ])
})

test('tables for a terminal and for a page', () => {
  const text = terminalReport(FIGURES)
  expect(text).toMatch(
    /^P; S 1; Node v1; no C compiler; plain TypeScript loop: 60 .*; 63 % of free memory .*; without Linux: no rights\n/u,
  )
  expect(text).toMatch(/^calls +call +1\.00 \(1\.00-1\.00\) +2\.00 \(2\.00-2\.00\)$/mu)
  expect(text).toMatch(/^geometric mean +0\.97 +1\.00 +2\.00$/mu)
  expect(markdownReport(FIGURES)).toContain('| list | 2.00 | 1.00 |  |  |  |')
})

test.each([
  [undefined, ''],
  [0, '0'],
  [0.000576, '0.00058'],
  [0.42, '0.42'],
  [12.34, '12.3'],
  [1234.5, '1235'],
])('%s is written %s', (value, text) => {
  expect(number(value)).toBe(text)
})

test('figures go between the marks of a page, and nowhere else', () => {
  const page = `before\n<!-- figures: written by npm run bench -- --write -->\nold\n<!-- end of figures -->\nafter\n`
  const once = withFigures(page, FIGURES)
  expect(once).toMatch(/^before\n<!-- figures.*\n\nP; /u)
  expect(once).not.toContain('old')
  expect(once.endsWith('<!-- end of figures -->\nafter\n')).toBe(true)
  expect(withFigures(once, FIGURES)).toBe(once)
  expect(() => withFigures('no marks', FIGURES)).toThrow('the page has no marks')
})

test('the picture has a line for each workload, and marks where both ran', () => {
  const picture = drawRatios(FIGURES)
  for (const { name } of FIGURES.comparisons) expect(picture).toContain(`>${name}</text>`)
  // Three and their mean on Linux, one and its mean in C, two in the legend.
  expect(picture.match(/class="plain/gu)).toHaveLength(4 + 2 + 2)
  expect(picture.match(/class="plain slower/gu)).toHaveLength(1 + 2 + 1)
})

describe('programs for compile times', () => {
  test('the small one has 100 instructions', () => {
    expect(assemble(smallProgram(3)).programs[0]!.insns).toHaveLength(100)
  })

  test('the large one has as many as asked for, and runs', () => {
    const object = assemble(largeProgram(2000))
    const main = object.programs.find(({ name }) => name === 'main')!
    expect(main.insns.length).toBeGreaterThanOrEqual(2000)
    expect(main.insns.length).toBeLessThan(2040)
    const results = (['jit', 'interpreter'] as const).map((engine) => {
      const machine = new Machine({ engine })
      const loaded = machine.load(object)
      loaded.program('setup').run()
      const { r0 } = loaded.program('main').run({ data: new Uint8Array(64) })
      machine.close()
      return r0
    })
    expect(results[0]).toBe(results[1])
  })
})
