import { describe, expect, test } from 'vitest'
import { Field, Kind, rowNamed, rowsOf, TABLE } from './table.ts'

describe('the table', () => {
  test('names are unique, ids count up', () => {
    expect(new Set(TABLE.map((row) => row.name)).size).toBe(TABLE.length)
    expect(TABLE.map((row) => row.id)).toEqual(TABLE.map((_, index) => index))
  })

  test('rows of one opcode are told apart by one field each', () => {
    for (const row of TABLE) {
      const twins = rowsOf(row.opcode).filter(
        (other) => other.select?.field === row.select?.field && other.select?.value === row.select?.value,
      )
      expect(twins.map((twin) => twin.name)).toEqual([row.name])
    }
  })

  // RFC 9669, section 2.4 and the table of its appendix, and what Linux adds.
  test('groups have as many instructions as the RFC gives them', () => {
    const sizes: Record<string, number> = {}
    for (const row of TABLE) sizes[row.group] = (sizes[row.group] ?? 0) + 1
    expect(sizes).toEqual({
      // 16 arithmetic, neg, 2 moves, 2 movsx; le, be of 16 and 32; 3 sizes of 3; goto, gotol; 22 jumps; 3 calls, exit
      base32: 16 + 1 + 2 + 2 + 4 + 9 + 2 + 22 + 4,
      // the same with a third movsx; le64, be64, 3 bswap; 7 immediates; 3 of 64 bits, 3 sign-extending loads; 22 jumps
      base64: 16 + 1 + 2 + 3 + 5 + 7 + 3 + 3 + 22,
      divmul32: 10,
      divmul64: 10,
      atomic32: 10,
      atomic64: 10,
      packet: 6,
      callx: 1,
      // casts, load-acquire and store-release of 4 sizes, may_goto
      linux: 2 + 8 + 1,
    })
  })

  test.each([
    ['add32_imm', 0x04],
    ['arsh64_reg', 0xcf],
    ['mov64_imm', 0xb7],
    ['be16', 0xdc],
    ['bswap16', 0xd7],
    ['ld_imm64', 0x18],
    ['ld_abs_u32', 0x20],
    ['ld_ind_u8', 0x50],
    ['ldx_u64', 0x79],
    ['ldx_s32', 0x81],
    ['st_u16', 0x6a],
    ['stx_u8', 0x73],
    ['atomic_add_u32', 0xc3],
    ['gotol', 0x06],
    ['jsle64_reg', 0xdd],
    ['jset32_imm', 0x46],
    ['may_goto', 0xe5],
    ['callx', 0x8d],
    ['exit', 0x95],
  ])('%s is 0x%s', (name, opcode) => {
    expect(rowNamed(name).opcode).toBe(opcode)
  })

  test('a cast fixes off, which tells it from a move', () => {
    for (const row of TABLE.filter(({ kind }) => kind === Kind.CAST_KERN || kind === Kind.CAST_USER)) {
      expect(row).toMatchObject({ off: Field.FIXED, imm: Field.FIXED, dst: Field.USED, src: Field.USED })
    }
  })

  test('a name that is not there is our mistake', () => {
    expect(() => rowNamed('add128')).toThrow(/add128/)
  })
})
