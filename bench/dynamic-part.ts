/** How fast a map whose elements are allocated is beside one whose elements are there, under the load of 2016. */
import { harena } from './engines/bpf.ts'
import type { Prepared } from './engines/engine.ts'
import { median } from './measure.ts'
import { type Design, tripleOf } from './workloads/maps.ts'

/** Odd, so that the median is a turn's own. */
const TURNS = 61
const WARM_UPS = 8

/**
 * Speed of the dynamic map over that of the preallocated one, both compiled: the median of turns in which each runs
 * once. They are apart by less than what a host gains and loses from one second to the next.
 */
export async function dynamicPart(turns: number = TURNS, rounds?: number): Promise<number> {
  const engine = harena('jit', { engine: 'jit' })
  const prepare = async (design: Design): Promise<Prepared> => {
    const workload = tripleOf(design)
    const prepared = await engine.prepare(workload, rounds ?? workload.rounds)
    if (prepared === undefined) throw new Error(`${workload.name} does not run compiled`)
    return prepared
  }
  const both = [await prepare('preallocated'), await prepare('dynamic')] as const
  try {
    const ratios: number[] = []
    for (let turn = -WARM_UPS; turn < turns; turn++) {
      const [preallocated, dynamic] = [await both[0].run(1), await both[1].run(1)]
      if (turn >= 0) ratios.push(preallocated.ms / dynamic.ms)
      // V8 optimises on other threads: this one may be ahead of them.
      else await new Promise((resume) => setTimeout(resume, 5))
    }
    return median(ratios.sort((a, b) => a - b))
  } finally {
    for (const prepared of both) prepared.close()
  }
}
