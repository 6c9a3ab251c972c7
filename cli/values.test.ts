import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { assignment, bytesOption, choiceOption, numberOption, parseInteger, readBytes } from './values.ts'

const folder: string = mkdtempSync(join(tmpdir(), 'harena-values-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['0', 0n],
  ['-17', -17n],
  ['0xff', 255n],
  ['0b101', 5n],
  ['18446744073709551615', 18446744073709551615n],
  ['', undefined],
  ['0x', undefined],
  ['12a', undefined],
  ['1.5', undefined],
])('%s is the integer %s', (text, value) => expect(parseInteger(text)).toBe(value))

describe('bytes', () => {
  const bytes = (text: string): Uint8Array | undefined => bytesOption({ ctx: text }, 'ctx')
  test('hex digits, blanks allowed', () => expect(bytes('hex:00 ff 7A')).toEqual(Uint8Array.of(0, 255, 0x7a)))
  test('zeros', () => expect(bytes('zero:3')).toEqual(new Uint8Array(3)))
  test('a file', () => {
    writeFileSync(join(folder, 'data'), Uint8Array.of(1, 2, 3))
    expect(Array.from(bytes(`@${join(folder, 'data')}`) ?? [])).toEqual([1, 2, 3])
  })
  test.each([
    ['hex:0', '--ctx: 1 hex digits are no whole number of bytes'],
    ['hex:0g', "--ctx: 'g' is no hex digit"],
    ['zero:-1', '--ctx zero:N takes N from 0 to 16777216'],
    ['zero:99999999999', '--ctx zero:N takes N from 0 to 16777216'],
    ['00ff', '--ctx takes hex:00ff…, @path or zero:N'],
    ['@/nowhere/at/all', '/nowhere/at/all: no such file'],
  ])('%s is refused', (text, message) => expect(() => bytes(text)).toThrow(message))
  test('a directory is no file', () => expect(() => readBytes(folder)).toThrow('this is a directory'))
})

test('numbers keep to their range', () => {
  expect(numberOption({}, 'cpu', 3, 0, 9)).toBe(3)
  expect(numberOption({ cpu: '0x9' }, 'cpu', 3, 0, 9)).toBe(9)
  expect(() => numberOption({ cpu: '10' }, 'cpu', 3, 0, 9)).toThrow("--cpu takes a number from 0 to 9, not '10'")
  expect(() => numberOption({ cpu: 'x' }, 'cpu', 3, 0, 9)).toThrow("not 'x'")
})

test('choices', () => {
  expect(choiceOption({}, 'syntax', ['llvm', 'kernel'])).toBe('llvm')
  expect(() => choiceOption({ syntax: 'intel' }, 'syntax', ['llvm', 'kernel'])).toThrow('--syntax takes llvm, kernel')
})

test('assignments', () => {
  expect(assignment('a=b=c', 'set')).toEqual({ name: 'a', value: 'b=c' })
  for (const text of ['a', '=b', 'a=']) expect(() => assignment(text, 'set')).toThrow('--set takes NAME=VALUE')
})
