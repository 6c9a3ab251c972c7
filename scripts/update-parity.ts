/**
 * Writes the figures of docs/parity.md from what the differential harness says; with the file that it reported to, what
 * differed by message too:
 *
 *     npm run -s differential -- --runs 50000 --seed N --json --report FILE | node scripts/update-parity.ts FILE
 *     npm run -s differential -- --runs 20000 --seed N --class edge --json --report FILE | node scripts/update-parity.ts FILE
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Figures, withFigures } from '../check/differential/figures.ts'
import type { DifferentialJson, DifferentialReport } from '../check/differential/report.ts'

const PAGE = resolve(import.meta.dirname, '../docs/parity.md')

const [last] = readFileSync(process.stdin.fd, 'utf8').trim().split('\n').slice(-1)
const json = JSON.parse(last ?? '') as DifferentialJson
const path = process.argv[2]
const figures: Figures =
  path === undefined ? json : { ...json, report: JSON.parse(readFileSync(path, 'utf8')) as DifferentialReport }
writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), figures))
