/** The counts that speeds are computed from are the counts of instructions executed. */
import { afterAll, expect, test } from 'vitest'
import { assemble, type LoadedObject, Machine } from '../index.ts'
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
