/** The counts that speeds are computed from are the counts of instructions executed. */
import { afterAll, expect, test } from 'vitest'
import { assemble, type LoadedObject, Machine } from '../index.ts'
import { mapTriples, OBJECTS } from './map-programs.ts'
import { ARITHMETIC, arithmeticInstructions, LIST, NODES, walkInstructions } from './programs.ts'

const machine = new Machine()
afterAll(() => machine.close())

/** Instructions that a run executes. */
function count(object: LoadedObject, name: string): number {
  let executed = 0
  const hook = (slot: number): void => {
    if (slot >= 0) executed++
  }
  object.program(name).run({ hook })
  return executed
}

test.each([1, 10, 77])('%i rounds of arithmetic', (rounds) => {
  const object = machine.load(assemble(ARITHMETIC))
  object.global('rounds').set(rounds)
  expect(count(object, 'arithmetic')).toBe(arithmeticInstructions(rounds))
})

test.each([1, 3])('%i walks of the list', (walks) => {
  const object = machine.load(assemble(LIST))
  expect(object.program('build').run().retval).toBe(0)
  object.global('walks').set(walks)
  expect(count(object, 'walk')).toBe(walkInstructions(walks))
  expect(object.program('walk').run().r0).toBe((BigInt(walks) * BigInt(NODES) * BigInt(NODES - 1)) / 2n)
})

test.each([1, 5])('%i rounds of update, look-up and delete, after which the map is empty', (rounds) => {
  const object = machine.load(assemble(mapTriples(rounds)))
  expect(count(object, 'triples')).toBe(6 + 21 * rounds)
  expect(object.program('triples').run().retval).toBe(0)
  expect([...object.map('hits').keys()]).toEqual([])
})

test.each([
  ['new_drop', 10],
  ['new_xchg_drop', 15],
])('%s makes an object a round, in %i instructions', (name, instructions) => {
  const object = machine.load(assemble(OBJECTS))
  object.global('rounds').set(3)
  // A field that was empty, in the first round of all, spares it the drop.
  count(object, name)
  const three = count(object, name)
  object.global('rounds').set(13)
  expect(count(object, name) - three).toBe(10 * instructions)
  expect(object.program(name).run().retval).toBe(0)
})
