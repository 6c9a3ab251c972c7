/**
 * The figures of docs/parity.md: written from runs of the harness, and never by hand. There are those of the mixed
 * programs, and those of the programs that aim at the ends of pages.
 */
import { EDGE } from '../generate/numbered.ts'
import { type DifferentialJson, type DifferentialReport, percent } from './report.ts'

/** What a page's figures are made from: what `--json` prints, and what `--report` writes where there is that. */
export interface Figures extends DifferentialJson {
  readonly report?: DifferentialReport
}

/** Of which programs. */
export type FiguresKind = 'figures' | 'edge figures'

const beginOf = (kind: FiguresKind): RegExp => new RegExp(`^<!-- ${kind}: (?<json>\\{.*\\}) -->$`, 'mu')
const endOf = (kind: FiguresKind): string => `<!-- end of ${kind} -->`

/** The page with the figures of `json` in place of those that it has. @throws Error for a page without */
export function withFigures(page: string, json: Figures): string {
  const kind = kindOf(json)
  const begin = beginOf(kind).exec(page)
  const end = page.indexOf(endOf(kind))
  if (begin === null || end < begin.index) throw new Error(`the page has no ${kind}`)
  return page.slice(0, begin.index) + renderFigures(json, kind) + page.slice(end + endOf(kind).length)
}

/** What the page's figures were made from. @throws Error for a page without */
export function figuresOf(page: string, kind: FiguresKind = 'figures'): Figures {
  const json = beginOf(kind).exec(page)?.groups?.json
  if (json === undefined) throw new Error(`the page has no ${kind}`)
  return JSON.parse(json) as Figures
}

function kindOf({ byClass }: Figures): FiguresKind {
  return EDGE in byClass ? 'edge figures' : 'figures'
}

function renderFigures(json: Figures, kind: FiguresKind): string {
  const { seed, runs, verdictAgreement, messageAgreement, resultDifferences, byClass } = json
  const { comparedByClass: compared, compiledByClass: compiled } = json.report ?? {}
  const rows = Object.entries(byClass).map(([name, { runs: count, agree, rejected }]) => [
    name,
    String(count),
    percent(agree / Math.max(1, count)),
    String(rejected),
    ...(compared === undefined || compiled === undefined ? [] : [compared[name] ?? 0, compiled[name] ?? 0].map(String)),
  ])
  const columns = ['class', 'programs', 'same verdict', 'refused by Linux', 'interpreter, Linux', 'interpreter, jit']
  return [
    `<!-- ${kind}: ${JSON.stringify(json)} -->`,
    '',
    `Seed ${seed}, ${runs} programs: the same verdict for ${percent(verdictAgreement)}; the same message for`,
    `${percent(messageAgreement)} of those that both refuse; other results, between any two of interpreter, jit and Linux:`,
    `${resultDifferences}. Last columns: programs that both engines ran, the contents of memory compared afterwards.`,
    '',
    ...table(compared === undefined ? columns.slice(0, 4) : columns, rows),
    ...(json.report === undefined ? [] : renderReport(json.report, runs)),
    '',
    endOf(kind),
  ].join('\n')
}

function renderReport(report: DifferentialReport, runs: number): string[] {
  const {
    rejected,
    compared,
    compiled,
    notCompiled,
    stateChecked,
    stateTooLong,
    stateCut,
    stateOnlyPruned,
    escapes,
    leftOut,
    disagreements,
  } = report
  const left = Object.entries(leftOut).map(([reason, count]) => `; left out besides: ${count}, ${reason}`)
  const rows = disagreements.map(({ programs, kind, harena, linux, known }) => {
    return [kind, code(harena), code(linux), known ?? 'nothing', String(programs)]
  })
  const listed = table(['differs', 'harena', 'Linux', 'explained by', 'programs'], rows)
  return [
    '',
    `Linux refused ${rejected} of them (${percent(rejected / Math.max(1, runs))})${left.join('')}.`,
    `Results of interpreter and Linux were compared for ${compared} programs, those of interpreter and jit for ${compiled}.`,
    `Left out of the latter, as runs show what the stack held before: ${sum(notCompiled)}.`,
    `State checking followed ${stateChecked} programs that harena accepts: escapes ${escapes}, programs too long to follow`,
    `${stateTooLong}, runs cut off for their length ${stateCut}; programs that only pruning lets through ${stateOnlyPruned}.`,
    ...(rows.length === 0
      ? []
      : ['', 'All that differed, by message; of numbers in messages the first seen:', '', ...listed]),
  ]
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** A message as a cell of a table. */
function code(message: string): string {
  return `\`${message.replaceAll('|', '\\|')}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]!.length)))
  const isText = (n: number): boolean => rows.every((row) => !/^[\d.]+(?: %)?$/u.test(row[n]!))
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, n) => (isText(n) ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, n) => (isText(n) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)]
}
