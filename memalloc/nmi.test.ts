import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeRandom } from '../cpu/random.ts'
import { pagesAfter, type Simulation, type SimulationOptions, simulate } from './fixture.ts'
import { Stress } from './stress.ts'

const LONG = process.env.HARENA_LONG !== undefined
const OPERATIONS = LONG ? 40_000 : 1500
const RUNS = LONG ? 25 : 6

/** Pages that are handed out in the end, and operations done. */
function randomRun(options: SimulationOptions, seed: number, operations: number, oneIn: number): number {
  return simulate(options, (simulation) => {
    const { processors, injector, pagesBefore } = simulation
    const random = makeRandom(BigInt(seed), 77n)
    const stress = new Stress(simulation, random)
    injector.each(() => {
      if (random.below(oneIn) !== 0) return
      const { current } = processors
      if (random.below(3) > 0 || !current.accepts('hardirq')) {
        processors.run(current.id, 'nmi', 'nmi', () => stress.step(true))
      } else {
        processors.run(current.id, 'hardirq', 'interrupt', () => stress.step(false))
      }
    })
    while (stress.operations < operations) {
      processors.run(random.below(processors.cpus.length), 'task', 'task', () => stress.step(false))
      if (random.below(100) === 0) processors.advance(BigInt(random.below(40_000_000)))
    }
    injector.each(undefined)
    stress.check()
    stress.end()
    expect(pagesAfter(simulation)).toBe(pagesBefore)
    return stress.operations
  })
}

describe('NMIs and interrupts at random', () => {
  const variants: [string, SimulationOptions][] = [
    ['Linux 6.18', {}],
    ['RT', { rt: true }],
    ['without self-interrupt', { selfInterrupt: false }],
    ['own slab caches, nolock as planned', { policies: { slab: 'own', nolock: 'planned' } }],
    ['adaptive watermarks', { policies: { watermarks: 'adaptive' } }],
    ['debug', { policies: { debug: true } }],
  ]
  test.each(variants)('%s: nothing is corrupted, lost, or handed out twice; nobody spins', (_, options) => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 5, max: 200 }), (seed, cpus, oneIn) => {
        randomRun({ ...options, cpus }, seed, OPERATIONS, oneIn)
      }),
      { numRuns: RUNS },
    )
  })
})

/** Does the same work once for each of its steps, with an intrusion before that step. */
function atEveryStep(options: SimulationOptions, work: Work, intrude: Intrusion): number {
  let steps = 1
  for (let step = 1; step <= steps; step++) {
    simulate(options, (simulation) => {
      const { injector, pagesBefore } = simulation
      const stress = new Stress(simulation, makeRandom(5n, 7n))
      injector.start()
      injector.at(step, () => intrude(simulation, stress))
      work(simulation, stress)
      steps = Math.max(step, injector.step)
      injector.start()
      stress.check()
      stress.end()
      expect(pagesAfter(simulation)).toBe(pagesBefore)
    })
  }
  return steps
}

type Work = (simulation: Simulation, stress: Stress) => void
type Intrusion = (simulation: Simulation, stress: Stress) => void

const fewOperations: Work = ({ processors }, stress) => {
  for (let round = 0; round < (LONG ? 60 : 8); round++) {
    processors.run(round % processors.cpus.length, 'task', 'task', () => stress.step(false))
  }
  while (stress.live.length > 4) stress.freeOne(false)
  processors.settle()
}

describe('an intrusion before every single step', () => {
  test('an NMI that allocates and frees', () => {
    const steps = atEveryStep({ cpus: 2 }, fewOperations, ({ processors }, stress) => {
      processors.run(processors.current.id, 'nmi', 'nmi', () => {
        for (let round = 0; round < 4; round++) stress.step(true)
        if (stress.live.length > 0) stress.freeOne(true)
      })
    })
    expect(steps).toBeGreaterThan(500)
  })

  test("another CPU's operation", () => {
    // Its irq_work waits for the tick, so that no lock is wanted that the paused CPU may hold.
    const steps = atEveryStep({ cpus: 3, selfInterrupt: false }, fewOperations, ({ processors }, stress) => {
      const other = processors.cpus.find((cpu) => cpu.accepts('task'))!
      processors.run(other.id, 'nmi', 'another CPU', () => {
        for (let round = 0; round < 4; round++) stress.step(true)
      })
    })
    expect(steps).toBeGreaterThan(300)
  })
})
