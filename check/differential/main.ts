/**
 * The differential harness from the command line:
 *
 *     npm run differential -- [--runs N] [--seed N] [--class NAME] [--state-every N | --no-state] [--json]
 *                             [--report FILE] [--no-save]
 *
 * Class `edge`, which is in no other run, aims at the ends of pages. With --json the last line is one object; the
 * disagreements go to standard error. --report writes what differed, by message, to a file, and how much was compared.
 * All that harena accepts is run under state checking, unless --state-every says one of how many. Programs that disagree
 * for no known reason, and those with escapes, are shrunk and kept in check/found/pending: ten at most, none with
 * --no-save. Exit code 0 when no result differs, nothing is accepted that the kernel refuses and state checking finds
 * nothing; 1 else; 2 for bad usage, or where the kernel cannot be asked.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { KernelClient, whyUnavailable } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import { EDGE } from '../generate/numbered.ts'
import { type DifferentialOptions, type DifferentialResult, differential } from './campaign.ts'
import { CLASSES } from './programs.ts'
import { asJson, asReport, asTable, isFailure } from './report.ts'
import { saveFound } from './save.ts'

class UsageError extends Error {
  override readonly name = 'UsageError'
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new UsageError(`--${name} is a whole number, not ${text}`)
  return number
}

interface Options extends Omit<DifferentialOptions, 'cpus'> {
  readonly json: boolean
  readonly report: string | undefined
  readonly save: boolean
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      class: { type: 'string' },
      'state-every': { type: 'string', default: '1' },
      'no-state': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
      'no-save': { type: 'boolean', default: false },
    },
  })
  const only = values.class
  if (only !== undefined && ![...CLASSES, EDGE].includes(only)) {
    throw new UsageError(`--class is one of ${CLASSES.join(', ')}, ${EDGE}, not ${only}`)
  }
  return {
    runs: wholeNumber('runs', values.runs),
    seed: wholeNumber('seed', values.seed),
    ...(only === undefined ? {} : { only }),
    stateEvery: values['no-state'] ? 0 : wholeNumber('state-every', values['state-every']),
    json: values.json,
    report: values.report,
    save: !values['no-save'],
  }
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options
  try {
    options = readOptions(args)
  } catch (error) {
    // What parseArgs throws for unknown options is a TypeError.
    if (!(error instanceof UsageError || error instanceof TypeError)) throw error
    console.error(error.message)
    return 2
  }
  const why = whyUnavailable('packets')
  if (why !== undefined) {
    console.error(`the kernel cannot be asked: ${why}`)
    return 2
  }
  // Long: some programs keep a verifier busy for seconds, and more on a busy machine.
  const client = new KernelClient({ timeoutMs: 60_000 })
  try {
    const result = await differential(client, {
      ...options,
      cpus: possibleCpus(),
      progress: (done) => console.error(`${done} of ${options.runs} programs`),
    })
    if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(asReport(result), null, 2)}\n`)
    print(result, options.json)
    if (options.save) await save(client, result)
    return isFailure(result) ? 1 : 0
  } finally {
    client.close()
  }
}

function print(result: DifferentialResult, json: boolean): void {
  if (!json) {
    console.log(asTable(result))
    return
  }
  console.error(asTable(result))
  console.log(JSON.stringify(asJson(result)))
}

async function save(client: KernelClient, result: DifferentialResult): Promise<void> {
  for (const path of await saveFound(client, result, possibleCpus())) console.error(`kept: ${path}`)
}

process.exitCode = await main(process.argv.slice(2))
