/**
 * What compiling takes: a program of 100 instructions from `load` to its first result, and one of 100,000 until it runs
 * as fast as it ever will, with the memory that takes. The large one runs in a process of its own (large-program.ts).
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { assemble, Machine } from '../index.ts'
import { smallProgram } from './compile-programs.ts'
import { type Measurement, median, time } from './measure.ts'

const WARM_UPS = 20
const LOADS = 30

function firstResult(): Measurement {
  const machine = new Machine()
  const values: number[] = []
  for (let load = 0; load < WARM_UPS + LOADS; load++) {
    const object = assemble(smallProgram(load))
    const ms = time(() => void machine.load(object).program('main').run())
    if (load >= WARM_UPS) values.push(ms)
  }
  machine.close()
  values.sort((a, b) => a - b)
  const name = '100 instructions: load to first result'
  return { name, unit: 'ms', median: median(values), best: values[0]!, worst: values.at(-1)!, target: '< 5' }
}

/** What large-program.ts prints. */
export interface LargeFigures {
  readonly instructions: number
  /** Milliseconds: assembling, verifying, from the first run to the first one at full speed, and one of those. */
  readonly assemble: number
  readonly load: number
  readonly peak: number
  readonly run: number
  /** Mebibytes resident at most, and before the program was loaded. */
  readonly resident: number
  readonly before: number
}

function largeFigures(instructions: number): LargeFigures {
  const script = join(import.meta.dirname, 'large-program.ts')
  const text = execFileSync(process.execPath, [script, String(instructions)], { encoding: 'utf8' })
  return JSON.parse(text) as LargeFigures
}

export function compileTimes(): Measurement[] {
  const { load, peak, run, resident, before } = largeFigures(100_000)
  const one = (name: string, unit: string, value: number, target: string): Measurement => ({
    name: `100,000 instructions: ${name}`,
    unit,
    median: value,
    best: value,
    worst: value,
    target,
  })
  return [
    firstResult(),
    one('verification', 'ms', load, ''),
    one('first run to full speed', 'ms', peak, '< 1500'),
    one('a run at full speed', 'ms', run, ''),
    one('resident at most, assembling included', 'MiB', resident, ''),
    one('resident more than before loading', 'MiB', resident - before, '< 300'),
  ]
}
