import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as access from './access.ts'
import { giveBack, takeMemory } from './pool.ts'

const RUNS: number = process.env.HARENA_LONG ? 20_000 : 2000

/** Offsets of every alignment, at both ends of the memory. */
const offset = fc.oneof(
  fc.nat(64),
  fc.nat(64).map((n) => 2 ** 32 - 80 + n),
)
const word = fc.integer()

function check(body: (memory: ReturnType<typeof takeMemory>) => void): void {
  const memory = takeMemory()
  body(memory)
  giveBack(memory, [
    [0, 128],
    [2 ** 32 - 128, 2 ** 32],
  ])
}

describe('access at any alignment', () => {
  test('a store is what a DataView reads, a load is what it wrote', () => {
    check((memory) => {
      fc.assert(
        fc.property(offset, word, word, (at, low, high) => {
          access.store8(memory, at, low)
          expect(memory.view.getInt8(at)).toBe((low << 24) >> 24)
          access.store16(memory, at, low)
          expect(memory.view.getInt16(at, true)).toBe((low << 16) >> 16)
          access.store32(memory, at, low)
          expect(memory.view.getInt32(at, true)).toBe(low)
          access.storeHalves(memory, at, low, high)
          const value = (BigInt(high) << 32n) | BigInt(low >>> 0)
          expect(memory.view.getBigInt64(at, true)).toBe(value)
          expect(access.load8(memory, at)).toBe(low & 0xff)
          expect(access.load16(memory, at)).toBe(low & 0xffff)
          expect(access.load32(memory, at)).toBe(low)
          expect(access.load64(memory, at)).toBe(BigInt.asUintN(64, value))
          const halves = new Int32Array(4)
          access.loadHalves(memory, at, halves, 1)
          expect([...halves]).toEqual([0, low, high, 0])
          access.store64(memory, at, BigInt.asUintN(64, ~value))
          expect(memory.view.getBigInt64(at, true)).toBe(~value)
          access.store64(memory, at, value)
          expect(memory.view.getBigInt64(at, true)).toBe(value)
        }),
        { numRuns: RUNS },
      )
    })
  })

  test.each([1, 2, 3])('an unaligned access at the end of the memory (%i bytes before it) is a RangeError', (n) => {
    check((memory) => {
      expect(() => access.load32(memory, 2 ** 32 - n)).toThrow(RangeError)
    })
  })

  test('a copy is what copyWithin makes of it, overlapping or not', () => {
    check((memory) => {
      const place = fc.nat(96)
      fc.assert(
        fc.property(place, place, fc.nat(80), fc.integer(), (to, from, bytes, seed) => {
          for (let at = 0; at < 256; at++) memory.u8[at] = (at * 31) ^ seed
          const wanted = memory.u8.slice(0, 256).copyWithin(to, from, from + bytes)
          access.copyBytes(memory, to, from, bytes)
          expect(memory.u8.slice(0, 256)).toEqual(wanted)
        }),
        { numRuns: RUNS },
      )
      memory.u8.fill(0, 0, 256)
    })
  })

  test('zeros are written to as many bytes as asked for', () => {
    check((memory) => {
      for (let bytes = 0; bytes <= 80; bytes++) {
        memory.u8.fill(0xff, 0, 128)
        access.zeroBytes(memory, 8, bytes)
        expect([bytes, memory.u8.slice(0, 128).indexOf(0)]).toEqual([bytes, bytes === 0 ? -1 : 8])
        expect(memory.u8.slice(8, 128).findIndex((byte) => byte !== 0)).toBe(bytes)
      }
      memory.u8.fill(0, 0, 128)
    })
  })
})
