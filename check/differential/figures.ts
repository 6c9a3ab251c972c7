/** The figures of docs/parity.md: written from a run of the harness, and never by hand. */
import { type DifferentialJson, percent } from './report.ts'

const BEGIN = /^<!-- figures: (?<json>\{.*\}) -->$/mu
const END = '<!-- end of figures -->'

/** The page with the figures of `json` in place of those that it has. @throws Error for a page without */
export function withFigures(page: string, json: DifferentialJson): string {
  const { from, to } = place(page)
  return page.slice(0, from) + renderFigures(json) + page.slice(to)
}

/** What the page's figures were made from. @throws Error for a page without */
export function figuresOf(page: string): DifferentialJson {
  const json = BEGIN.exec(page)?.groups?.json
  if (json === undefined) throw new Error('the page has no figures')
  return JSON.parse(json) as DifferentialJson
}

function place(page: string): { from: number; to: number } {
  const begin = BEGIN.exec(page)
  const end = page.indexOf(END)
  if (begin === null || end < begin.index) throw new Error('the page has no figures')
  return { from: begin.index, to: end + END.length }
}

function renderFigures(json: DifferentialJson): string {
  const { seed, runs, verdictAgreement, messageAgreement, resultDifferences, byClass } = json
  const rows = Object.entries(byClass).map(([name, { runs: count, agree, rejected }]) => [
    name,
    String(count),
    percent(agree / Math.max(1, count)),
    String(rejected),
  ])
  return [
    `<!-- figures: ${JSON.stringify(json)} -->`,
    '',
    `Seed ${seed}, ${runs} programs: the same verdict for ${percent(verdictAgreement)}; the same message for`,
    `${percent(messageAgreement)} of those that both refuse; other results: ${resultDifferences}.`,
    '',
    ...table(['class', 'programs', 'same verdict', 'refused by Linux'], rows),
    '',
    END,
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]!.length)))
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, n) => (n === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)]
}
