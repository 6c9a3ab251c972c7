/** The ratios as a picture: a line a workload, how long the compiled program takes over Linux's and over C. */
import type { RatioName } from './compare.ts'
import { type Figures, mean } from './figures.ts'

const LINE = 22
const TOP = 76
const PANEL = 300
const LEFT: readonly number[] = [280, 620]
const WIDTH = 940

/** Ends of the logarithmic axes; what lies beyond is drawn at the end. */
const RANGE = [0.05, 4] as const
const TICKS: readonly number[] = [0.1, 0.2, 0.5, 1, 2]

interface Panel {
  readonly title: string
  readonly plain: RatioName
  readonly huge: RatioName
}

const PANELS: readonly Panel[] = [
  { title: 'jit, time over Linux’s', plain: 'jit/linux', huge: 'jit-huge/linux' },
  { title: 'jit, time over C’s', plain: 'jit/native', huge: 'jit-huge/native-huge' },
]

const at = (value: number): string => value.toFixed(1)

function x(panel: number, ratio: number): number {
  const part = Math.log(ratio / RANGE[0]) / Math.log(RANGE[1] / RANGE[0])
  return LEFT[panel]! + PANEL * Math.min(1, Math.max(0, part))
}

const y = (line: number): number => TOP + LINE * line + LINE / 2

function axes(panel: number, { title }: Panel, lines: number): string[] {
  const bottom = TOP + LINE * lines
  return [
    `<text x="${LEFT[panel]! + PANEL / 2}" y="${TOP - 26}" class="title">${title}</text>`,
    ...TICKS.flatMap((tick) => [
      `<path d="M${at(x(panel, tick))} ${TOP}V${bottom}" class="${tick === 1 ? 'one' : 'grid'}"/>`,
      `<text x="${at(x(panel, tick))}" y="${TOP - 8}" class="middle">${tick}</text>`,
    ]),
  ]
}

/** The two marks of a line: filled without huge pages, a ring with them. */
function marks(panel: number, line: number, plain: number | undefined, huge: number | undefined): string[] {
  const parts: string[] = []
  if (plain !== undefined && huge !== undefined) {
    parts.push(`<path d="M${at(x(panel, plain))} ${at(y(line))}H${at(x(panel, huge))}" class="between"/>`)
  }
  if (huge !== undefined && huge !== plain) {
    parts.push(`<circle cx="${at(x(panel, huge))}" cy="${at(y(line))}" r="4.5" class="huge"/>`)
  }
  if (plain !== undefined) {
    const slower = plain > 1 ? ' slower' : ''
    parts.push(`<circle cx="${at(x(panel, plain))}" cy="${at(y(line))}" r="4.5" class="plain${slower}"/>`)
  }
  return parts
}

const STYLE = `text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold;text-anchor:middle}
.middle{text-anchor:middle}.end{text-anchor:end}.bold{font-weight:bold}.grid{stroke:#ddd}.one{stroke:#222}
.between{stroke:#999}.plain{fill:#1b7837}.slower{fill:#b35806}.huge{fill:#fff;stroke:#2166ac;stroke-width:2}`

export function drawRatios({ comparisons }: Figures): string {
  const lines = comparisons.length + 1
  const height = TOP + LINE * lines + 46
  const name = (text: string, line: number, style = ''): string =>
    `<text x="${LEFT[0]! - 14}" y="${at(y(line) + 4)}" class="end${style}">${text}</text>`
  const last = comparisons.length
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Time that compiled programs take, over that of Linux and of C</title>',
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    '<text x="20" y="22">less is faster; left of 1 the compiled program beats the other</text>',
    ...PANELS.flatMap((panel, index) => axes(index, panel, lines)),
    ...comparisons.flatMap(({ name: workload, ratios }, line) => [
      name(workload, line),
      ...PANELS.flatMap(({ plain, huge }, panel) => marks(panel, line, ratios[plain]?.median, ratios[huge]?.median)),
    ]),
    name('geometric mean', last, ' bold'),
    ...PANELS.flatMap(({ plain, huge }, panel) =>
      marks(panel, last, mean(comparisons, plain), mean(comparisons, huge)),
    ),
    `<circle cx="${LEFT[0]!}" cy="${height - 20}" r="4.5" class="plain"/>`,
    `<circle cx="${LEFT[0]! + 12}" cy="${height - 20}" r="4.5" class="plain slower"/>`,
    `<text x="${LEFT[0]! + 24}" y="${height - 16}">pages of 4 KiB</text>`,
    `<circle cx="${LEFT[0]! + 150}" cy="${height - 20}" r="4.5" class="huge"/>`,
    `<text x="${LEFT[0]! + 162}" y="${height - 16}">huge pages (C has them too; Linux gives arenas none)</text>`,
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}
