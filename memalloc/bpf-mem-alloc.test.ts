import { describe, expect, test } from 'vitest'
import { RCU_NS, TASKS_TRACE_NS } from '../cpu/processors.ts'
import { ErrnoError, InternalError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { BpfMemAlloc } from './bpf-mem-alloc.ts'
import { pagesAfter, type Simulation, type SimulationOptions, simulate } from './fixture.ts'
import type { MemCache } from './mem-cache.ts'
import { type CacheState, cacheState } from './mem-invariants.ts'
import { addressOf } from './reports.ts'
import { checkSlabs } from './slab-invariants.ts'

interface Bench extends Simulation {
  readonly alloc: BpfMemAlloc
  /** CPU 0's only cache. */
  readonly cache: MemCache
  readonly state: (cpu?: number) => CacheState
  /** Takes `count` objects on this CPU; those that were to be had. */
  readonly take: (count: number) => number[]
  readonly irqsOff: <T>(work: () => T) => T
}

/** One instance of objects of `size` bytes. */
function bench(
  options: SimulationOptions & { size: number; percpu?: boolean; exclusive?: boolean },
  work: (bench: Bench) => void,
): void {
  simulate(options, (simulation) => {
    const { kernel, processors } = simulation
    const { size, percpu = false, exclusive = false } = options
    const alloc = kernel.bpf.create({ name: 'test', size, percpu, exclusive })
    const caches = alloc.allCaches
    work({
      ...simulation,
      alloc,
      cache: caches[0]!,
      state: (cpu = 0) => cacheState(kernel.memory, caches[cpu]!),
      take: (count) => Array.from({ length: count }, () => alloc.cacheAlloc()).filter((at) => at !== 0),
      irqsOff: (inside) => {
        const irqs = processors.current.irqSave()
        const result = inside()
        processors.current.irqRestore(irqs)
        return result
      },
    })
    if (kernel.bpf.all.includes(alloc)) kernel.bpf.destroy(alloc)
    pagesAfter(simulation)
    checkSlabs(kernel.slab)
  })
}

describe('the vectors that were measured on Linux 6.18', () => {
  // Map and value size are what they were measured with; an element has a head of 48 bytes and a key of 8.
  test.each([
    ['V1: hash 8', 64, false, [4, 52, 100]],
    ['V1: hash 192', 248, false, [4, 52, 100]],
    ['V1: hash 200', 256, false, [1, 46, 91]],
    ['V1: hash 400', 456, false, [1, 25, 49]],
    ['V1: hash 440', 496, false, [1, 25, 49]],
    ['V1: percpu hash 8', 8, true, [1, 2, 3]],
  ])('%s: 130 keys three times, interrupts off: %j objects', (_, size, percpu, expected) => {
    bench({ size, percpu }, ({ take, irqsOff, alloc }) => {
      // A key that is there already is replaced at no cost: its old object is freed, and is the next one taken.
      let present = 0
      const runs = [1, 2, 3].map(() => {
        irqsOff(() => {
          for (let key = 0; key < 130; key++) {
            if (key < present) {
              for (const object of take(1)) alloc.cacheFree(object)
            } else {
              present += take(1).length
            }
          }
        })
        return present
      })
      expect(runs).toEqual(expected)
    })
  })

  test('V1: cold, interrupts off: 4 and no fifth; with interrupts on again one batch', () => {
    bench({ size: 8 }, ({ take, irqsOff, state }) => {
      expect(irqsOff(() => take(5)).length).toBe(4)
      expect(state().F).toBe(48)
    })
  })

  test('V2: one by one with interrupts on', () => {
    bench({ size: 64 }, ({ take, state }) => {
      const levels: Record<number, number> = {}
      for (let taken = 1; taken <= 70; taken++) {
        take(1)
        levels[taken] = state().F
      }
      expect(levels).toMatchObject({ 1: 51, 2: 50, 19: 33, 20: 32, 21: 79, 22: 78, 68: 32, 69: 79, 70: 78 })
    })
  })

  test('V3: units of 512 bytes, cold, interrupts off: 1 and no second; then 24', () => {
    bench({ size: 504 }, ({ take, irqsOff, state }) => {
      expect(irqsOff(() => take(2)).length).toBe(1)
      expect(state().F).toBe(24)
    })
  })

  test.each([
    [48, 96],
    [49, 64],
    [50, 65],
    [81, 96],
    [82, 64],
    [83, 65],
  ])('V4: %i frees on a list of 48 leave %i', (frees, level) => {
    bench({ size: 64 }, ({ take, irqsOff, state, alloc }) => {
      const objects = take(4)
      while (objects.length < 100) objects.push(...take(1))
      // As on Linux, where the list held 48: everything is taken with interrupts off, then one batch comes.
      irqsOff(() => objects.push(...take(200)))
      expect(state().F).toBe(48)
      for (const object of objects.slice(0, frees)) alloc.cacheFree(object)
      expect(state().F).toBe(level)
    })
  })

  test('V4: what was trimmed waits in [WT], and the next refill takes it from there', () => {
    bench({ size: 64 }, ({ take, irqsOff, state, alloc, kernel }) => {
      const objects = take(100)
      irqsOff(() => objects.push(...take(200)))
      for (const object of objects.slice(0, 49)) alloc.cacheFree(object)
      expect(state()).toMatchObject({ F: 64, T: 0, WT: 33 })
      const before = checkSlabs(kernel.slab).size
      take(33)
      expect(state()).toMatchObject({ F: 31 + 48, WT: 0 })
      expect(checkSlabs(kernel.slab).size).toBe(before + 48 - 33)
    })
  })

  test('V5: limits of size', () => {
    simulate({}, ({ kernel }) => {
      const { global, globalPercpu } = kernel.bpf
      expect([1, 4088, 4089, 0].map((size) => global.alloc(size) !== 0)).toEqual([true, true, false, false])
      expect([4088, 4089, 0].map((size) => global.checkSize(size))).toEqual([0, -7, 0])
      expect([4096, 4097].map((size) => globalPercpu.checkSize(size))).toEqual([0, -7])
    })
  })

  test.each([false, true])('V6: taken on CPU 0, freed on CPU 1: the surplus goes home; one owner: %s', (exclusive) => {
    bench({ cpus: 2, size: 64, exclusive }, ({ take, state, alloc, processors, kernel }) => {
      const objects = processors.run(0, 'task', 'producer', () => take(200))
      expect(objects.length).toBe(200)
      const levels: Record<number, number> = {}
      processors.run(1, 'task', 'consumer', () => {
        for (const [index, object] of objects.entries()) {
          alloc.cacheFree(object)
          levels[index + 1] = state(1).F
        }
      })
      expect(levels).toMatchObject({ 92: 96, 93: 64, 125: 96, 126: 64, 159: 64, 192: 64, 200: 72 })
      // The first trim is in flight; the others wait for its end.
      expect(state(0)).toMatchObject({ WT: 33, T: 3 * 33 })
      expect(state(1)).toMatchObject({ WT: 0, T: 0 })
      const before = checkSlabs(kernel.slab).size
      processors.run(0, 'task', 'producer', () => take(60))
      expect(checkSlabs(kernel.slab).size).toBe(before)
    })
  })

  test('V10: per-CPU objects: 1, 3 at most, one at a time', () => {
    bench({ size: 8, percpu: true }, ({ take, state, alloc }) => {
      expect(state().F).toBe(1)
      const objects = take(3)
      const levels = [state().F]
      for (const object of objects) {
        alloc.cacheFree(object)
        levels.push(state().F)
      }
      expect([objects.length, ...levels]).toEqual([3, 1, 2, 3, 2])
    })
  })
})

describe('objects', () => {
  test('come zeroed, and recycled ones keep their payload', () => {
    bench({ size: 64 }, ({ take, alloc, kernel: { memory } }) => {
      const [first] = take(1)
      expect(memory.u8.subarray(first!, first! + 64).every((byte) => byte === 0)).toBe(true)
      memory.u8.fill(7, first!, first! + 64)
      alloc.cacheFree(first!)
      expect(take(1)).toEqual([first])
      expect(memory.u8.subarray(first!, first! + 64).every((byte) => byte === 7)).toBe(true)
    })
  })

  test('of the per-CPU form point to a zeroed area on every CPU', () => {
    bench({ cpus: 3, size: 24, percpu: true }, ({ take, kernel: { memory, percpu } }) => {
      const [object] = take(1)
      const area = memory.i32[object! / 4]!
      for (let cpu = 0; cpu < 3; cpu++) {
        const copy = percpu.copyOf(area, cpu)
        expect(memory.u8.subarray(copy, copy + 24).every((byte) => byte === 0)).toBe(true)
        memory.u8.fill(cpu + 1, copy, copy + 24)
      }
      for (let cpu = 0; cpu < 3; cpu++) expect(memory.u8[percpu.copyOf(area, cpu) + 23]).toBe(cpu + 1)
    })
  })

  test('are known by their header', () => {
    bench({ size: 64 }, ({ take, alloc }) => {
      const [object] = take(1)
      expect([object!, object! + 8, 0x1000, 3].map((at) => alloc.owns(at))).toEqual([true, false, false, false])
      alloc.cacheFree(object!)
      expect(alloc.owns(object!)).toBe(false)
    })
  })
})

describe('what is in use', () => {
  test('is known of an instance with one owner, wherever its objects are', () => {
    bench({ size: 64, cpus: 2, exclusive: true }, ({ alloc, take, processors, irqsOff }) => {
      const expectInUse = (count: number): void =>
        expect([alloc.hasInUse(count), alloc.hasInUse(count + 1)]).toEqual([true, false])
      expectInUse(0)
      const objects = take(200)
      expectInUse(200)
      // Beyond the high watermark: some are trimmed, and come back.
      processors.run(1, 'task', 'elsewhere', () => {
        for (const object of objects.splice(0, 150)) alloc.cacheFree(object)
      })
      expectInUse(50)
      const taken = irqsOff(() => take(300)).length
      expectInUse(50 + taken)
      processors.settle()
      expectInUse(50 + taken)
    })
  })

  test.each([
    ['no owner', {}],
    ['objects from the general allocator', { exclusive: true, policies: { sleepable: 'general-first' } }],
  ] as const)('is not counted with %s', (_, options) => {
    bench({ size: 64, ...options }, ({ alloc }) => {
      expect(() => alloc.hasInUse(0)).toThrow(InternalError)
    })
  })
})

describe('who may sleep', () => {
  test.each([
    [false, 4],
    [true, 10],
  ])('gets objects from the slab where the list is empty, if asked for: %s', (blocking, got) => {
    bench({ size: 64, selfInterrupt: false }, ({ alloc, state }) => {
      const objects = Array.from({ length: 10 }, () => alloc.cacheAllocFlags(blocking)).filter((at) => at !== 0)
      expect(objects).toHaveLength(got)
      for (const object of objects) alloc.cacheFree(object)
      expect(state().F).toBe(got)
    })
  })

  test('a raw free goes to the slab, by no list', () => {
    bench({ size: 64 }, ({ alloc, take, state }) => {
      const [raw, other] = take(2)
      const [before, held] = [state(), alloc.usage.objects]
      alloc.rawFree(raw!)
      alloc.rawFree(0)
      expect(state()).toEqual(before)
      expect(alloc.usage.objects).toBe(held - 1)
      alloc.cacheFree(other!)
    })
  })
})

describe('free after RCU', () => {
  test('what was freed goes, when the grace period is over, to where the object freed last came from', () => {
    bench({ size: 64, cpus: 2 }, ({ take, alloc, processors, state }) => {
      const [own] = take(1)
      const [other] = processors.run(1, 'task', 'elsewhere', () => take(1))
      alloc.cacheFreeRcu(own!)
      alloc.cacheFree(other!)
      expect(state(0).W).toBe(1)
      processors.advance(BigInt(RCU_NS))
      expect([state(0).WT, state(1).WT]).toEqual([0, 1])
    })
  })

  test('not handed out before a grace period, then again; back in the slab after a tasks-trace one', () => {
    bench({ size: 64 }, ({ take, alloc, state, processors, kernel }) => {
      take(1)
      const [object] = take(1)
      const before = state().F
      processors.run(0, 'task', 'program', () => {
        processors.rcu.enter(0)
        alloc.cacheFreeRcu(object!)
        expect(state()).toMatchObject({ F: before, R: 0, W: 1 })
        processors.advance(5n * RCU_NS)
        expect(state()).toMatchObject({ W: 1 })
        processors.rcu.leave(0)
      })
      processors.advance(RCU_NS)
      expect(state()).toMatchObject({ F: before, W: 0, WT: 1 })
      processors.advance(TASKS_TRACE_NS)
      expect(state()).toMatchObject({ WT: 0 })
      expect(checkSlabs(kernel.slab).has(object! - 8)).toBe(false)
    })
  })

  test('one callback is in flight; the first free after it raises the worker for the rest', () => {
    bench({ size: 64 }, ({ take, alloc, state, processors }) => {
      const objects = take(10)
      for (const object of objects.slice(0, 5)) alloc.cacheFreeRcu(object)
      expect(state()).toMatchObject({ W: 1, R: 4 })
      processors.advance(RCU_NS)
      expect(state()).toMatchObject({ W: 0, R: 4 })
      alloc.cacheFreeRcu(objects[5]!)
      expect(state()).toMatchObject({ W: 5, R: 0 })
    })
  })
})

describe('prefill', () => {
  test.each(['task', 'softirq', 'hardirq', 'nmi'] as const)('the next allocations succeed in %s', (context) => {
    bench({ size: 64, selfInterrupt: false }, ({ take, alloc, processors }) => {
      expect(alloc.prefill(64, 40)).toBe(0)
      processors.run(0, context, 'program', () => expect(take(50).length).toBe(40))
    })
  })

  test('more than there is, or larger than objects are: -ENOMEM', () => {
    bench({ size: 4000, memoryLimit: 40 * PAGE_SIZE }, ({ alloc }) => {
      expect(alloc.prefill(4000, 100)).toBe(-12)
      expect(alloc.prefill(4000, 2 ** 32 - 1)).toBe(-12)
      expect(alloc.prefill(4001, 1)).toBe(-12)
      expect(alloc.prefill(4000, 2)).toBe(0)
    })
  })

  test('what could not be filled up is given back', () => {
    bench({ size: 4000, memoryLimit: 40 * PAGE_SIZE }, ({ alloc, state, kernel, processors }) => {
      expect(alloc.prefill(4000, 100)).toBe(-12)
      expect(state()).toMatchObject({ low: 2, high: 6, F: 4 })
      processors.settle()
      kernel.slab.shrink()
      expect(kernel.pages.statistics().used).toBeLessThan(20)
    })
  })

  test('an earlier reserve stays where a later one cannot be had', () => {
    bench({ size: 4000, memoryLimit: 40 * PAGE_SIZE }, ({ take, alloc, state, irqsOff, processors }) => {
      expect(alloc.prefill(4000, 8)).toBe(0)
      expect(alloc.prefill(4000, 100)).toBe(-12)
      expect(alloc.prefill(4001, 1)).toBe(-12)
      processors.settle()
      expect(state()).toMatchObject({ low: 8, high: 24 })
      const objects = irqsOff(() => take(8))
      expect(objects).toHaveLength(8)
      for (const object of objects) alloc.cacheFree(object)
      expect(alloc.prefill(4000, 1)).toBe(0)
      expect(state()).toMatchObject({ low: 2, high: 6 })
    })
  })

  test('comes to an end in an NMI before any step', () => {
    let steps = 1
    let refused = 0
    for (let step = 1; step <= steps; step++) {
      bench({ size: 64, selfInterrupt: false }, ({ alloc, processors, injector }) => {
        injector.start()
        injector.at(step, () => {
          processors.run(0, 'nmi', 'nmi', () => {
            if (alloc.prefill(64, 20) !== 0) refused++
          })
        })
        alloc.cacheFree(alloc.cacheAlloc())
        steps = Math.max(step, injector.step)
        injector.start()
      })
    }
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThan(steps)
  })
})

describe('sleepable programs', () => {
  test.each([
    ['cache-only', 4, 4],
    ['cache-first', 10, 0],
    ['general-first', 10, 4],
  ] as const)('%s: %i of 10, and %i left', (sleepable, got, left) => {
    bench({ size: 64, selfInterrupt: false, policies: { sleepable } }, ({ alloc, state }) => {
      const objects = Array.from({ length: 10 }, () => alloc.cacheAllocSleepable()).filter((at) => at !== 0)
      expect([objects.length, state().F]).toEqual([got, sleepable === 'cache-only' ? 0 : left])
      for (const object of objects) alloc.cacheFree(object)
    })
  })
})

describe('adaptive watermarks', () => {
  test('rise where the list runs dry, and fall where it does not', () => {
    bench({ size: 64, policies: { watermarks: 'adaptive' } }, ({ take, irqsOff, state, alloc }) => {
      const objects = irqsOff(() => take(200))
      expect(state()).toMatchObject({ low: 64, high: 192 })
      for (let round = 0; round < 6; round++) objects.push(...irqsOff(() => take(1000)))
      expect(state()).toMatchObject({ low: 256, high: 768 })
      for (const object of objects) alloc.cacheFree(object)
      for (let round = 0; round < 600; round++) for (const object of take(100)) alloc.cacheFreeRcu(object)
      expect(state().low).toBeLessThan(64)
    })
  })

  interface Bursts {
    readonly percpu?: boolean
    /** Objects of a burst. */
    readonly size: number
    /** Gives the burst's objects back, before interrupts come on. */
    readonly inside?: (alloc: BpfMemAlloc, object: number) => void
    /** The same afterwards. */
    readonly behind?: (alloc: BpfMemAlloc, object: number) => void
    /** Between bursts. */
    readonly between?: (bench: Bench) => void
  }

  /** Allocations that failed in each of 100 bursts with interrupts off. */
  function failures(watermarks: 'fixed' | 'adaptive', bursts: Bursts): number[] {
    const { percpu = false, size, inside, behind, between } = bursts
    const failed: number[] = []
    bench({ size: 64, percpu, policies: { watermarks } }, (rig) => {
      const { take, irqsOff, alloc, processors } = rig
      for (let round = 0; round < 100; round++) {
        const taken = irqsOff(() => {
          const objects = take(size)
          for (const object of objects) inside?.(alloc, object)
          return objects
        })
        for (const object of taken) behind?.(alloc, object)
        failed.push(size - taken.length)
        between?.(rig)
        processors.settle()
      }
    })
    return failed
  }
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
  const free = (alloc: BpfMemAlloc, object: number): void => alloc.cacheFree(object)

  test.each<[string, Bursts]>([
    ['given back before the worker can run', { size: 100, inside: free }],
    ['given back behind it', { size: 100, behind: free }],
    ['given back after RCU', { size: 100, inside: (alloc, object) => alloc.cacheFreeRcu(object) }],
    ['of per-CPU objects', { size: 8, percpu: true, inside: free }],
  ])('bursts, %s: fewer failures than with fixed ones, and none in the end', (_, bursts) => {
    const [fixed, adaptive] = [failures('fixed', bursts), failures('adaptive', bursts)]
    expect(sum(fixed.slice(50))).toBeGreaterThan(50)
    expect(sum(adaptive)).toBeLessThan(sum(fixed) / 4)
    expect(sum(adaptive.slice(50))).toBe(0)
  })

  test('bursts behind long calms: each time they come down too far, they wait longer before they do', () => {
    const between = ({ take, alloc }: Bench): void => {
      for (let round = 0; round < 20; round++) for (const object of take(150)) alloc.cacheFree(object)
    }
    const bursts: Bursts = { size: 100, inside: free, between }
    const adaptive = failures('adaptive', bursts)
    expect(sum(adaptive)).toBeLessThan(sum(failures('fixed', bursts)) / 2)
    expect(adaptive.slice(50).filter((count) => count > 0).length).toBeLessThan(3)
  })

  test.each([
    ['objects', false, 500],
    ['per-CPU objects', true, 20],
  ])('%s that a program reserved stay, however the list is used', (_, percpu, count) => {
    bench({ size: 64, percpu, policies: { watermarks: 'adaptive' } }, ({ take, irqsOff, alloc, processors }) => {
      expect(alloc.prefill(64, count)).toBe(0)
      for (let round = 0; round < 3; round++) {
        const objects = irqsOff(() => take(count))
        expect(objects).toHaveLength(count)
        for (const object of objects) alloc.cacheFree(object)
      }
      for (const object of irqsOff(() => take(5000))) alloc.cacheFree(object)
      for (let round = 0; round < 100; round++) {
        for (const object of take(count)) alloc.cacheFreeRcu(object)
        processors.settle()
      }
      expect(irqsOff(() => take(count))).toHaveLength(count)
    })
  })
})

describe('destroy', () => {
  test.each([1, 2, 8])('on %i CPUs every page is back, each destructor called once', (cpus) => {
    simulate({ cpus }, (simulation) => {
      const { kernel, processors, pagesBefore } = simulation
      const alloc = kernel.bpf.create({ name: 'test', size: 0 })
      const destroyed: number[] = []
      alloc.setDestructor((payload) => destroyed.push(payload))
      const objects: number[] = []
      for (let cpu = 0; cpu < cpus; cpu++) {
        processors.run(cpu, 'task', 'task', () => {
          for (let round = 0; round < 150; round++) objects.push(alloc.alloc(1 + ((round * 37) % 500)))
        })
      }
      for (const [index, object] of objects.entries()) {
        processors.run(index % cpus, 'task', 'task', () =>
          index % 3 === 0 ? alloc.freeRcu(object) : alloc.free(object),
        )
      }
      const inUse = checkSlabs(kernel.slab).size
      const already = destroyed.length
      kernel.bpf.destroy(alloc)
      kernel.bpf.destroy(alloc)
      expect(destroyed.length - already).toBe(inUse)
      expect(new Set(destroyed.slice(already)).size).toBe(inUse)
      expect(kernel.pages.statistics().byOwner.BPF_MEM).toBeGreaterThan(0)
      expect(pagesAfter(simulation)).toBe(pagesBefore)
    })
  })

  test('with nothing in flight it is over at once', () => {
    simulate({ policies: { slab: 'own' } }, ({ kernel }) => {
      const before = kernel.pages.statistics().used
      kernel.bpf.destroy(kernel.bpf.create({ name: 'test', size: 64 }))
      expect(kernel.pages.statistics().used).toBe(before)
    })
  })
})

describe('accounting', () => {
  test.each([false, true])('per-CPU %s: a group pays for what is held, and gets it back', (percpu) => {
    simulate({ cpus: 2 }, ({ kernel, processors }) => {
      const group = kernel.bpf.createGroup('g')
      const alloc = kernel.bpf.create({ name: 'test', size: 56, percpu, group })
      const each = percpu ? 16 + 2 * 56 : 64
      // And the page of the control blocks.
      expect(group.used).toBe(PAGE_SIZE + each * (percpu ? 2 : 8))
      const objects = [1, 2, 3].map(() => alloc.cacheAlloc())
      expect(group.used).toBe(PAGE_SIZE + each * (percpu ? 5 : 8 + 48))
      for (const object of objects) alloc.cacheFree(object)
      kernel.bpf.destroy(alloc)
      processors.settle()
      expect(group.used).toBe(0)
    })
  })

  test('at the limit allocations fail, the machine lives on', () => {
    simulate({}, ({ kernel }) => {
      const group = kernel.bpf.createGroup('g', PAGE_SIZE + 20 * 64)
      const alloc = kernel.bpf.create({ name: 'test', size: 56, group })
      const objects: number[] = []
      for (let at = alloc.cacheAlloc(); at !== 0; at = alloc.cacheAlloc()) objects.push(at)
      expect(objects.length).toBe(20)
      for (const object of objects) alloc.cacheFree(object)
      expect(alloc.cacheAlloc()).not.toBe(0)
    })
  })

  test('no memory for the control blocks is ENOMEM', () => {
    simulate({ cpus: 64, memoryLimit: PAGE_SIZE }, ({ kernel }) => {
      expect(() => kernel.bpf.create({ name: 'test', size: 0 })).toThrow(ErrnoError)
      expect(() => kernel.bpf.create({ name: 'test', size: 0, percpu: true })).toThrow(/EINVAL/u)
      expect(kernel.pages.statistics().used).toBe(0)
    })
    simulate({}, ({ kernel }) => {
      const group = kernel.bpf.createGroup('g', PAGE_SIZE - 8)
      const { used } = kernel.pages.statistics()
      expect(() => kernel.bpf.create({ name: 'test', size: 8, group })).toThrow(ErrnoError)
      expect([group.used, kernel.pages.statistics().used]).toEqual([0, used])
    })
  })
})

describe('debug mode', () => {
  test('names who took, who freed and who noticed', () => {
    simulate({ policies: { debug: true } }, ({ kernel, processors }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      const as = <T>(who: string, work: () => T): T => {
        processors.enter(who)
        const result = work()
        processors.leave()
        return result
      }
      const [a, b] = as('taker', () => [alloc.cacheAlloc(), alloc.cacheAlloc()])
      as('first', () => alloc.cacheFree(a!))
      as('second', () => alloc.cacheFree(a!))
      as('first', () => alloc.cacheFree(b!))
      kernel.memory.u8[b! + 5] = 1
      as('next', () => alloc.cacheAlloc())
      expect(kernel.reports.misuse).toMatchObject([
        {
          kind: 'double-free',
          address: addressOf(a!),
          allocator: 'test',
          by: { what: 'second' },
          allocatedBy: { what: 'taker' },
          freedBy: { what: 'first' },
        },
        { kind: 'use-after-free', address: addressOf(b!), by: { what: 'next' }, freedBy: { what: 'first' } },
      ])
      expect(alloc.leaks()).toMatchObject([{ at: b, allocatedBy: { what: 'next' } }])
    })
  })
})

test('in debug mode, an allocation in an NMI by anything but a program is reported', () => {
  simulate({ policies: { debug: true } }, ({ kernel, processors }) => {
    const alloc = kernel.bpf.create({ name: 'test', size: 64 })
    const nmi = (work: () => void): void => processors.run(0, 'nmi', 'nmi', work)
    processors.rcu.enter(0)
    nmi(() => {
      processors.rcu.enter(0)
      alloc.cacheAlloc()
      processors.rcu.leave(0)
    })
    expect(kernel.reports.misuse).toEqual([])
    nmi(() => alloc.cacheAlloc())
    expect(kernel.reports.misuse).toMatchObject([{ kind: 'nmi-allocation' }])
    processors.rcu.leave(0)
  })
})

test('classes of the per-CPU instance are set up one by one', () => {
  simulate({ cpus: 2 }, ({ kernel }) => {
    const { globalPercpu } = kernel.bpf
    expect(globalPercpu.alloc(100)).toBe(0)
    expect([100, 100, 4097, 0].map((size) => globalPercpu.setUpClass(size))).toEqual([0, 0, -22, -22])
    expect(globalPercpu.alloc(100)).not.toBe(0)
    expect(globalPercpu.alloc(200)).toBe(0)
  })
})
