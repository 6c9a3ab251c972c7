import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyProgram, instructionOf, propertyRuns, slots, wildBytes } from './arbitrary.ts'
import { build, decode, encode, findRow, isWellFormed, secondHalf } from './instruction.ts'
import { Kind, LD_IMM64_HI, rowNamed, TABLE, UNKNOWN } from './table.ts'

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

describe('encode and decode', () => {
  test.each(TABLE.map((row) => [row.name, row] as const))('%s with any operands comes back the same', (_, row) => {
    fc.assert(
      fc.property(instructionOf(row), (insn) => {
        expect(isWellFormed(insn)).toBe(true)
        expect(decode(encode(slots(insn)))).toEqual(slots(insn))
      }),
      { numRuns: propertyRuns(20) },
    )
  })

  test('any bytes come back the same', () => {
    fc.assert(
      fc.property(wildBytes, (bytes) => {
        const program = decode(bytes)
        expect(program).toHaveLength(bytes.length / 8)
        expect(encode(program)).toEqual(bytes)
      }),
      { numRuns: propertyRuns(2000) },
    )
  })

  test('whole programs come back the same', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        expect(decode(encode(program))).toEqual(program)
      }),
      { numRuns: propertyRuns(200) },
    )
  })

  test('bytes stand where RFC 9669 puts them', () => {
    const store = build(rowNamed('stx_u32'), { dst: 1, src: 2, off: -2, imm: 0 })
    expect(Buffer.from(encode([store])).toString('hex')).toBe('6321feff00000000')
    const wide = build(rowNamed('ld_imm64'), { dst: 3, imm: 0x11223344, imm2: 0x55667788 })
    expect(Buffer.from(encode([wide, secondHalf(wide.imm2)])).toString('hex')).toBe('18030000443322110000000088776655')
  })

  test('decode honours the offset of a view into a larger buffer', () => {
    const bytes = new Uint8Array([0xff, 0xff, 0xff, ...fromHex('9500000000000000')])
    expect(decode(bytes.subarray(3))).toEqual([build(rowNamed('exit'))])
  })

  test.each([1, 7, 9])('%i bytes are refused', (length) => {
    expect(() => decode(new Uint8Array(length))).toThrow(RangeError)
  })
})

describe('LD_IMM64', () => {
  test('takes in its second half', () => {
    const [first, second] = decode(fromHex('1801000005000000 0000000007000000'))
    expect(first).toMatchObject({ row: rowNamed('ld_imm64'), dst: 1, imm: 5, imm2: 7 })
    expect(second).toMatchObject({ row: LD_IMM64_HI, imm: 7 })
  })

  test('in the last slot stands alone', () => {
    const bytes = fromHex('9500000000000000 1801000005000000')
    const program = decode(bytes)
    expect(program[1]).toMatchObject({ row: rowNamed('ld_imm64'), imm: 5, imm2: 0 })
    expect(encode(program)).toEqual(bytes)
  })

  test('keeps a second half that is an instruction', () => {
    const bytes = fromHex('1801000005000000 95a1ff0007000000 9500000000000000')
    const program = decode(bytes)
    expect(program[1]).toMatchObject({ row: LD_IMM64_HI, opcode: 0x95, dst: 1, src: 10, off: 255 })
    expect(isWellFormed(program[1]!)).toBe(false)
    expect(program[2]?.row.kind).toBe(Kind.EXIT)
    expect(encode(program)).toEqual(bytes)
  })

  test('of a kind that there is not is nearest to the plain one', () => {
    const [first, second] = decode(fromHex('1891000005000000 0000000007000000'))
    expect(first).toMatchObject({ row: rowNamed('ld_imm64'), src: 9, imm2: 7, exact: false })
    expect(second?.row).toBe(LD_IMM64_HI)
  })
})

describe('findRow', () => {
  test.each([
    ['a signed division has off 1', 0x37, 0, 1, 5, 'sdiv64_imm'],
    ['an unsigned one off 0', 0x37, 0, 0, 1, 'div64_imm'],
    ['no division has off 2', 0x37, 0, 2, 1, undefined],
    ['a cast is a move with off 1', 0xbf, 2, 1, 1, 'cast_kern'],
    ['... the other way with imm 1 << 16', 0xbf, 2, 1, 0x10000, 'cast_user'],
    ['... with no other imm', 0xbf, 2, 1, 2, undefined],
    ['... of 64 bits only', 0xbc, 2, 1, 1, undefined],
    ['a move stays one when a reserved imm looks like a cast', 0xbf, 2, 0, 1, 'mov64_reg'],
    ['a sign-extending move', 0xbf, 2, 8, 0, 'movsx64_s8'],
    ['32 bits extend from no 32', 0xbc, 2, 32, 0, undefined],
    ['off is free where it chooses nothing', 0x07, 0, 9, 1, 'add64_imm'],
    ['atomics go by imm', 0xdb, 2, -8, 0xf1, 'atomic_cmpxchg_u64'],
    ['small atomics are load-acquire and store-release only', 0xd3, 2, 0, 0, undefined],
    ['calls go by src', 0x85, 2, 0, 7, 'call_kfunc'],
    ['no call has src 3', 0x85, 3, 0, 7, undefined],
    ['a byte swap of 17 bits', 0xd7, 0, 0, 17, undefined],
    ['a byte that is no opcode', 0xff, 0, 0, 0, undefined],
  ])('%s', (_, opcode, src, off, imm, name) => {
    expect(findRow(opcode, src, off, imm)?.name).toBe(name)
  })
})

describe('isWellFormed', () => {
  test.each([
    ['0700000005000000', true],
    ['0710000005000000', false],
    ['0700010005000000', false],
    ['070b000005000000', false],
    ['0fb0000000000000', false],
    ['0fa0000000000000', true],
    ['0f00000001000000', false],
    ['3700020001000000', false],
    ['9500000000000000', true],
    ['9501000000000000', false],
    ['ff00000000000000', false],
    ['0000000000000000', false],
  ])('%s: %s', (hex, expected) => {
    expect(isWellFormed(decode(fromHex(hex))[0]!)).toBe(expected)
  })

  test('a slot of zeros is no instruction', () => {
    expect(decode(fromHex('0000000000000000'))[0]?.row).toBe(UNKNOWN)
  })
})
