/**
 * State checking from the command line:
 *
 *     npm run check:state -- [--runs N] [--inputs N] [--seed N] [--kind valid|mutant|wild] [--only N]
 *                            [--no-save]
 *
 * Programs run on the interpreter, which alone can say what a machine holds before each instruction. Prints the smallest
 * program found for the first escape, and keeps it in check/found/pending. Exit code 0 when no run leaves what the
 * verifier walked, 1 when one does, 2 for bad usage.
 */
import { parseArgs } from 'node:util'
import { type CampaignOptions, checkGenerated, renderEscape, smallestEscape } from './campaign.ts'
import type { ProgramKind } from './generate/numbered.ts'
import { keep } from './pending.ts'

class UsageError extends Error {
  override readonly name = 'UsageError'
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new UsageError(`--${name} is a whole number, not ${text}`)
  return number
}

function programKind(text: string): ProgramKind {
  if (text === 'valid' || text === 'mutant' || text === 'wild') return text
  throw new UsageError(`--kind is valid, mutant or wild, not ${text}`)
}

function readOptions(args: readonly string[]): CampaignOptions & { readonly save: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '200' },
      inputs: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', default: 'valid' },
      only: { type: 'string' },
      'no-save': { type: 'boolean', default: false },
    },
  })
  return {
    programs: wholeNumber('runs', values.runs),
    inputs: wholeNumber('inputs', values.inputs),
    seed: wholeNumber('seed', values.seed),
    kind: programKind(values.kind),
    save: !values['no-save'],
    ...(values.only === undefined ? {} : { only: wholeNumber('only', values.only) }),
  }
}

/** What was found, as comments, above the program: so that the file assembles. */
function keepEscape({ seed, kind = 'valid' }: CampaignOptions, index: number, text: string): string {
  const program = text.indexOf('\n.map ') + 1
  const found = text.slice(0, program).trimEnd().split('\n')
  const comments = found.map((line) => `# ${line}\n`).join('')
  return keep(`state-seed-${seed}-${kind}-${index}`, `${comments}${text.slice(program)}`)
}

function main(args: readonly string[]): number {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(args)
  } catch (error) {
    // What parseArgs throws for unknown options is a TypeError.
    if (!(error instanceof UsageError || error instanceof TypeError)) throw error
    console.error(error.message)
    return 2
  }
  const result = checkGenerated(options)
  const first = result.found[0]
  if (first !== undefined) {
    const text = renderEscape(smallestEscape(first.index, options) ?? first)
    console.log(text)
    if (options.save) console.log(`kept: ${keepEscape(options, first.index, text)}`)
  }
  const { checked, rejected, tooLong, holes, cut, steps } = result
  console.log(
    `seed ${options.seed}: ${checked} programs checked on the interpreter over ${steps} instructions, ${rejected} refused, ` +
      `${tooLong} too long to follow, ${holes} runs cut off at holes of Linux, ${cut} for their length: ` +
      `${result.found.length} escapes`,
  )
  return result.found.length === 0 ? 0 : 1
}

process.exitCode = main(process.argv.slice(2))
