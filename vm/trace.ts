/**
 * Tracing: a line for each instruction executed, with the registers that it changed, in the syntax of the verifier's
 * log.
 *
 *     3: (07) r1 += 8                       ; R1=0x10
 */
import { toBigUint } from '../memory/int64.ts'
import type { Hook, RunState } from './state.ts'

const REGISTERS = 10
/** Column of the comment (the log's). */
const COLUMN = 40

/** A hook that traces into `print`. `text` gives an instruction as the log prints it. */
export function traceHook(text: (slot: number) => string, print: (line: string) => void): Hook {
  const before = new Int32Array(2 * REGISTERS)
  let pending = -1
  return (slot, state) => {
    if (pending >= 0) print(line(pending, text(pending), changes(before, state)))
    before.set(state.regs.subarray(0, 2 * REGISTERS))
    pending = slot
  }
}

function line(slot: number, text: string, changed: string): string {
  const left = `${slot}: ${text}`
  return changed === '' ? left : `${left.padEnd(COLUMN)}; ${changed}`
}

function changes(before: Int32Array, { regs }: RunState): string {
  const parts: string[] = []
  for (let n = 0; n < REGISTERS; n++) {
    const low = regs[2 * n]!
    const high = regs[2 * n + 1]!
    if (low !== before[2 * n] || high !== before[2 * n + 1]) parts.push(`R${n}=0x${toBigUint(low, high).toString(16)}`)
  }
  return parts.join(' ')
}
