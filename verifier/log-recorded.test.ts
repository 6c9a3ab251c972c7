import { describe, expect, test } from 'vitest'
import { RECORDED_LOGS } from './log-recorded.ts'
import { judge, loadable } from './testing.ts'

/** Addresses differ from machine to machine, and blanks in front of the state with the length of a kfunc's number. */
function comparable(log: string): string {
  return log.replaceAll(/0xffff[8c][0-9a-f]{11}/gu, 'ADDRESS').replaceAll(/(bpf_arena_\w+)#\d+ *;/gu, '$1 ;')
}

describe.each(RECORDED_LOGS)('$name', ({ source, errno, level1, level2 }) => {
  test.each([
    [1, level1],
    [2, level2],
  ])('level %i', (logLevel, log) => {
    const verdict = judge(loadable(source), { logLevel, cpus: 2 })
    expect(comparable(verdict.log)).toBe(comparable(log))
    expect(verdict.accepted ? '' : verdict.error.errno).toBe(errno)
  })

  test('level 4 adds to the statistics, level 0 writes nothing', () => {
    const { log } = judge(loadable(source), { logLevel: 4 })
    expect(log).toMatch(/(^|\n)verification time 0 usec\nstack depth [0-9+]+\nprocessed \d+ insns.*\n$/)
    expect(judge(loadable(source), { logLevel: 0 }).log).toBe('')
  })
})
