/** The figures as text: for a terminal, and as tables of Markdown for docs/benchmarks.md. */
import type { RatioName } from './compare.ts'
import { RATIOS } from './compare.ts'
import type { EngineName } from './engines/engine.ts'
import { ENGINES } from './engines/engine.ts'
import { type Figures, mean, type Target, targets } from './figures.ts'
import type { Measurement } from './measure.ts'

export const ENGINE_TITLES: Readonly<Record<EngineName, string>> = {
  jit: 'jit',
  'jit-huge': 'jit, huge',
  linux: 'Linux',
  native: 'C',
  'native-huge': 'C, huge',
  plain: 'TypeScript',
  interpreter: 'interpreter',
}

const RATIO_TITLES: Readonly<Record<RatioName, string>> = {
  'jit/linux': 'jit / Linux',
  'jit-huge/linux': 'huge',
  'jit/native': 'jit / C',
  'jit-huge/native-huge': 'huge',
}

/** Three digits that say something. */
export function number(value: number | undefined): string {
  if (value === undefined) return ''
  if (value === 0) return '0'
  if (value < 0.1) return value.toPrecision(2)
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}

type Row = readonly string[]

/** Cells in columns; the first is aligned left, the others right. */
function aligned(rows: readonly Row[], left: ReadonlySet<number> = new Set([0])): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const cell = (text: string, column: number): string =>
    left.has(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

function markdown(rows: readonly Row[], left: ReadonlySet<number> = new Set([0])): string {
  const [head, ...body] = rows
  const line = (row: Row): string => `| ${row.join(' | ')} |`
  const rule = head!.map((_, column) => (left.has(column) ? '---' : '--:'))
  return [line(head!), line(rule), ...body.map(line)].join('\n')
}

/** Nanoseconds a round: medians, with the best and the worst where there is room for them. */
function timeRows({ comparisons }: Figures, withSpread: boolean): Row[] {
  const names = ENGINES.filter((engine) => comparisons.some(({ engines }) => engines[engine] !== undefined))
  const head = ['nanoseconds', 'a', ...names.map((engine) => ENGINE_TITLES[engine])]
  const body = comparisons.map(({ name, round, engines }) => [
    name,
    round,
    ...names.map((engine) => {
      const spread = engines[engine]
      if (spread === undefined) return ''
      const range = withSpread ? ` (${number(spread.best)}-${number(spread.worst)})` : ''
      return `${number(spread.median)}${range}`
    }),
  ])
  return [head, ...body]
}

function ratioRows({ comparisons }: Figures): Row[] {
  const head = ['time over another’s', ...RATIOS.map((ratio) => RATIO_TITLES[ratio]), 'exact accesses a round']
  const body = comparisons.map(({ name, ratios, exact }) => [
    name,
    ...RATIOS.map((ratio) => number(ratios[ratio]?.median)),
    number(exact),
  ])
  return [head, ...body, ['geometric mean', ...RATIOS.map((ratio) => number(mean(comparisons, ratio))), '']]
}

function targetRows(figures: Figures): Row[] {
  const verdict = ({ met }: Target): string => (met === undefined ? 'not measured' : met ? 'met' : 'missed')
  return [
    ['aim', '', 'measured', '', ''],
    ...targets(figures).map((target) => [
      target.name,
      target.aim,
      number(target.value),
      verdict(target),
      target.of ?? '',
    ]),
  ]
}

function measurementRows(measurements: readonly Measurement[]): Row[] {
  return [
    ['', 'median', 'best', 'worst', 'unit', 'compared', 'target'],
    ...measurements.map((row) => [
      row.name,
      number(row.median),
      number(row.best),
      number(row.worst),
      row.unit,
      row.relation === undefined ? '' : `${row.relation.part.toFixed(2)} of ${row.relation.of}`,
      row.target,
    ]),
  ]
}

/** On what all of it was measured. */
export function hostText({ host, plainLoop }: Figures): string {
  const without = [
    ['Linux', host.withoutLinux],
    ['huge pages', host.withoutHugePages],
  ].flatMap(([what, why]) => (why === undefined ? [] : [`without ${what}: ${why}`]))
  return [
    `${host.processor}; ${host.system}; Node ${host.node}; ${host.compiler ?? 'no C compiler'}`,
    `plain TypeScript loop: ${plainLoop.toFixed(0)} million rounds a second`,
    ...(host.largeBlocks === undefined
      ? []
      : [`${(host.largeBlocks * 100).toFixed(0)} % of free memory in blocks of 2 MiB or more`]),
    ...without,
  ].join('; ')
}

const LEFT_OF = {
  times: new Set([0, 1]),
  targets: new Set([0, 1, 3, 4]),
  measurements: new Set([0, 4, 5, 6]),
} as const

/** `part`: only some workloads were measured, of which the aims say nothing. */
export function terminalReport(figures: Figures, part = false): string {
  const whole = (): string[] => [
    aligned(targetRows(figures), LEFT_OF.targets),
    aligned(measurementRows(figures.measurements), LEFT_OF.measurements),
  ]
  return [
    hostText(figures),
    aligned(timeRows(figures, true), LEFT_OF.times),
    aligned(ratioRows(figures)),
    ...(part ? [] : whole()),
  ].join('\n\n')
}

export function markdownReport(figures: Figures): string {
  return [
    `${hostText(figures)}.`,
    markdown(ratioRows(figures)),
    markdown(timeRows(figures, false), LEFT_OF.times),
    markdown(targetRows(figures), LEFT_OF.targets),
    markdown(measurementRows(figures.measurements), LEFT_OF.measurements),
  ].join('\n\n')
}

const BEGIN = '<!-- figures: written by npm run bench -- --write -->'
const END = '<!-- end of figures -->'

/** The page with the figures put between its marks. */
export function withFigures(page: string, figures: Figures): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`the page has no marks ${BEGIN} and ${END}`)
  return `${before}${BEGIN}\n\n${markdownReport(figures)}\n\n${END}${after}`
}
