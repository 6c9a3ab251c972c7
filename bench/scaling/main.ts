/**
 * `npm run bench:scaling`: the table of docs/scaling.md from the committed costs.
 *
 *     --write               draws docs/scaling.svg
 *     --trace ELEMENTS CPUS one round of a trace, for example `--trace prealloc 4`
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readCosts } from './costs.ts'
import { drawFigure } from './figure.ts'
import { ALGORITHMS } from './published.ts'
import { replay } from './replay.ts'
import { showRound } from './show.ts'
import { committedTable, comparePairs, tableText, verdict } from './table.ts'
import { capture } from './trace.ts'

const FIGURE = join(import.meta.dirname, '../../docs/scaling.svg')

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean' }, trace: { type: 'boolean' } },
  allowPositionals: true,
})

if (values.trace === true) {
  const algorithm = ALGORITHMS.find(({ elements }) => elements === positionals[0])
  const cpus = Number(positionals[1])
  if (algorithm === undefined || !(Number.isInteger(cpus) && cpus >= 1 && cpus <= 32)) {
    console.error(`--trace takes one of ${ALGORITHMS.map(({ elements }) => elements).join(', ')}, and 1 to 32 CPUs`)
    process.exit(2)
  }
  const trace = capture(algorithm.elements, cpus)
  const { costs } = readCosts()
  console.log(showRound(trace, costs))
  console.log(replay(trace, costs))
} else {
  const { results } = committedTable()
  console.log('Million rounds a second and CPU, simulated (published)\n')
  console.log(tableText(results))
  const pairs = comparePairs(results)
  for (const wanted of ['tie', 'reversed'] as const) {
    for (const pair of pairs.filter((each) => verdict(each) === wanted)) {
      const { cpus, faster, slower, published, simulated } = pair
      console.log(
        `${wanted}, ${cpus} CPUs: ${faster} / ${slower} ${simulated.toFixed(2)}, in 2016 ${published.toFixed(2)}`,
      )
    }
  }
  if (values.write === true) writeFileSync(FIGURE, drawFigure(results))
}
