/** State checking over many generated programs: used by the tests and by `npm run check:state`. */
import fc from 'fast-check'
import { assemble } from '../asm/assemble.ts'
import { VerifierError } from '../errors/errors.ts'
import { inputsFor } from './generate/inputs.ts'
import { generated, type NumberedProgram, type ProgramKind, shrink } from './generate/numbered.ts'
import { PROGRAM_NAME } from './generate/write-program.ts'
import { type Escape, type StateCheckOptions, type StateCheckResult, stateCheck } from './state-check.ts'
import { WalkTooLong } from './walk-record.ts'

export interface CampaignOptions extends StateCheckOptions {
  readonly seed: number
  /** Generated programs. */
  readonly programs: number
  /** Runs of each. */
  readonly inputs: number
  /** Default valid. */
  readonly kind?: ProgramKind
  /** Stop at the first program with an escape. Default false. */
  readonly stopAtFirst?: boolean
  /** Check this one alone, by its index. */
  readonly only?: number
}

export interface FoundEscape {
  /** Which of the generated programs. */
  readonly index: number
  readonly text: string
  readonly escape: Escape
}

export interface CampaignResult {
  readonly found: readonly FoundEscape[]
  /** Programs that were checked, and refused by the verifier. */
  readonly checked: number
  readonly rejected: number
  /** Messages of the refusals. */
  readonly messages: readonly string[]
  /** Programs that were compared without pruning as well. */
  readonly unpruned: number
  /** Walks too long to keep: programs left out. */
  readonly tooLong: number
  /** Runs cut off at a hole of Linux (linux-holes.ts). */
  readonly holes: number
  /** Runs cut off after so many instructions that they are followed no further. */
  readonly cut: number
  /** Instructions executed and compared. */
  readonly steps: number
  /** Programs by class. */
  readonly classes: ReadonlyMap<string, number>
}

/** Checks generated programs, the same ones for the same seed. */
export function checkGenerated(options: CampaignOptions): CampaignResult {
  const { seed, only, kind = 'valid' } = options
  const found: FoundEscape[] = []
  const messages: string[] = []
  const classes = new Map<string, number>()
  let [checked, unpruned, tooLong, holes, cut, steps] = [0, 0, 0, 0, 0, 0]
  for (const program of generated(kind, seed, only ?? 0, only === undefined ? options.programs : only + 1)) {
    const result = checkOne(program, options)
    if (typeof result === 'string') messages.push(result)
    else if (result === undefined) tooLong += 1
    else {
      checked += 1
      steps += result.steps
      holes += result.holes
      cut += result.cut
      if (result.unpruned) unpruned += 1
      for (const name of program.classes) classes.set(name, (classes.get(name) ?? 0) + 1)
      found.push(...result.escapes.map((one) => ({ index: program.index, text: program.text, escape: one })))
      if (options.stopAtFirst === true && found.length > 0) break
    }
  }
  return { found, checked, rejected: messages.length, messages, unpruned, tooLong, holes, cut, steps, classes }
}

/** What came out; the message of a program that is refused; undefined for a walk that is too long to keep. */
function checkOne({ text, index }: NumberedProgram, options: CampaignOptions): StateCheckResult | string | undefined {
  const runs = fc.sample(inputsFor(text), { numRuns: options.inputs, seed: (options.seed + index) | 0 })
  try {
    return stateCheck(assemble(text), PROGRAM_NAME, runs, options)
  } catch (error) {
    if (error instanceof VerifierError) return error.reason
    if (error instanceof WalkTooLong) return undefined
    throw error
  }
}

/** The first escape from the smallest program like number `index` that still has one. */
export function smallestEscape(index: number, options: CampaignOptions): FoundEscape | undefined {
  const escapeOf = ({ text }: { readonly text: string }): Escape | undefined => {
    const result = checkOne({ text, index, classes: [], comparable: false }, options)
    return typeof result === 'object' ? result.escapes[0] : undefined
  }
  const small = shrink(options.kind ?? 'valid', options.seed, index, (program) => escapeOf(program) !== undefined)
  const found = small === undefined ? undefined : escapeOf(small)
  return small === undefined || found === undefined ? undefined : { index, text: small.text, escape: found }
}

/** An escape in full, for people. */
export function renderEscape({ index, text, escape: found }: FoundEscape): string {
  const { globals, ctx } = found.input
  const inputs = Object.entries(globals).map(([name, value]) => `${name}=0x${value.toString(16)}`)
  return [
    `program ${index}, instruction ${found.slot}${found.chain === '' ? '' : ` (called from ${found.chain})`}:`,
    `  ${found.place} = ${found.value}, walked ${found.pruning ? 'with' : 'without'} pruning as`,
    `  ${found.nearest.replaceAll('\n', '\n  ')}`,
    `  inputs: ctx=${Buffer.from(ctx).toString('hex')} ${inputs.join(' ')}`,
    text,
  ].join('\n')
}
