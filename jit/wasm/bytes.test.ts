import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Bytes } from './bytes.ts'

const written = (write: (bytes: Bytes) => void): number[] => {
  const bytes = new Bytes()
  write(bytes)
  return [...bytes.view()]
}

/** Reads an LEB128 number of up to 64 bits. */
function read(bytes: readonly number[], signed: boolean): bigint {
  let value = 0n
  bytes.forEach((byte, at) => {
    value |= BigInt(byte & 0x7f) << BigInt(7 * at)
  })
  expect(bytes.slice(0, -1).every((byte) => byte >= 0x80)).toBe(true)
  expect(bytes.at(-1)).toBeLessThan(0x80)
  return signed ? BigInt.asIntN(7 * bytes.length, value) : value
}

describe('LEB128', () => {
  test.for([
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [624_485, [0xe5, 0x8e, 0x26]],
    [0xffff_ffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ] as const)('u32 %i', ([value, bytes]) => {
    expect(written((out) => out.u32(value))).toEqual(bytes)
  })

  test.for([
    [0, [0]],
    [-1, [0x7f]],
    [63, [0x3f]],
    [64, [0xc0, 0]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [-123_456, [0xc0, 0xbb, 0x78]],
  ] as const)('s32 %i', ([value, bytes]) => {
    expect(written((out) => out.s32(value))).toEqual(bytes)
  })

  test('every number comes back, in the fewest bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const low = Number(BigInt.asIntN(32, value))
        const high = Number(BigInt.asIntN(32, value >> 32n))
        const bytes = written((out) => out.s64(low, high))
        expect(read(bytes, true)).toBe(value)
        const shorter = 7 * (bytes.length - 1)
        expect(bytes.length === 1 || BigInt.asIntN(shorter, value) !== value).toBe(true)
        expect(
          read(
            written((out) => out.s32(low)),
            true,
          ),
        ).toBe(BigInt(low))
        expect(
          read(
            written((out) => out.u32(low)),
            false,
          ),
        ).toBe(BigInt(low >>> 0))
      }),
    )
  })
})

test('grows, and keeps what was written', () => {
  const bytes = new Bytes()
  const long = Uint8Array.from({ length: 5000 }, (_, at) => at)
  bytes.name('é')
  bytes.sized(long)
  expect([...bytes.view().subarray(0, 3)]).toEqual([2, 0xc3, 0xa9])
  expect([...bytes.view().subarray(3, 5)]).toEqual([0x88, 0x27])
  expect(bytes.view().subarray(5)).toEqual(long)
  expect(bytes.length).toBe(5005)
})
