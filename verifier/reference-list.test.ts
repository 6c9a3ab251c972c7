import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Reference, ReferenceList } from './reference-list.ts'

const reference = (id: number, kind: Reference['kind'] = 'pointer'): Reference => ({
  kind,
  id,
  insn: 10 * id,
  owner: undefined,
})

test('as an array does, whatever is added and taken out', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), id: fc.nat(9), back: fc.nat(20) }), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (sequence) => {
      // Any list so far may be gone on with: none of them changes.
      const lists: (readonly [ReferenceList, readonly Reference[]])[] = [[ReferenceList.EMPTY, []]]
      for (const { add, id, back } of sequence) {
        const [list, array] = lists[Math.max(0, lists.length - 1 - back)]!
        const one = reference(id, id % 2 === 0 ? 'irq' : 'pointer')
        if (add) lists.push([list.add(one), [...array, one]])
        else lists.push([list.without(id), array.toSpliced(array.findLastIndex((held) => held.id === id) >>> 0, 1)])
      }
      for (const [list, array] of lists) {
        expect([...list]).toEqual(array)
        expect([list.length, list.first, list.last]).toEqual([array.length, array[0], array.at(-1)])
        expect(list.findLast(({ kind }) => kind === 'irq')).toEqual(array.findLast(({ kind }) => kind === 'irq'))
        expect(list.ids).toBe(array.flatMap(({ id }) => (id === 0 ? [] : [id])).join(','))
      }
    }),
    { numRuns: process.env.HARENA_LONG ? 1000 : 100 },
  )
})

test('texts of long lists', () => {
  let list = ReferenceList.EMPTY
  const ids: number[] = []
  for (let id = 1; id <= 1000; id++) {
    list = list.add(reference(id))
    ids.push(id)
    expect(list.ids).toBe(ids.join(','))
  }
})

test('pairs of two lists, place by place', () => {
  const [a, b] = [1, 2].map((first) =>
    [0, 1, 2].reduce((list, n) => list.add(reference(first + n)), ReferenceList.EMPTY),
  )
  const seen: [number, number][] = []
  const test = (mine: Reference, theirs: Reference): boolean => seen.push([mine.id, theirs.id]) > 0
  expect(a!.everyPair(b!, test)).toBe(true)
  expect(seen).toEqual([
    [3, 4],
    [2, 3],
    [1, 2],
  ])
  expect(a!.everyPair(b!, ({ id }) => id !== 2)).toBe(false)
})

test('what was not there is not taken out: the list stays the same one', () => {
  const list = ReferenceList.EMPTY.add(reference(1)).add(reference(2))
  expect(list.without(3)).toBe(list)
  expect(list.add(reference(3)).without(3)).toBe(list)
  expect(ReferenceList.EMPTY.without(1)).toBe(ReferenceList.EMPTY)
})
