import { describe, expect, test } from 'vitest'
import type { Io } from './io.ts'
import { ENDLESS, harena, PRINTING, SLOW, TWO, useFolder } from './testing.ts'

useFolder()

describe('progress on a terminal', () => {
  /** Each look at the clock finds it that much later. */
  const watched = (step: number): Partial<Io> => {
    let now = 0
    return {
      terminal: true,
      now: () => {
        now += step
        return now
      },
    }
  }

  test('a long run: one line, rewritten, wiped before the message', async () => {
    const { stderr } = await harena(['run', ENDLESS, '--unchecked', '--timeout', '0.2'], '', watched(700))
    const [nothing, ...lines] = stderr.split('\r')
    expect(nothing).toBe('')
    expect(lines[0]).toBe('running endless: 1 s')
    expect(lines.slice(0, -2).every((line) => /^running endless: \d+ s$/u.test(line))).toBe(true)
    // A line is written again only when it says something else.
    expect(new Set(lines).size).toBe(lines.length)
    expect(lines.at(-2)).toMatch(/^ +$/u)
    expect(lines.at(-1)).toMatch(/^harena: timed out$/mu)
  })

  test('what a program prints takes its place', async () => {
    const { stderr } = await harena(['run', PRINTING, '--repeat', '4'], '', watched(600))
    expect(stderr).toContain('hello: hi\n')
    for (const line of stderr.split('\n')) expect(line).toMatch(/^(?:\rrunning hello: \d+ s\r {18}\r)?(?:hello: hi)?$/u)
    expect(stderr).toContain('running hello: 1 s')
  })

  test('a long verification tells how far it is', async () => {
    const { status, stderr } = await harena(['verify', SLOW], '', watched(600))
    expect(status).toBe(0)
    expect(stderr).toMatch(/^\rverifying slow: \d+ instructions\r/u)
    expect(stderr).toMatch(/\r +\r$/u)
    expect((await harena(['run', SLOW], '', watched(600))).stderr).toMatch(/^\rverifying slow: \d+ instructions\r/u)
  })

  test('several programs are counted', async () => {
    const { stdout, stderr } = await harena(['verify', TWO], '', watched(600))
    expect(stderr).toBe(`\rverifying b (2 of 2)\r${' '.repeat(20)}\r`)
    expect(stdout).toBe((await harena(['verify', TWO])).stdout)
  })

  test('nothing within the first second, nothing without a terminal', async () => {
    expect((await harena(['verify', SLOW], '', watched(1))).stderr).toBe('')
    expect((await harena(['run', SLOW], '', watched(1))).stderr).toBe('')
    expect((await harena(['verify', SLOW], '', { ...watched(600), terminal: false })).stderr).toBe('')
    expect((await harena(['run', SLOW], '', { ...watched(600), terminal: false })).stderr).toBe('')
  })
})
