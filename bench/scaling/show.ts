/** Traces for people: what a CPU does in one round, and which lines come from other CPUs for it. */
import type { Costs } from './costs.ts'
import { replay } from './replay.ts'
import { Kind, kindOf, PERIOD, PERIODS, type Trace, targetOf } from './trace.ts'

const WORDS = ['load', 'store', 'atomic', 'lock', 'unlock', 'round'] as const satisfies Record<Kind, string> &
  readonly string[]

/**
 * One round of CPU 0, late in the trace: its events in their order, lines numbered as they come up. A `*` stands behind
 * what had to fetch its line from another CPU, `waits` behind a lock that somebody held.
 */
export function showRound(trace: Trace, costs: Costs): string {
  const shown: string[] = []
  const lines: number[] = []
  let rounds = 0
  replay(trace, costs, (cpu, event, _start, ns) => {
    if (cpu !== 0) return
    const kind = kindOf(event)
    if (kind === Kind.ROUND) rounds++
    if (rounds !== (3 * PERIODS * PERIOD) / 4 + 1 || kind === Kind.ROUND) return
    const isLock = kind === Kind.LOCK || kind === Kind.UNLOCK
    const line = isLock ? trace.locks[targetOf(event)]! : targetOf(event)
    if (!lines.includes(line)) lines.push(line)
    const where = `${lines.indexOf(line) + 1}${isLock ? ` (${trace.lockNames[targetOf(event)]})` : ''}`
    const alone = kind === Kind.ATOMIC || kind === Kind.LOCK ? costs.atomic : costs.hit
    const mark = ns === Number.POSITIVE_INFINITY ? ' waits' : ns > alone + 1e-6 ? '*' : ''
    shown.push(`${WORDS[kind]} ${where}${mark}`)
  })
  return shown.join(', ')
}
