/** How fast the interpreter runs verified programs. */
import { assemble, Machine } from '../index.ts'
import { type Measurement, median, plainLoop, sample, time } from './measure.ts'
import { ARITHMETIC, arithmeticInstructions, LIST, NODES, WALKS, walkInstructions } from './programs.ts'

export function interpreterSpeed(): Measurement[] {
  const machine = new Machine({ seed: 1, engine: 'interpreter' })
  const arithmetic = machine.load(assemble(ARITHMETIC)).program('arithmetic')
  const list = machine.load(assemble(LIST))
  if (list.program('build').run().retval !== 0) throw new Error('the list could not be built')
  const walk = list.program('walk')
  const sum = BigInt(WALKS) * BigInt((NODES * (NODES - 1)) / 2)
  if (walk.run().r0 !== sum) throw new Error('the walk does not find every node')

  const speed = (name: string, instructions: number, run: () => void): Measurement => {
    const ratios: number[] = []
    const values = sample(() => {
      // The plain loop beside each run: what else the host does slows both.
      const plain = plainLoop()
      const value = instructions / time(run) / 1000
      ratios.push(value / plain)
      return value
    })
    return {
      name,
      unit: 'Minsn/s',
      median: median(values),
      best: values.at(-1)!,
      worst: values[0]!,
      relation: { part: median(ratios.sort((x, y) => x - y)), of: 'plain loop' },
      target: '>= 150',
    }
  }
  const speeds = [
    speed('arithmetic loop', arithmeticInstructions(), () => void arithmetic.run()),
    speed(`list walk, ${NODES} nodes`, walkInstructions(), () => void walk.run()),
  ]
  machine.close()
  return speeds
}
