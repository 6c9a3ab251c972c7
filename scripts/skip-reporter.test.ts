import { expect, test } from 'vitest'
import { type Reported, skipLines } from './skip-reporter.ts'

function reported(fullName: string, state: string, note?: string): Reported {
  return { fullName, result: () => ({ state, note }) }
}

test('each reason once, with the number of tests, most first', () => {
  const tests = [
    reported('a', 'passed'),
    reported('b', 'skipped', 'llvm-mc-19 is not installed'),
    reported('c', 'skipped', 'the kernel cannot be asked'),
    reported('d', 'skipped', 'the kernel cannot be asked'),
    reported('e', 'failed', 'a note of a test that ran'),
  ]
  expect(skipLines(tests)).toEqual(['2 tests: the kernel cannot be asked', '1 test: llvm-mc-19 is not installed'])
})

test('a skip without a reason is named', () => {
  expect(skipLines([reported('suite > f', 'skipped')])).toEqual(['1 test: no reason given: suite > f'])
})

test('nothing skipped, nothing said', () => expect(skipLines([reported('a', 'passed')])).toEqual([]))
