import { expect, test } from 'vitest'
import type { Answer } from '../../linux/question.ts'
import { compareVerdicts } from './as-linux.ts'
import type { Kernel } from './campaign.ts'
import { answerOfHarena } from './harena.ts'

const GOOD = '.program p type=syscall\n  r0 = 0\n  exit\n'
const BAD = '.program p type=syscall\n  r0 = r2\n  exit\n'

const kernel = (change: (answer: Answer) => Answer): Kernel => ({
  ask: async (question) => change(answerOfHarena(question, { cpus: 1 })),
})
const refused = (message: string): Answer => ({ verdict: 'rejected', program: 'p', errno: 'EACCES', message, log: '' })

test.each<readonly [string, Kernel, readonly [harena: string, linux: string][]]>([
  ['the same', kernel((answer) => answer), []],
  ['a verdict', kernel(() => refused('R2 !read_ok')), [['accepted', 'EACCES R2 !read_ok']]],
  [
    'a message',
    kernel((answer) => (answer.verdict === 'accepted' ? answer : refused('R3 !read_ok'))),
    [['EACCES R2 !read_ok', 'EACCES R3 !read_ok']],
  ],
  [
    'no answer',
    kernel((answer) => (answer.verdict === 'accepted' ? { verdict: 'none', message: 'gone' } : answer)),
    [['accepted', 'gone']],
  ],
])('%s', async (_, asked, expected) => {
  const found = await compareVerdicts(asked, [GOOD, BAD])
  expect(found.map(({ harena, linux }) => [harena, linux])).toEqual(expected)
})
