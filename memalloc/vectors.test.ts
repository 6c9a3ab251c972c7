/** What always holds of bpf_mem_alloc, and the vectors that are about its classes; those measured: bpf-mem-alloc.test.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RCU_NS, TASKS_TRACE_NS, TICK_NS } from '../cpu/processors.ts'
import type { BpfMemAlloc } from './bpf-mem-alloc.ts'
import { pagesAfter, type Simulation, simulate } from './fixture.ts'
import { COUNT, FREE, HIGH, insideOf, LOW, UNIT } from './mem-cache-layout.ts'
import { cacheState, listedObjects } from './mem-invariants.ts'
import { sizeClass } from './size-classes.ts'
import { checkSlabs } from './slab-invariants.ts'

const RUNS: number = process.env.HARENA_LONG ? 300 : 40

/** The cache that serves objects of this size on a CPU. */
function levelOf({ kernel }: Simulation, alloc: BpfMemAlloc, unit: number, cpu = 0): number {
  return cacheState(kernel.memory, alloc.allCaches.find((cache) => cache.unit === unit && cache.cpu === cpu)!).F
}

function irqsOff<T>({ processors }: Simulation, work: () => T): T {
  const irqs = processors.current.irqSave()
  const result = work()
  processors.current.irqRestore(irqs)
  return result
}

describe('vectors of the form for any size', () => {
  test.each([
    ['V1', 8, 16, 4, 48],
    ['V1, the largest of 256', 248, 256, 4, 48],
    ['V3', 504, 512, 1, 24],
    ['V3, the largest', 4088, 4096, 1, 3],
  ])(
    '%s: objects of %i bytes, cold, interrupts off: class %i gives %i objects; %i on the list afterwards',
    (...row) => {
      const [, bytes, unit, got, level] = row
      simulate({}, (simulation) => {
        const alloc = simulation.kernel.bpf.create({ name: 'test', size: 0 })
        const take = (): number => alloc.alloc(bytes)
        const objects = irqsOff(simulation, () => Array.from({ length: got + 1 }, take))
        expect(objects.map((at) => at !== 0)).toEqual([...Array.from({ length: got }, () => true), false])
        expect(levelOf(simulation, alloc, unit)).toBe(level)
      })
    },
  )

  test('V2: the first leaves 3, which raises the refill; then none until 31', () => {
    simulate({}, (simulation) => {
      const alloc = simulation.kernel.bpf.create({ name: 'test', size: 0 })
      const levels = Array.from({ length: 21 }, () => {
        alloc.alloc(8)
        return levelOf(simulation, alloc, 16)
      })
      expect(levels).toEqual([...Array.from({ length: 20 }, (_, index) => 51 - index), 79])
    })
  })

  test('V4: 97 frees to a list that holds nothing: 64 stay, 33 wait, and the next refill takes them', () => {
    simulate({}, ({ kernel }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      const cache = alloc.allCaches[0]!
      const objects = Array.from({ length: 97 }, () => alloc.cacheAlloc())
      // Behind the cache's back, so that nobody has asked for a refill.
      while (cache.remove() !== 0);
      for (const [index, object] of objects.entries()) {
        alloc.cacheFree(object)
        const state = cacheState(kernel.memory, cache)
        if (index < 96) expect(state).toMatchObject({ F: index + 1, T: 0, WT: 0 })
      }
      expect(cacheState(kernel.memory, cache)).toMatchObject({ F: 64, T: 0, WT: 33 })
      const before = checkSlabs(kernel.slab).size
      for (let count = 0; count < 33; count++) expect(alloc.cacheAlloc()).not.toBe(0)
      // 33 of the batch of 48 are those that waited.
      expect(cacheState(kernel.memory, cache)).toMatchObject({ F: 31 + 48, WT: 0 })
      expect(checkSlabs(kernel.slab).size).toBe(before + 48 - 33)
    })
  })

  test('V6: the next refill at home takes what waits to be submitted, then what is in flight, then new ones', () => {
    simulate({ cpus: 2 }, ({ kernel, processors }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      const home = alloc.allCaches[0]!
      const run = (cpu: number, work: () => void): void => processors.run(cpu, 'task', 'task', work)
      const objects: number[] = []
      run(0, () => {
        while (objects.length < 200) objects.push(alloc.cacheAlloc())
      })
      run(1, () => {
        for (const object of objects) alloc.cacheFree(object)
      })
      const waiting = (): [number, number] => {
        const { T, WT } = cacheState(kernel.memory, home)
        return [T, WT]
      }
      const seen = [waiting()]
      run(0, () => {
        for (let count = 0; count < 300; count++) {
          alloc.cacheAlloc()
          if (waiting().join() !== seen.at(-1)!.join()) seen.push(waiting())
        }
      })
      // In batches of 48: 99 that wait for a submission, then 33 in flight, then the slab's.
      expect(seen).toEqual([
        [99, 33],
        [51, 33],
        [3, 33],
        [0, 0],
      ])
    })
  })

  test('V10: the only one taken raises the refill; three frees on one trim to two', () => {
    simulate({ selfInterrupt: false }, (simulation) => {
      const { kernel, processors } = simulation
      const alloc = kernel.bpf.create({ name: 'test', size: 8, percpu: true })
      const [cache] = alloc.allCaches
      const level = (): number => cacheState(kernel.memory, cache!).F
      const objects: number[] = []
      for (let round = 0; round < 3; round++) {
        expect(level()).toBe(1)
        objects.push(alloc.cacheAlloc())
        expect(level()).toBe(0)
        processors.advance(2n * TICK_NS)
      }
      for (const object of objects) alloc.cacheFree(object)
      expect(level()).toBe(4)
      processors.advance(2n * TICK_NS)
      expect(level()).toBe(2)
    })
  })
})

