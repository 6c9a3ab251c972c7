import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineText, makeSource, positionAt, relativeTo, stem } from './source.ts'

test.each([
  ['a.s', 'b.inc', 'b.inc'],
  ['dir/a.s', 'b.inc', 'dir/b.inc'],
  ['dir/a.s', './x/../b.inc', 'dir/b.inc'],
  ['dir/sub/a.s', '../b.inc', 'dir/b.inc'],
  ['a.s', '../b.inc', '../b.inc'],
  ['../a.s', '../b.inc', '../../b.inc'],
  ['/abs/a.s', 'b.inc', '/abs/b.inc'],
  ['dir/a.s', '/abs/b.inc', '/abs/b.inc'],
])('from %s, %s is %s', (from, path, expected) => {
  expect(relativeTo(from, path)).toBe(expected)
})

test.each([
  ['a/list.bpf.s', 'list'],
  ['list', 'list'],
  ['.s', ''],
  ['', ''],
])('the stem of %s is %s', (file, expected) => {
  expect(stem(file)).toBe(expected)
})

test('positions agree with counting', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '\n', 'bc', '\r\n')), fc.nat(), (parts, at) => {
      const text = parts.join('')
      const offset = text.length === 0 ? 0 : at % text.length
      const before = text.slice(0, offset).split('\n')
      const source = makeSource('f', text)
      const position = positionAt(source, offset)
      expect(position).toEqual({ file: 'f', line: before.length, column: before.at(-1)!.length + 1 })
      expect(lineText(source, position.line)).toBe(text.split('\n')[position.line - 1]!.replace(/\r$/, ''))
    }),
  )
})
