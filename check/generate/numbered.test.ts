import { expect, test } from 'vitest'
import { generated, type ProgramKind, shrink } from './numbered.ts'

const KINDS: readonly ProgramKind[] = ['valid', 'mutant', 'wild']

test.each(KINDS)('a %s program is found again by its number', (kind) => {
  const first = [...generated(kind, 5, 0, 45)]
  expect(first.map(({ index }) => index)).toEqual(Array.from({ length: 45 }, (_, n) => n))
  for (const at of [0, 19, 20, 44]) expect([...generated(kind, 5, at, at + 1)]).toEqual([first[at]])
  expect([...generated(kind, 6, 0, 1)]).not.toEqual([first[0]])
})

test('shrinking starts from the numbered program and ends at a small one', () => {
  const program = [...generated('valid', 3, 0, 200)].find(({ text }) => text.includes('xchg'))!
  const tried: string[] = []
  const small = shrink('valid', 3, program.index, ({ text }) => {
    tried.push(text)
    return text.includes('xchg')
  })
  expect(tried[0]).toBe(program.text)
  expect(small?.text).toContain('xchg')
  expect(small!.text.split('\n').length).toBeLessThan(60)
})

test('a program that does not fail is not shrunk', () => {
  expect(shrink('valid', 3, 21, () => false)).toBeUndefined()
})
