/** Where a scalar plus a pointer points, by whose stack it is. */

import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { judge, loadable, sourcesSeen } from './testing.ts'

function verdict(main: string, callee: string): string {
  const program = `.program p type=syscall\n${main}\n  r0 = 0\n  exit\n`
  const found = judge(loadable(`${program}.func f\n${callee}\n  r0 = 0\n  exit\n`))
  return found.accepted ? 'accepted' : `${found.error.errno} ${found.error.reason}`
}

const SUM = '  r3 = -8\n  r3 += r10\n  *(u64 *)(r3 + 0) = 1'
const REFUSED = "EOPNOTSUPP harena does not implement a scalar plus a pointer to a function's own stack"

describe('a scalar plus a stack pointer', () => {
  test.each([
    ['in the main program', `${SUM}\n  call f`, '  r1 = 1', 'accepted'],
    ['in a function, of its own stack', '  call f', SUM, REFUSED],
    ['in a function, copied first', '  call f', '  r2 = r10\n  r3 = -8\n  r3 += r2', REFUSED],
    ['of no known value', '  r1 = *(u64 *)(r1 + 0)\n  call f', '  r1 &= 7\n  r1 += r10', REFUSED],
    ["in a function, of its caller's stack", '  r1 = r10\n  call f', `${SUM.replace('r10', 'r1')}`, 'accepted'],
    ['the other way round', '  call f', '  r3 = r10\n  r3 += -8\n  *(u64 *)(r3 + 0) = 1', 'accepted'],
    [
      'a register the other way round',
      '  call f',
      '  r4 = -8\n  r3 = r10\n  r3 += r4\n  *(u64 *)(r3 + 0) = 1',
      'accepted',
    ],
  ])('%s', (_, main, callee, expected) => expect(verdict(main, callee)).toBe(expected))
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(6)
  expect(await otherVerdicts(sources)).toEqual([])
})
