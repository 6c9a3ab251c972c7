/** What the kernel's log says: the line that names the error, the instruction, the figures of its last lines. */
import { NO_STATS, type VerifierStats } from '../errors/errors.ts'

/** The closing lines; a message without a line break stands right in front of them. */
const CLOSING =
  /(?:verification time \d+ usec\n)?(?:stack depth (?<stack>[\d+]+)\n)?processed (?<processed>\d+) insns \(limit \d+\) max_states_per_insn (?<most>\d+) total_states (?<total>\d+) peak_states (?<peak>\d+) mark_read \d+\n?$/u

/** The last instruction of the path that failed, and its line's text. */
const WALKED = /^(?<slot>\d+): \([0-9a-f]{2}\) /gmu

/** A branch at whose text the log was cut: what came next is glued to it (level 1). */
const GLUED = /^\d+: \([0-9a-f]{2}\) .*?(?:goto|may_goto) pc[+-]\d+ +(?!;)/u

/** What is written behind the message of an endless loop: the state there is, and the equal one that there was. */
const STATES = /\ncur state:[^\n]*\nold state:[^\n]*$/u

export interface LogFindings {
  /** The line that names the error; empty where the log has none. */
  readonly reason: string
  /** Slot that verification stopped at, where the log says so. */
  readonly instruction: number | undefined
  readonly stats: VerifierStats
}

export function readLog(log: string): LogFindings {
  const closing = CLOSING.exec(log)
  const body = (closing === null ? log : log.slice(0, closing.index)).trimEnd().replace(STATES, '')
  const reason = body.slice(body.lastIndexOf('\n') + 1).replace(GLUED, '')
  return { reason, instruction: instructionOf(body, reason), stats: statsOf(closing) }
}

/** Messages of the checks before the walk, and of endless loops, name an instruction; else it is the last one walked. */
function instructionOf(body: string, reason: string): number | undefined {
  const named = /\binsn (\d+)/u.exec(reason)?.[1]
  if (named !== undefined) return Number(named)
  const last = [...body.matchAll(WALKED)].at(-1)?.groups?.slot
  return last === undefined ? undefined : Number(last)
}

function statsOf(closing: RegExpExecArray | null): VerifierStats {
  const groups = closing?.groups
  if (groups === undefined) return NO_STATS
  return {
    processed: Number(groups.processed),
    maxStatesPerInsn: Number(groups.most),
    totalStates: Number(groups.total),
    peakStates: Number(groups.peak),
    stackDepth: groups.stack ?? NO_STATS.stackDepth,
  }
}
