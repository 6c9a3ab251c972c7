import { describe, expect, test } from 'vitest'
import type { DifferentialResult, Found } from './campaign.ts'
import type { Disagreement } from './compare.ts'
import { asJson, asTable, isFailure, wronglyAccepted } from './report.ts'

const found = (disagreement: Disagreement, number = 5): Found => ({
  disagreement,
  candidate: { number, kind: 'valid', index: 0, text: '', classes: ['alu'], comparable: true },
})

const result = (fields: Partial<DifferentialResult> = {}): DifferentialResult => ({
  seed: 9,
  runs: 4,
  verdictAgreement: 0.75,
  messageAgreement: 1,
  resultDifferences: 0,
  rejected: 2,
  compared: 1,
  compiled: 2,
  notCompiled: new Map([['a branch', 1]]),
  byClass: { alu: { runs: 4, agree: 3, rejected: 2, compared: 1, compiled: 2 } },
  found: [],
  leftOut: new Map([['too long to verify', 3]]),
  stateChecked: 1,
  stateTooLong: 2,
  stateOnlyPruned: 4,
  stateCut: 3,
  stateHoles: 4,
  escapes: [],
  ...fields,
})

const refusedByLinux = (linux: string): Found => found({ kind: 'verdict', harena: 'accepted', linux })

describe('what fails a run', () => {
  test.each([
    [result(), false],
    [result({ resultDifferences: 1 }), true],
    [result({ found: [refusedByLinux('EACCES R1 !read_ok')] }), true],
    [result({ found: [refusedByLinux('EACCES invalid size of register fill')] }), true],
    [result({ found: [refusedByLinux("EOPNOTSUPP bpf_free is harena's own; Linux has no such kfunc")] }), true],
    [result({ found: [refusedByLinux('EINVAL unreachable insn 3')] }), false],
    [result({ found: [refusedByLinux('ENOMEM The sequence of 8193 jumps is too complex.')] }), false],
    [result({ found: [found({ kind: 'verdict', harena: 'EACCES R1 !read_ok', linux: 'accepted' })] }), false],
    [result({ found: [found({ kind: 'message', harena: 'EACCES a', linux: 'EACCES b' })] }), false],
  ])('%#', (given, failed) => {
    expect(isFailure(given)).toBe(failed)
    if (given.resultDifferences === 0) expect(wronglyAccepted(given).length > 0).toBe(failed)
  })
})

test('the table: totals, classes, disagreements by message', () => {
  const message = (reg: number, number: number): Found =>
    found({ kind: 'message', harena: `EACCES R${reg} !read_ok`, linux: `EACCES R${reg} is gone` }, number)
  const other = found({
    kind: 'result',
    engines: ['interpreter', 'jit'],
    where: 'arr[01]',
    values: ['05', '06'],
  })
  const all = [message(1, 2), refusedByLinux('EACCES R1 !read_ok'), message(4, 3), other]
  expect(asTable(result({ found: all }))).toBe(
    [
      'seed 9: 4 programs, 2 refused by the kernel (50.00 %)',
      'verdicts 75.00 % the same, messages 100.00 % of those that both refuse',
      'results compared: interpreter and Linux 1, interpreter and jit 2: 0 differ',
      'accepted and not run by jit, for what shows in their runs: 1 a branch',
      'state checking of 1 programs: 0 escapes; 4 programs that only pruning lets through, 2 programs too long to follow, 3 runs cut off for their length, 4 at ' +
        'holes of Linux',
      'left out: 3, too long to verify',
      '',
      'class         runs   same verdict   refused by the kernel   compared with Linux   with jit',
      'alu            4              3                       2                     1          2',
      '',
      'disagreements:',
      '2 x message, first program 2',
      '  harena: EACCES R1 !read_ok',
      '  Linux:  EACCES R1 is gone',
      '1 x verdict, first program 5',
      '  harena: accepted',
      '  Linux:  EACCES R1 !read_ok',
      '1 x result arr[01], first program 5',
      '  interpreter: 05',
      '  jit: 06',
    ].join('\n'),
  )
})

test('the object holds what is promised, in that order', () => {
  const keys = ['seed', 'runs', 'verdictAgreement', 'messageAgreement', 'resultDifferences', 'byClass']
  expect(Object.keys(asJson(result()))).toEqual(keys)
})
