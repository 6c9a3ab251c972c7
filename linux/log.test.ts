import { describe, expect, test } from 'vitest'
import { readLog } from './log.ts'

const CLOSING = 'processed 5 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 0\n'
const WALK = '0: R1=ctx() R10=fp0\n0: (b7) r2 = 0                        ; R2=0\n1: (79) r0 = *(u64 *)(r2 +0)\n'

describe('the line that names the error, and the instruction', () => {
  const cases: readonly (readonly [what: string, log: string, reason: string, instruction: number | undefined])[] = [
    [
      'at the last instruction walked',
      `${WALK}R2 invalid mem access 'scalar'\n${CLOSING}`,
      "R2 invalid mem access 'scalar'",
      1,
    ],
    ['without a line break of its own', `${WALK}R2 is bad${CLOSING}`, 'R2 is bad', 1],
    ['with statistics', `${WALK}R2 is bad\nverification time 40 usec\nstack depth 8+0\n${CLOSING}`, 'R2 is bad', 1],
    ['before the walk, naming an instruction', `unreachable insn 5\n${CLOSING}`, 'unreachable insn 5', 5],
    [
      'before the walk, naming none',
      `last insn is not an exit or jmp\n${CLOSING}`,
      'last insn is not an exit or jmp',
      undefined,
    ],
    [
      'glued to the branch at which the log was cut',
      `${WALK}2: (a5) if r0 < 0x4 goto pc-2 infinite loop detected at insn 1\n${CLOSING}`,
      'infinite loop detected at insn 1',
      1,
    ],
    [
      'with states behind it',
      `${WALK}infinite loop detected at insn 1\ncur state: R0=1 R10=fp0\nold state: R0=1 R10=fp0\n${CLOSING}`,
      'infinite loop detected at insn 1',
      1,
    ],
    [
      'after marks of precision, which are no instructions',
      `${WALK}mark_precise: frame0: regs=r2 stack= before 7: (bf) r2 = r1\nbad\n`,
      'bad',
      1,
    ],
    ['of an empty log', '', '', undefined],
  ]
  test.each(cases)('%s', (_what, log, reason, instruction) => {
    const found = readLog(log)
    expect({ reason: found.reason, instruction: found.instruction }).toEqual({ reason, instruction })
  })
})

test('the figures of the last lines', () => {
  expect(readLog(`verification time 40 usec\nstack depth 8+16\n${CLOSING}`).stats).toEqual({
    processed: 5,
    maxStatesPerInsn: 1,
    totalStates: 2,
    peakStates: 3,
    stackDepth: '8+16',
  })
  expect(readLog(CLOSING).stats.stackDepth).toBe('0')
  expect(readLog('no such line').stats.processed).toBe(0)
})
