import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { anyProgram, propertyRuns } from '../isa/arbitrary.ts'
import { encode } from '../isa/instruction.ts'
import { link } from '../program/link.ts'
import { fromLine, toLine } from './wire.ts'

test('an object comes over the wire as it was, its source lines aside', () => {
  const object = assemble(`
    .map arena type=arena entries=16 extra=0x100000010000
    .struct item
        value: u64
    .end
    .global count: u32 = 7
    .program main type=syscall
        r1 = arena ll
        r1 = count ll
        call sum
        exit
    .func sum
        w0 = *(u32 *)(r1 + 0)
        exit
  `)
  const line = toLine(object)
  expect(line).not.toContain('\n')
  const back = fromLine(line) as typeof object
  const bare = <T extends { readonly lines: readonly unknown[] }>(one: T): T => ({ ...one, lines: [] })
  expect(back).toEqual({ ...object, programs: object.programs.map(bare), functions: object.functions.map(bare) })
  // Rows are found again, not copied: code that compares them goes on working.
  expect(back.programs[0]!.insns[0]!.row).toBe(object.programs[0]!.insns[0]!.row)
  expect(link(back, 'main').insns).toEqual(link(object, 'main').insns)
})

test('numbers, bytes and instructions of any kind', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.uint8Array(), anyProgram, (number, bytes, insns) => {
      const back = fromLine(toLine({ number, bytes, list: [{ insns }] })) as {
        number: bigint
        bytes: Uint8Array
        list: { insns: typeof insns }[]
      }
      expect(back.number).toBe(number)
      expect(back.bytes).toEqual(bytes)
      expect(encode(back.list[0]!.insns)).toEqual(encode(insns))
    }),
    { numRuns: propertyRuns(50) },
  )
})
