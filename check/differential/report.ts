/** What a run of the harness found: a table for people, an object for machines. */
import type { ClassTally, Found } from './campaign.ts'
import { byMessage, type DifferentialResult } from './campaign.ts'
import { explain } from './known-differences.ts'

/** The fields that users of `--json` rely on. */
export interface DifferentialJson
  extends Pick<DifferentialResult, 'seed' | 'runs' | 'verdictAgreement' | 'messageAgreement' | 'resultDifferences'> {
  readonly byClass: Readonly<Record<string, Pick<ClassTally, 'runs' | 'agree' | 'rejected'>>>
}

export function asJson(result: DifferentialResult): DifferentialJson {
  const { seed, runs, verdictAgreement, messageAgreement, resultDifferences, byClass } = result
  const counts = Object.entries(byClass).map(([name, { runs, agree, rejected }]) => [name, { runs, agree, rejected }])
  return { seed, runs, verdictAgreement, messageAgreement, resultDifferences, byClass: Object.fromEntries(counts) }
}

/** Disagreements of one message. */
export interface ReportedDisagreement {
  readonly programs: number
  readonly kind: Found['disagreement']['kind']
  /** What both said of the first program. */
  readonly harena: string
  readonly linux: string
  /** Name of the known difference that explains it; null where none does. */
  readonly known: string | null
}

/** What `--report FILE` writes, beside the object that `--json` prints. */
export interface DifferentialReport
  extends Pick<DifferentialResult, 'rejected' | 'compared' | 'stateChecked' | 'stateTooLong' | 'stateCut'> {
  readonly escapes: number
  /** Programs of each class whose results were compared. */
  readonly comparedByClass: Readonly<Record<string, number>>
  readonly leftOut: Readonly<Record<string, number>>
  readonly disagreements: readonly ReportedDisagreement[]
}

export function asReport(result: DifferentialResult): DifferentialReport {
  const { rejected, compared, stateChecked, stateTooLong, stateCut, escapes, leftOut, found, byClass } = result
  return {
    ...{ rejected, compared, stateChecked, stateTooLong, stateCut },
    escapes: escapes.length,
    comparedByClass: Object.fromEntries(Object.entries(byClass).map(([name, { compared: count }]) => [name, count])),
    leftOut: Object.fromEntries(leftOut),
    disagreements: byMessage(found).map(({ count, first: { disagreement } }) => {
      const { kind, harena, linux } = disagreement
      const known = kind === 'result' ? undefined : explain(disagreement)
      return { programs: count, kind, harena, linux, known: known?.name ?? null }
    }),
  }
}

/** Refusals of the kernel that harena need not have: limits of the two differ, and what never runs does no harm. */
const EXCUSED = /E2BIG|too (?:complex|large|many)|unreachable insn|unknown opcode|reserved fields|invalid (?:BPF_|imm)/u

/** Programs accepted that the kernel refuses; limits, unreachable code and encoding aside, whatever is known of them. */
export function wronglyAccepted({ found }: Pick<DifferentialResult, 'found'>): readonly Found[] {
  return found.filter(({ disagreement: { kind, harena, linux } }) => {
    return kind === 'verdict' && harena === 'accepted' && !EXCUSED.test(linux)
  })
}

export function isFailure(result: DifferentialResult): boolean {
  return result.resultDifferences > 0 || wronglyAccepted(result).length > 0 || result.escapes.length > 0
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(2)} %`
}

export function asTable(result: DifferentialResult): string {
  const { seed, runs, rejected, compared, verdictAgreement, messageAgreement, resultDifferences } = result
  return [
    `seed ${seed}: ${runs} programs, ${rejected} refused by the kernel (${percent(rejected / Math.max(1, runs))})`,
    `verdicts ${percent(verdictAgreement)} the same, messages ${percent(messageAgreement)} of those that both refuse`,
    `results of ${compared} programs compared: ${resultDifferences} differ`,
    `state checking of ${result.stateChecked} programs: ${result.escapes.length} escapes; ` +
      `${result.stateTooLong} programs too long to follow, ${result.stateCut} runs cut off for their length, ` +
      `${result.stateHoles} at holes of Linux`,
    ...[...result.leftOut].map(([reason, count]) => `left out: ${count}, ${reason}`),
    '',
    'class         runs   same verdict   refused by the kernel   results compared',
    ...Object.entries(result.byClass).map(([name, counts]) => {
      const columns = [String(counts.runs).padStart(6), String(counts.agree).padStart(14)]
      const more = [String(counts.rejected).padStart(24), String(counts.compared).padStart(18)]
      return `${name.padEnd(10)}${columns.join(' ')}${more.join(' ')}`
    }),
    ...disagreements(result),
  ].join('\n')
}

function disagreements({ found, escapes }: DifferentialResult): string[] {
  const groups = byMessage(found).map(({ count, first }) => {
    const { kind, harena, linux } = first.disagreement
    const where = 'where' in first.disagreement ? ` ${first.disagreement.where}` : ''
    return `${count} x ${kind}${where}, first program ${first.candidate.number}\n  harena: ${harena}\n  Linux:  ${linux}`
  })
  const states = escapes.map(({ candidate, escape: { place, value, slot } }) => {
    return `escape in program ${candidate.number}: ${place} = ${value} at instruction ${slot}`
  })
  return groups.length + states.length === 0 ? [] : ['', 'disagreements:', ...groups, ...states]
}