const operation = fc.record({
  kind: fc.constantFrom('alloc', 'alloc', 'alloc', 'free', 'free', 'freeRcu', 'burst', 'time'),
  cpu: fc.nat(1),
  pick: fc.nat(1000),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** One instance under operations of one CPU after the other, interrupts on but for bursts. */
class Check {
  readonly live: number[] = []
  private readonly simulation: Simulation
  private readonly alloc: BpfMemAlloc
  /** Objects in use in the slabs that are not of this instance. */
  private readonly others: number
  private readonly size: number

  constructor(simulation: Simulation, size: number) {
    const { kernel, injector } = simulation
    this.simulation = simulation
    this.size = size
    this.alloc = kernel.bpf.create({ name: 'test', size })
    this.others = checkSlabs(kernel.slab).size - listedObjects(kernel.memory, this.alloc).size
    injector.each(() => this.betweenSteps())
  }

  do({ kind, cpu, pick }: Operation): void {
    const { processors } = this.simulation
    if (kind === 'time') processors.advance(pick % 2 === 0 ? RCU_NS : TASKS_TRACE_NS)
    else processors.run(cpu, 'task', 'task', () => this.onCpu(kind, cpu, pick))
    this.afterOperation()
  }

  end(): void {
    while (this.live.length > 0) this.alloc.free(this.live.pop()!)
    this.simulation.kernel.bpf.destroy(this.alloc)
    expect(pagesAfter(this.simulation)).toBe(this.simulation.pagesBefore)
  }

  private onCpu(kind: Operation['kind'], cpu: number, pick: number): void {
    const { alloc, live, simulation } = this
    if (kind === 'alloc') {
      for (let count = 0; count <= pick % 40; count++) this.take()
    } else if (kind === 'burst') {
      const before = this.levels(cpu)
      irqsOff(simulation, () => {
        for (let count = 0; count <= pick % 120; count++) this.take()
      })
      // I4: the run that waited brought a batch. Classes that nobody used are as cold as before.
      for (const [index, { level, low, batch }] of this.levels(cpu).entries()) {
        if (level !== before[index]!.level) expect(level).toBeGreaterThanOrEqual(Math.min(low, batch))
      }
    } else {
      for (let count = 0; count <= pick % 60 && live.length > 0; count++) {
        const [object] = live.splice((pick * 31 + count) % live.length, 1)
        if (kind === 'free') alloc.free(object!)
        else alloc.freeRcu(object!)
      }
      // I4: never more than high.
      for (const { level, high } of this.levels(cpu)) expect(level).toBeLessThanOrEqual(high)
    }
  }

  private take(): void {
    const object = this.size > 0 ? this.alloc.cacheAlloc() : this.alloc.alloc(SIZES[this.live.length % SIZES.length]!)
    if (object !== 0) this.live.push(object)
  }

  private levels(cpu: number): { level: number; low: number; high: number; batch: number }[] {
    return this.alloc.allCaches
      .filter((cache) => cache.cpu === cpu)
      .map((cache) => {
        const { F, low, high } = cacheState(this.simulation.kernel.memory, cache)
        return { level: F, low, high, batch: Math.max(Math.floor((high - low) / 4) * 3, 1) }
      })
  }

  /** I2 and I3, whenever nobody is inside. */
  private betweenSteps(): void {
    const { memory } = this.simulation.kernel
    const word = (at: number): number => memory.i32[at / 4]!
    for (const { at } of this.alloc?.allCaches ?? []) {
      const count = word(at + COUNT)
      if (insideOf(count) !== 0) continue
      if (count < 0) throw new Error(`a count of ${count}`)
      let length = 0
      for (let object = word(at + FREE) >>> 0; object !== 0; object = word(object) >>> 0) length++
      if (length !== count) throw new Error(`${length} objects, and ${count} counted`)
    }
  }

  /** I1 and I7. */
  private afterOperation(): void {
    const { kernel } = this.simulation
    const listed = listedObjects(kernel.memory, this.alloc)
    const used = checkSlabs(kernel.slab)
    expect(listed.size + this.live.length + this.others).toBe(used.size)
    for (const object of this.live) {
      expect(listed.has(object - 8)).toBe(false)
      expect(used.has(object - 8)).toBe(true)
      const home = kernel.memory.i32[(object - 8) / 4]!
      const cache = this.alloc.allCaches.find(({ at }) => at === home)
      expect(cache).toBeDefined()
      expect([LOW, HIGH].every((word) => kernel.memory.i32[(home + word) / 4]! > 0)).toBe(true)
      expect(kernel.memory.i32[(home + UNIT) / 4]).toBe(cache!.unit)
    }
  }
}

/** Payloads of four classes. */
const SIZES = [8, 88, 200, 1000] as const

describe('what holds at every step and after every operation', () => {
  test.each([
    ['one size', 64],
    ['one large size', 2000],
    ['any size', 0],
  ])('%s: conservation, counts, levels, headers', (_, size) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        simulate({ cpus: 2 }, (simulation) => {
          const check = new Check(simulation, size)
          for (const each of operations) check.do(each)
          simulation.injector.each(undefined)
          check.end()
        })
      }),
      { numRuns: RUNS },
    )
  })

  test('a header names a cache of the class that the size asks for', () => {
    simulate({}, ({ kernel }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 0 })
      for (const bytes of [1, 8, 9, 24, 56, 57, 88, 120, 184, 248, 504, 1016, 2040, 2041, 4088]) {
        const object = alloc.alloc(bytes)
        const home = kernel.memory.i32[(object - 8) / 4]!
        const { unit } = alloc.allCaches.find(({ at }) => at === home)!
        expect([bytes, alloc.allCaches.findIndex((cache) => cache.unit === unit)]).toEqual([
          bytes,
          sizeClass(bytes, false),
        ])
        expect(unit).toBeGreaterThanOrEqual(bytes + 8)
      }
    })
  })
})
