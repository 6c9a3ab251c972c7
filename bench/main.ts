/**
 * `npm run bench`: measures, and prints tables.
 *
 *     --json         prints one JSON object instead
 *     --only TEXT    only the workloads with this in their names, and nothing else
 *     --write        measures, and writes bench/figures.json, docs/benchmarks.svg and the tables of docs/benchmarks.md
 *     --svg          measures nothing: draws the picture and writes the tables from bench/figures.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { whyNoHugePages } from '../linux/huge-pages.ts'
import { hugePages } from '../linux/index.ts'
import { stopwatch } from './clock.ts'
import { compare, FULL } from './compare.ts'
import { compileTimes } from './compile-times.ts'
import { dynamicPart } from './dynamic-part.ts'
import { harena, linux, whyNoLinux } from './engines/bpf.ts'
import type { Engine } from './engines/engine.ts'
import { findCompiler, NativeProgram } from './engines/native.ts'
import { plain } from './engines/plain.ts'
import { exactAccesses } from './fast-path.ts'
import { type Compared, FIGURES_FILE, type Figures, type Host, readFigures } from './figures.ts'
import { freeInLargeBlocks } from './free-memory.ts'
import { garbageOfObjects } from './garbage.ts'
import { interpreterSpeed } from './interpreter.ts'
import { machineCosts } from './machines.ts'
import { mapSpeeds } from './maps.ts'
import { type Measurement, median, plainLoop, sample } from './measure.ts'
import { drawRatios } from './picture.ts'
import { putOffByObjects } from './put-off.ts'
import { terminalReport, withFigures } from './report.ts'
import { WORKLOADS } from './workloads/all.ts'

const DOCS = join(import.meta.dirname, '../docs')
const PAGE = join(DOCS, 'benchmarks.md')
const PICTURE = join(DOCS, 'benchmarks.svg')

interface Options {
  readonly json?: boolean
  readonly only?: string
  readonly write?: boolean
  readonly svg?: boolean
}

function refuse(why: string): never {
  console.error(`npm run bench: ${why}`)
  process.exit(2)
}

function readOptions(): Options {
  const type = 'boolean'
  const options = { json: { type }, only: { type: 'string' }, write: { type }, svg: { type } } as const
  try {
    const { values } = parseArgs({ options })
    if (values.only !== undefined && values.write === true) refuse('what --write writes is of all workloads: no --only')
    return values
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return refuse(error.message)
  }
}

const values = readOptions()

function host(): Host {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    system: `${type()} ${release()}`,
    node: process.version,
    compiler: findCompiler()?.version,
    withoutLinux: whyNoLinux(),
    withoutHugePages: whyNoHugePages(),
    knowsThread: stopwatch.knowsThread,
    largeBlocks: freeInLargeBlocks(),
  }
}

async function comparisons(only: string): Promise<Compared[]> {
  const workloads = WORKLOADS.filter(({ name }) => name.includes(only))
  if (workloads.length === 0) refuse(`no workload has '${only}' in its name`)
  const compiler = findCompiler()
  const native = compiler === undefined ? undefined : new NativeProgram(compiler, workloads)
  const huge = whyNoHugePages() === undefined
  const engines: readonly Engine[] = [
    harena('jit', { engine: 'jit' }),
    ...(huge ? [harena('jit-huge', { engine: 'jit', hugePages })] : []),
    ...(whyNoLinux() === undefined ? [linux()] : []),
    ...(native === undefined ? [] : [native.engine(false)]),
    ...(native === undefined || !huge ? [] : [native.engine(true)]),
    plain(),
    harena('interpreter', { engine: 'interpreter' }),
  ]
  try {
    const compared: Compared[] = []
    for (const workload of workloads) {
      compared.push({ ...(await compare(workload, engines, FULL)), exact: exactAccesses(workload) })
    }
    return compared
  } finally {
    native?.close()
  }
}

async function measure(): Promise<Figures> {
  const all = values.only === undefined
  // Memory first: the resident memory is that of a fresh process then.
  const early: Measurement[] = all
    ? [...machineCosts(), ...interpreterSpeed(), ...mapSpeeds(), putOffByObjects(), ...compileTimes()]
    : []
  return {
    host: host(),
    comparisons: await comparisons(values.only ?? ''),
    dynamic: all ? await dynamicPart() : undefined,
    garbage: all ? garbageOfObjects() : undefined,
    plainLoop: median(sample(plainLoop)),
    measurements: early,
  }
}

function write(figures: Figures): void {
  writeFileSync(PICTURE, drawRatios(figures))
  writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), figures))
}

if (values.svg === true) write(readFigures())
else {
  const figures = await measure()
  console.log(values.json === true ? JSON.stringify(figures) : terminalReport(figures, values.only !== undefined))
  if (values.write === true) {
    writeFileSync(FIGURES_FILE, `${JSON.stringify(figures, undefined, 2)}\n`)
    write(readFigures())
  }
}
