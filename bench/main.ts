/** `npm run bench`: measures, and prints a table; `-- --json` prints one JSON object instead. */
import { interpreterSpeed } from './interpreter.ts'
import { machineCosts } from './machines.ts'
import { mapSpeeds } from './maps.ts'
import { type Measurement, median, plainLoop, sample } from './measure.ts'

function table(rows: readonly Measurement[]): string {
  const number = (value: number): string => value.toFixed(value < 10 ? 2 : 0)
  const cells = [
    ['', 'median', 'best', 'worst', 'unit', 'compared', 'target'],
    ...rows.map((row) => [
      row.name,
      number(row.median),
      number(row.best),
      number(row.worst),
      row.unit,
      row.relation === undefined ? '' : `${row.relation.part.toFixed(2)} of ${row.relation.of}`,
      row.target,
    ]),
  ]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  const aligned = (text: string, column: number): string =>
    column >= 1 && column <= 3 ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)
  return cells.map((line) => line.map(aligned).join('  ').trimEnd()).join('\n')
}

// Memory first: the resident memory is that of a fresh process then.
const measurements = [...machineCosts(), ...interpreterSpeed(), ...mapSpeeds()]
const plain = median(sample(plainLoop))

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, plainLoop: plain, measurements }))
} else {
  console.log(`Node ${process.version}; plain TypeScript loop: ${plain.toFixed(0)} million rounds a second`)
  console.log(table(measurements))
}
