import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { findType } from '../btf/layout.ts'
import { Rejection } from './errors.ts'
import { hitStruct, StructTable, type StructType } from './structs.ts'

const { btf } = assemble(`.struct pair
  x: u64
  y: u32
  z: u32
.end
.struct item
  a: u64
  b: u32
  gap: u8
  next: ptr item
  pairs: pair[3]
  grid: u16[2*3]
  end: u8
.end
.program p type=xdp
  exit
`)
const item = findType(btf!, 'item', 'struct')!
const type = btf!.types[item] as StructType

/** `number`, `pointer`, or the message. */
function hit(off: number, size: number): string {
  try {
    return hitStruct(btf!, type, off, size) === undefined ? 'number' : 'pointer'
  } catch (error) {
    if (error instanceof Rejection) return error.message
    throw error
  }
}

describe('what an access of a struct hits', () => {
  test.each([
    [0, 8, 'number'],
    [4, 4, 'number'],
    [8, 4, 'number'],
    [12, 1, 'number'],
    [8, 8, 'access beyond the end of member b (mend:12) in struct item with off 8 size 8'],
    [13, 1, "struct item doesn't have field at offset 13"],
    [16, 8, 'pointer'],
    [16, 4, 'cannot access ptr member next with moff 16 in struct item with off 16 size 4'],
    [20, 4, 'cannot access ptr member next with moff 16 in struct item with off 20 size 4'],
    [24, 8, 'number'],
    [32, 4, 'number'],
    [36, 4, 'number'],
    [32, 8, 'access beyond the end of member y (mend:12) in struct pair with off 8 size 8'],
    [56, 8, 'number'],
    [72, 2, 'number'],
    // The elements of an array of numbers are one stretch of bytes.
    [72, 8, 'number'],
    [84, 1, 'number'],
    [88, 1, 'access beyond struct item at off 88 size 1'],
    [80, 16, 'access beyond struct item at off 80 size 16'],
  ])('%i bytes from %i: %s', (off, size, text) => expect(hit(off, size)).toBe(text))

  test('never more than the struct has', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.constantFrom(1, 2, 4, 8), (off, size) => {
        const found = hit(off, size)
        if (found === 'number' || found === 'pointer') expect(off + size).toBeLessThanOrEqual(type.size)
        if (found === 'pointer') expect([off, size]).toEqual([16, 8])
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 100 : 1000 },
    )
  })
})

describe('numbers of structs', () => {
  const pair = findType(btf!, 'pair', 'struct')!

  test('the same for the same type of the same BTF', () => {
    const table = new StructTable()
    expect([table.number(btf!, item), table.number(btf!, pair), table.number(btf!, item)]).toEqual([1, 2, 1])
    expect(table.entry(2).type.name).toBe('pair')
    expect(table.number({ types: btf!.types }, item)).toBe(3)
  })

  test('only structs have one', () => {
    const table = new StructTable()
    expect(() => table.number(btf!, 0)).toThrow('is no struct')
    expect(() => table.entry(1)).toThrow('there is no struct 1')
  })
})
