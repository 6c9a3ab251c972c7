/** The tournament that finds the next CPU, and the ring that costs are measured with. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Earliest } from './earliest.ts'
import { LINE_WORDS, LINES, RING, ringOrder, TURNS, takeTurns, WORDS, writeLines } from './measure-lines.ts'

test('the tournament finds the lowest CPU of the earliest time, after every change', () => {
  const changes = fc.array(fc.tuple(fc.nat(31), fc.nat(20)), { maxLength: 100 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), changes, (cpus, steps) => {
      const time = new Float64Array(cpus)
      const earliest = new Earliest(time)
      expect(earliest.cpu).toBe(0)
      for (const [cpu, value] of steps) {
        // 20: waits for a lock, and has no time.
        time[cpu % cpus] = value === 20 ? Number.POSITIVE_INFINITY : value
        earliest.update(cpu % cpus)
        expect(earliest.cpu).toBe(time.indexOf(Math.min(...time)))
      }
    }),
  )
})

test('the ring goes through every second line once, and closes', () => {
  const words = new Int32Array(WORDS)
  writeLines(words, ringOrder())
  const seen = new Set<number>()
  for (let at = RING; !seen.has(at); at = words[at]!) seen.add(at)
  expect(seen.size).toBe(LINES)
  for (const at of seen) expect((at - RING) % (2 * LINE_WORDS)).toBe(0)
})

test('the ticket lock is free again when one thread has taken all its turns', () => {
  const words = new Int32Array(WORDS)
  takeTurns(words)
  expect(words.filter((word) => word !== 0)).toEqual(Int32Array.of(TURNS, TURNS))
})
