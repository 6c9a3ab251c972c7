/** How fast the interpreter runs verified programs. */
import { assemble, Machine } from '../index.ts'
import { type Measurement, median, plainLoop, sample, time } from './measure.ts'
import { ARITHMETIC, ARITHMETIC_INSTRUCTIONS, LIST, NODES, WALK_INSTRUCTIONS, WALKS } from './programs.ts'

export function interpreterSpeed(): Measurement[] {
  const machine = new Machine({ seed: 1 })
  const arithmetic = machine.load(assemble(ARITHMETIC)).program('arithmetic')
  const list = machine.load(assemble(LIST))
  if (list.program('build').run().retval !== 0) throw new Error('the list could not be built')
  const walk = list.program('walk')
  const sum = BigInt(WALKS) * BigInt((NODES * (NODES - 1)) / 2)
  if (walk.run().r0 !== sum) throw new Error('the walk does not find every node')

  const plain = median(sample(plainLoop))
  const speed = (name: string, instructions: number, run: () => void): Measurement => {
    const values = sample(() => instructions / time(run) / 1000)
    return {
      name,
      unit: 'Minsn/s',
      median: median(values),
      best: values.at(-1)!,
      worst: values[0]!,
      ratio: median(values) / plain,
      target: '>= 150',
    }
  }
  const speeds = [
    speed('arithmetic loop', ARITHMETIC_INSTRUCTIONS, () => void arithmetic.run()),
    speed(`list walk, ${NODES} nodes`, WALK_INSTRUCTIONS, () => void walk.run()),
  ]
  machine.close()
  return speeds
}
