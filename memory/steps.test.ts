import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InternalError } from '../errors/errors.ts'
import type { Memory } from './memory.ts'
import { giveBack, takeMemory } from './pool.ts'
import { hookedSteps, plainSteps, type StepKind, type Steps } from './steps.ts'

const RUNS: number = process.env.HARENA_LONG ? 1000 : 100

function withMemory(work: (memory: Memory) => void): void {
  const memory = takeMemory()
  try {
    work(memory)
  } finally {
    giveBack(memory, [[0, 4096]])
  }
}

const BINDINGS: readonly [string, (memory: Memory) => Steps][] = [
  ['plain', plainSteps],
  ['hooked', (memory) => hookedSteps(memory, () => undefined)],
]

describe.each(BINDINGS)('%s steps', (_, bind) => {
  test('stores and loads of every width are little-endian', () => {
    withMemory((memory) => {
      const steps = bind(memory)
      steps.store64(8, 0x04030201, 0x88070605 | 0)
      expect([...memory.u8.subarray(8, 16)]).toEqual([1, 2, 3, 4, 5, 6, 7, 0x88])
      expect([steps.load8(9), steps.load16(10), steps.load32(12)]).toEqual([2, 0x0403, 0x88070605 | 0])
      expect([steps.load64(8), steps.high]).toEqual([0x04030201, 0x88070605 | 0])
      steps.store8(8, 0x1ff)
      steps.store16(10, 0x1fffe)
      steps.store32(12, 0xffff_ffff)
      expect([steps.load64(8), steps.high]).toEqual([0xfffe02ff | 0, -1])
    })
  })

  test('add returns what stood there and wraps', () => {
    withMemory((memory) => {
      const steps = bind(memory)
      steps.store32(4, 0x7fff_ffff)
      expect(steps.add32(4, 1)).toBe(0x7fff_ffff)
      expect(steps.add32(4, -2)).toBe(-0x8000_0000)
      expect(steps.load32(4)).toBe(0x7ffffffe)
    })
  })

  test('compare-exchange stores only where the expected value stands', () => {
    withMemory((memory) => {
      const steps = bind(memory)
      steps.store32(4, -1)
      expect(steps.compareExchange32(4, 0xffff_ffff, 5)).toBe(-1)
      expect(steps.compareExchange32(4, 6, 7)).toBe(5)
      expect(steps.load32(4)).toBe(5)
      steps.store64(16, 1, 2)
      expect(steps.compareExchange64(16, 1, 3, 8, 9)).toBe(false)
      expect(steps.compareExchange64(16, 3, 2, 8, 9)).toBe(false)
      expect([steps.load64(16), steps.high]).toEqual([1, 2])
      expect(steps.compareExchange64(16, 1, 2, 8, 9)).toBe(true)
      expect([steps.load64(16), steps.high]).toEqual([8, 9])
    })
  })

  test('any sequence does what a DataView does', () => {
    const operation = fc.record({
      kind: fc.constantFrom('8', '16', '32', '64', 'add', 'cas'),
      slot: fc.nat(7),
      low: fc.integer(),
      high: fc.integer(),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) =>
        withMemory((memory) => {
          const steps = bind(memory)
          const model = new DataView(new ArrayBuffer(64))
          for (const { kind, slot, low, high } of operations) apply(steps, model, kind, 8 * slot, low, high)
          expect([...memory.u8.subarray(0, 64)]).toEqual([...new Uint8Array(model.buffer)])
        }),
      ),
      { numRuns: RUNS },
    )
  })
})

function apply(steps: Steps, model: DataView, kind: string, at: number, low: number, high: number): void {
  switch (kind) {
    case '8':
      steps.store8(at, low)
      model.setInt8(at, low)
      break
    case '16':
      steps.store16(at, low)
      model.setInt16(at, low, true)
      break
    case '32':
      steps.store32(at, low)
      model.setInt32(at, low, true)
      break
    case '64':
      steps.store64(at, low, high)
      model.setInt32(at, low, true)
      model.setInt32(at + 4, high, true)
      break
    case 'add':
      expect(steps.add32(at, low)).toBe(model.getInt32(at, true))
      model.setInt32(at, model.getInt32(at, true) + low, true)
      break
    default: {
      // Expects what is there every other time.
      const expected = high % 2 === 0 ? model.getInt32(at, true) : high
      const before = model.getInt32(at, true)
      expect(steps.compareExchange32(at, expected, low)).toBe(before)
      if (expected === before) model.setInt32(at, low, true)
    }
  }
}

describe('the hook', () => {
  test('is called before each step, with what it is', () => {
    withMemory((memory) => {
      const seen: [StepKind, number, number][] = []
      const steps = hookedSteps(memory, (...step) => seen.push(step))
      steps.store32(8, 1)
      steps.load64(8)
      steps.add32(8, 1)
      steps.compareExchange64(8, 2, 0, 3, 0)
      expect(seen).toEqual([
        ['store', 8, 32],
        ['load', 8, 64],
        ['add', 8, 32],
        ['compare-exchange', 8, 64],
      ])
    })
  })

  test('sees memory as it is before the step, and what it does comes first', () => {
    withMemory((memory) => {
      const plain = plainSteps(memory)
      const steps = hookedSteps(memory, () => plain.add32(8, 10))
      steps.store32(8, 1)
      expect(steps.load32(8)).toBe(11)
      expect(steps.add32(8, 1)).toBe(21)
      expect(steps.compareExchange32(8, 22, 0)).toBe(32)
    })
  })

  test('may use the same steps without disturbing the upper half of its victim', () => {
    withMemory((memory) => {
      let depth = 0
      const steps: Steps = hookedSteps(memory, () => {
        if (depth > 0) return
        depth++
        steps.load64(16)
        depth--
      })
      steps.store64(8, 1, 2)
      steps.store64(16, 3, 4)
      expect(steps.load64(8)).toBe(1)
      steps.load8(0)
      expect(steps.high).toBe(2)
    })
  })

  test.each([
    ['unaligned', 2],
    ['negative', -4],
    ['past the end', 2 ** 32],
    ['not a number', Number.NaN],
  ])('an %s offset is our mistake', (_, at) => {
    withMemory((memory) => {
      const steps = hookedSteps(memory, () => undefined)
      expect(() => steps.load32(at)).toThrow(InternalError)
      expect(() => steps.store64(at, 0, 0)).toThrow(InternalError)
    })
  })
})
