import { describe, expect, test } from 'vitest'
import { HarenaError } from '../errors/errors.ts'
import { build, encode } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import { isElf } from './elf.ts'
import { readInput } from './input.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const slots = (...hex: readonly string[]): Uint8Array => Uint8Array.from(Buffer.from(hex.join(''), 'hex'))

describe('readInput', () => {
  test('text is assembly', () => {
    expect(readInput(bytesOf('r0 = 0; exit # größer\n'), 'a.s')).toEqual({
      kind: 'assembly',
      text: 'r0 = 0; exit # größer\n',
    })
  })

  test('an empty file is an empty text', () => {
    expect(readInput(new Uint8Array(), 'a.s')).toEqual({ kind: 'assembly', text: '' })
  })

  test('a byte order mark is dropped', () => {
    expect(readInput(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41), 'a.s')).toEqual({ kind: 'assembly', text: 'A' })
  })

  test('other bytes are raw instructions', () => {
    const insns = [build(rowNamed('mov64_imm'), { imm: 7 }), build(rowNamed('exit'))]
    const input = readInput(encode(insns), 'a.bin')
    expect(input).toEqual({ kind: 'raw', insns })
  })

  test.each([
    ['a reserved field', slots('9500000001000000')],
    ['a jump out of the program', slots('0500090000000000', '9500000000000000')],
    ['no exit', slots('b700000007000000')],
  ])('%s is left to the verifier', (_, bytes) => expect(readInput(bytes, 'x').kind).toBe('raw'))

  test.each([
    [
      'no multiple of eight',
      Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0),
      'x: neither assembly nor instructions: 7 bytes are no multiple of 8',
    ],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe, 0x41), 'x: neither assembly nor instructions: 3 bytes are'],
    ['an unknown opcode', slots('b700000007000000', '8f00000000000000'), 'instructions: slot 1: unknown opcode 0x8f'],
    ['nothing but zeros', new Uint8Array(16), 'instructions: slot 0: unknown opcode 0x00'],
    ['a register that is none', slots('b70b000000000000'), 'slot 0: dst names register 11; there are r0 to r10'],
    ['half an instruction', slots('1800000000000000'), 'slot 0: the 64-bit immediate lacks its second slot'],
    ['two halves that do not fit', slots('1800000000000000', '9500000000000000'), 'slot 1: opcode of the second slot'],
    ['an ELF object', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0), 'x: ELF objects are not read yet'],
    ['an ELF object cut to its magic', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46), 'x: ELF objects are not read yet'],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => readInput(bytes, 'x')).toThrow(HarenaError)
    expect(() => readInput(bytes, 'x')).toThrow(message)
  })
})

test('isElf wants the whole magic', () => {
  expect(isElf(Uint8Array.of(0x7f, 0x45, 0x4c))).toBe(false)
  expect(isElf(bytesOf('ELF'))).toBe(false)
})
