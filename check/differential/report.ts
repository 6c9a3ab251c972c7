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
  /** What both said of the first program; of results, what two engines gave, each with its name. */
  readonly harena: string
  readonly linux: string
  /** Name of the known difference that explains it; null where none does. */
  readonly known: string | null
}

/** What `--report FILE` writes, beside the object that `--json` prints. */
export interface DifferentialReport
  extends Pick<
    DifferentialResult,
    'rejected' | 'compared' | 'compiled' | 'stateChecked' | 'stateTooLong' | 'stateCut' | 'stateOnlyPruned'
  > {
  readonly escapes: number
  /** Programs of each class whose results were compared. */
  readonly comparedByClass: Readonly<Record<string, number>>
  /** Programs of each class that interpreter and compiled code ran. */
  readonly compiledByClass: Readonly<Record<string, number>>
  /** Programs that harena accepts and compiled code did not run, by reason. */
  readonly notCompiled: Readonly<Record<string, number>>
  readonly leftOut: Readonly<Record<string, number>>
  readonly disagreements: readonly ReportedDisagreement[]
}

export function asReport(result: DifferentialResult): DifferentialReport {
  const {
    rejected,
    compared,
    compiled,
    stateChecked,
    stateTooLong,
    stateCut,
    stateOnlyPruned,
    escapes,
    leftOut,
    found,
    byClass,
  } = result
  return {
    ...{ rejected, compared, compiled, stateChecked, stateTooLong, stateCut, stateOnlyPruned },
    escapes: escapes.length,
    comparedByClass: Object.fromEntries(Object.entries(byClass).map(([name, { compared: count }]) => [name, count])),
    compiledByClass: Object.fromEntries(Object.entries(byClass).map(([name, { compiled: count }]) => [name, count])),
    notCompiled: Object.fromEntries(result.notCompiled),
    leftOut: Object.fromEntries(leftOut),
    disagreements: byMessage(found).map(({ count, first: { disagreement } }) => {
      const known = disagreement.kind === 'result' ? undefined : explain(disagreement)
      const [harena, linux] = bothSides(disagreement)
      return { programs: count, kind: disagreement.kind, harena, linux, known: known?.name ?? null }
    }),
  }
}

/** What the two say; of results with the names of the engines. */
function bothSides(disagreement: Found['disagreement']): readonly [string, string] {
  if (disagreement.kind !== 'result') return [disagreement.harena, disagreement.linux]
  const { engines, values } = disagreement
  return [`${engines[0]}: ${values[0]}`, `${engines[1]}: ${values[1]}`]
}

/** Refusals of the kernel that harena need not have: limits of the two differ, and what never runs does no harm. */
const EXCUSED = /E2BIG|too (?:complex|large|many)|unreachable insn|unknown opcode|reserved fields|invalid (?:BPF_|imm)/u

/** Programs accepted that the kernel refuses; limits, unreachable code and encoding aside, whatever is known of them. */
export function wronglyAccepted({ found }: Pick<DifferentialResult, 'found'>): readonly Found[] {
  return found.filter(({ disagreement: one }) => {
    return one.kind === 'verdict' && one.harena === 'accepted' && !EXCUSED.test(one.linux)
  })
}

export function isFailure(result: DifferentialResult): boolean {
  return result.resultDifferences > 0 || wronglyAccepted(result).length > 0 || result.escapes.length > 0
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(2)} %`
}

export function asTable(result: DifferentialResult): string {
  const { seed, runs, rejected, compared, compiled, verdictAgreement, messageAgreement, resultDifferences } = result
  const notCompiled = [...result.notCompiled].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return [
    `seed ${seed}: ${runs} programs, ${rejected} refused by the kernel (${percent(rejected / Math.max(1, runs))})`,
    `verdicts ${percent(verdictAgreement)} the same, messages ${percent(messageAgreement)} of those that both refuse`,
    `results compared: interpreter and Linux ${compared}, interpreter and jit ${compiled}: ${resultDifferences} differ`,
    `accepted and not run by jit, for what shows in their runs: ${notCompiled || 'none'}`,
    `state checking of ${result.stateChecked} programs: ${result.escapes.length} escapes; ` +
      `${result.stateOnlyPruned} programs that only pruning lets through, ` +
      `${result.stateTooLong} programs too long to follow, ${result.stateCut} runs cut off for their length, ` +
      `${result.stateHoles} at holes of Linux`,
    ...[...result.leftOut].map(([reason, count]) => `left out: ${count}, ${reason}`),
    '',
    'class         runs   same verdict   refused by the kernel   compared with Linux   with jit',
    ...Object.entries(result.byClass).map(([name, counts]) => {
      const columns = [String(counts.runs).padStart(6), String(counts.agree).padStart(14)]
      const run = [String(counts.compared).padStart(21), String(counts.compiled).padStart(10)]
      const more = [String(counts.rejected).padStart(24), ...run]
      return `${name.padEnd(10)}${columns.join(' ')}${more.join(' ')}`
    }),
    ...disagreements(result),
  ].join('\n')
}

function disagreements({ found, escapes }: DifferentialResult): string[] {
  const groups = byMessage(found).map(({ count, first }) => {
    const { disagreement } = first
    const head = `${count} x ${disagreement.kind}`
    const program = `first program ${first.candidate.number}`
    const [ours, theirs] = bothSides(disagreement)
    if (disagreement.kind === 'result') return `${head} ${disagreement.where}, ${program}\n  ${ours}\n  ${theirs}`
    return `${head}, ${program}\n  harena: ${ours}\n  Linux:  ${theirs}`
  })
  const states = escapes.map(({ candidate, escape: { place, value, slot } }) => {
    return `escape in program ${candidate.number}: ${place} = ${value} at instruction ${slot}`
  })
  return groups.length + states.length === 0 ? [] : ['', 'disagreements:', ...groups, ...states]
}
