/** What pairs of bpf_obj_new and bpf_obj_drop leave for later: objects come back when a grace period is over. */
import { assemble, Machine } from '../index.ts'
import { type Measurement, median, sample, time } from './measure.ts'
import { OBJECTS } from './workloads/maps.ts'

/** Nanoseconds a pair, for the machine to settle after a run. */
export function putOffByObjects(): Measurement {
  const machine = new Machine({ engine: 'jit' })
  try {
    const { rounds } = OBJECTS
    const object = machine.load(assemble(OBJECTS.source))
    object.global('n').set(rounds)
    const data = new Uint8Array(64)
    const sorted = sample(() => {
      object.program('run').run({ data })
      return (time(() => machine.settle()) * 1e6) / rounds
    })
    return {
      name: 'bpf_obj_drop: settling afterwards',
      unit: 'ns a pair',
      median: median(sorted),
      best: sorted[0]!,
      worst: sorted.at(-1)!,
      target: '',
    }
  } finally {
    machine.close()
  }
}
