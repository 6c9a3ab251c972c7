/** State checking over many generated programs: used by the tests and by `npm run check:state`. */
import fc from 'fast-check'
import { assemble } from '../asm/assemble.ts'
import { VerifierError } from '../errors/errors.ts'
import { validProgram } from './generate/arbitraries.ts'
import { inputsFor } from './generate/inputs.ts'
import { PROGRAM_NAME } from './generate/write-program.ts'
import { type Escape, type StateCheckOptions, stateCheck } from './state-check.ts'
import { WalkTooLong } from './walk-record.ts'

export interface CampaignOptions extends StateCheckOptions {
  readonly seed: number
  /** Generated programs. */
  readonly programs: number
  /** Runs of each. */
  readonly inputs: number
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
  /** Instructions executed and compared. */
  readonly steps: number
  /** Programs by class. */
  readonly classes: ReadonlyMap<string, number>
}

/** Checks generated programs, the same ones for the same seed. */
export function checkGenerated(options: CampaignOptions): CampaignResult {
  const { seed, programs, inputs } = options
  const found: FoundEscape[] = []
  const messages: string[] = []
  const classes = new Map<string, number>()
  let [checked, unpruned, tooLong, steps] = [0, 0, 0, 0]
  for (const [index, { text, classes: names }] of fc.sample(validProgram, { numRuns: programs, seed }).entries()) {
    if (options.only !== undefined && options.only !== index) continue
    const runs = fc.sample(inputsFor(text), { numRuns: inputs, seed: seed + index })
    try {
      const result = stateCheck(assemble(text), PROGRAM_NAME, runs, options)
      checked += 1
      steps += result.steps
      if (result.unpruned) unpruned += 1
      for (const name of names) classes.set(name, (classes.get(name) ?? 0) + 1)
      found.push(...result.escapes.map((one) => ({ index, text, escape: one })))
      if (options.stopAtFirst === true && found.length > 0) break
    } catch (error) {
      if (error instanceof VerifierError) messages.push(error.reason)
      else if (error instanceof WalkTooLong) tooLong += 1
      else throw error
    }
  }
  return { found, checked, rejected: messages.length, messages, unpruned, tooLong, steps, classes }
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
