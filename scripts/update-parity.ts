/**
 * Writes the figures of docs/parity.md from what the differential harness says:
 *
 *     npm run -s differential -- --runs 20000 --seed N --json | node scripts/update-parity.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withFigures } from '../check/differential/figures.ts'
import type { DifferentialJson } from '../check/differential/report.ts'

const PAGE = resolve(import.meta.dirname, '../docs/parity.md')

const [last] = readFileSync(process.stdin.fd, 'utf8').trim().split('\n').slice(-1)
writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), JSON.parse(last ?? '') as DifferentialJson))
