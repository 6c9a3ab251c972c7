import { expect, test } from 'vitest'
import { countCpus } from './possible-cpus.ts'

test.each([
  ['0\n', 1],
  ['0-1\n', 2],
  ['0-3,8\n', 5],
  ['0-3,8-11\n', 8],
])('%j', (list, count) => expect(countCpus(list)).toBe(count))
