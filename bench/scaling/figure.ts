/** The table as a picture: published and simulated throughput side by side, both axes logarithmic. */
import { ALGORITHMS, CPU_COUNTS } from './published.ts'
import type { Result } from './replay.ts'

const WIDTH = 860
const PANEL = { width: 340, height: 300, top: 64 } as const
const LEFT: readonly number[] = [56, 476]
const LEGEND_TOP = 424
const HEIGHT = 472

/** Million rounds a second and CPU, at the bottom and the top of each panel. */
const RANGE = [0.05, 10] as const
const TICKS: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10]

/** By ALGORITHMS; told apart by dashes too. */
const COLORS = ['#1b7837', '#2166ac', '#d95f02', '#67a9cf', '#b35806', '#7b3294', '#c51b7d', '#444444'] as const
const DASHES = ['', '6 3', '', '2 3', '6 3', '', '', '1 3'] as const

const x = (panel: number, cpus: number): number => LEFT[panel]! + 20 + (Math.log2(cpus) / 5) * (PANEL.width - 40)

function y(throughput: number): number {
  const part = Math.log(throughput / RANGE[0]) / Math.log(RANGE[1] / RANGE[0])
  return PANEL.top + PANEL.height * (1 - part)
}

const at = (value: number): string => value.toFixed(1)

function axes(panel: number, title: string): string[] {
  const left = LEFT[panel]!
  const bottom = PANEL.top + PANEL.height
  const parts = [`<text x="${left + PANEL.width / 2}" y="${PANEL.top - 14}" class="title">${title}</text>`]
  for (const tick of TICKS) {
    parts.push(`<path d="M${left} ${at(y(tick))}h${PANEL.width}" class="grid"/>`)
    parts.push(`<text x="${left - 6}" y="${at(y(tick) + 4)}" class="end">${tick}</text>`)
  }
  for (const cpus of CPU_COUNTS) {
    parts.push(`<text x="${at(x(panel, cpus))}" y="${bottom + 18}" class="middle">${cpus}</text>`)
  }
  parts.push(`<path d="M${left} ${PANEL.top}v${PANEL.height}h${PANEL.width}" class="axis"/>`)
  parts.push(`<text x="${left + PANEL.width / 2}" y="${bottom + 36}" class="middle">CPUs</text>`)
  return parts
}

function line(panel: number, row: number, values: readonly (number | undefined)[]): string[] {
  const points = values.flatMap((value, column) =>
    value === undefined ? [] : [[at(x(panel, CPU_COUNTS[column]!)), at(y(value))] as const],
  )
  if (points.length === 0) return []
  const path = points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${px} ${py}`).join('')
  const dash = DASHES[row] === '' ? '' : ` stroke-dasharray="${DASHES[row]}"`
  const color = COLORS[row]!
  return [
    `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
    ...points.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3.5" fill="${color}"/>`),
  ]
}

function legend(): string[] {
  return ALGORITHMS.flatMap(({ name }, row) => {
    const left = LEFT[0]! + (row % 4) * 200
    const top = LEGEND_TOP + Math.floor(row / 4) * 24
    const dash = DASHES[row] === '' ? '' : ` stroke-dasharray="${DASHES[row]}"`
    return [
      `<path d="M${left} ${top}h28" stroke="${COLORS[row]}" stroke-width="2"${dash}/>`,
      `<text x="${left + 36}" y="${top + 4}">${name}</text>`,
    ]
  })
}

const STYLE = `text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold;text-anchor:middle}
.middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:#ddd;fill:none}.axis{stroke:#222;fill:none}`

/** `results`: by ALGORITHMS and CPU_COUNTS. */
export function drawFigure(results: readonly (readonly (Result | undefined)[])[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
    '<title>Map update, look-up and delete by number of CPUs: published in 2016, and simulated</title>',
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT[0]! - 36}" y="22">million rounds (update, look-up, delete) a second, of each CPU</text>`,
    ...axes(0, 'published, 2016'),
    ...axes(1, 'simulated'),
    ...ALGORITHMS.flatMap(({ published }, row) => line(0, row, published)),
    ...results.flatMap((row, index) =>
      line(
        1,
        index,
        row.map((result) => result?.throughput),
      ),
    ),
    ...legend(),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}
