import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InternalError, LockError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { pagesAfter, type Simulation, type SimulationOptions, simulate } from './fixture.ts'
import { KMALLOC_MAX, KMALLOC_SIZES } from './kmalloc.ts'
import { renderReport } from './reports.ts'
import { checkSlabs } from './slab-invariants.ts'

const LONG = process.env.HARENA_LONG !== undefined
const RUNS = LONG ? 1000 : 100

describe('kmalloc', () => {
  test.each([
    [1, 8],
    [8, 8],
    [9, 16],
    [65, 96],
    [97, 128],
    [129, 192],
    [193, 256],
    [4097, 8192],
    [8193, 16384],
    [16385, 32768],
    [KMALLOC_MAX, KMALLOC_MAX],
    [KMALLOC_MAX + 1, 0],
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
  ])('%i bytes take %i', (size, bytes) => {
    simulate({}, (simulation) => {
      const { slab } = simulation.kernel
      expect(slab.bytesOf(size)).toBe(bytes)
      const object = slab.alloc(size, 'atomic')
      expect(object !== 0).toBe(bytes !== 0)
      if (object !== 0) slab.free(object, 'atomic')
      checkSlabs(slab)
      expect(pagesAfter(simulation)).toBe(simulation.pagesBefore)
    })
  })

  test('objects of a class lie side by side, and the one freed last is handed out first', () => {
    simulate({}, ({ kernel: { slab } }) => {
      const [a, b, c] = [slab.alloc(64, 'atomic'), slab.alloc(50, 'atomic'), slab.alloc(33, 'atomic')]
      expect([b! - a!, c! - b!]).toEqual([64, 64])
      slab.free(a!, 'atomic')
      slab.free(c!, 'atomic')
      expect([slab.alloc(64, 'atomic'), slab.alloc(64, 'atomic')]).toEqual([c, a])
    })
  })

  test('zeroed where asked', () => {
    simulate({}, ({ kernel: { slab, memory } }) => {
      const first = slab.alloc(64, 'atomic')
      memory.u8.fill(0xff, first, first + 64)
      slab.free(first, 'atomic')
      const second = slab.alloc(64, 'atomic', { zero: true })
      expect(second).toBe(first)
      expect(memory.u8.subarray(second, second + 64).every((byte) => byte === 0)).toBe(true)
    })
  })

  test('what was never handed out cannot be freed', () => {
    simulate({}, ({ kernel: { slab } }) => {
      expect(() => slab.free(2 ** 30, 'atomic')).toThrow(InternalError)
    })
  })

  test('the limit of the machine and of a group', () => {
    simulate({ memoryLimit: 4 * PAGE_SIZE }, (simulation) => {
      const { slab, bpf } = simulation.kernel
      const group = bpf.createGroup('small', 100)
      const got = [1, 2, 3].map(() => slab.alloc(40, 'atomic', { group }))
      expect(got.map((object) => object !== 0)).toEqual([true, false, false])
      expect(group.used).toBe(64)
      slab.free(got[0]!, 'atomic', 40, group)
      expect(group.used).toBe(0)
      expect(() => group.uncharge(8)).toThrow(InternalError)
      const large: number[] = []
      for (let object = slab.alloc(4096, 'atomic'); object !== 0; object = slab.alloc(4096, 'atomic'))
        large.push(object)
      expect(large.length).toBeLessThanOrEqual(4)
      for (const object of large) slab.free(object, 'atomic')
      bpf.destroyGroup(group)
      checkSlabs(slab)
      expect(pagesAfter(simulation)).toBe(0)
    })
  })
})

type Operation = { cpu: number; size: number; pick: number; free: boolean; nolock: boolean }

const operation: fc.Arbitrary<Operation> = fc.record({
  cpu: fc.nat(3),
  size: fc.oneof(fc.constantFrom(...KMALLOC_SIZES), fc.integer({ min: 1, max: 9000 })),
  pick: fc.nat(),
  free: fc.boolean(),
  nolock: fc.boolean(),
})

test('against a model: whatever is freed wherever, objects do not meet and every page comes back', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), fc.boolean(), (operations, debug) => {
      simulate({ cpus: 4, policies: { debug } }, (simulation) => {
        const { processors, kernel } = simulation
        const { slab } = kernel
        const live: { at: number; size: number }[] = []
        for (const { cpu, size, pick, free, nolock } of operations) {
          processors.run(cpu, 'task', 'test', () => {
            if (free && live.length > 0) {
              const [object] = live.splice(pick % live.length, 1)
              slab.free(object!.at, nolock && object!.size <= 8192 ? 'nolock' : 'atomic')
              return
            }
            const at = slab.alloc(size, nolock ? 'nolock' : 'atomic')
            expect(at !== 0).toBe(!nolock || size <= 8192)
            if (at === 0) return
            for (const other of live) expect(at >= other.at + other.size || at + size <= other.at).toBe(true)
            live.push({ at, size })
          })
        }
        const used = checkSlabs(slab)
        for (const { at, size } of live) expect(used.has(at)).toBe(size <= 8192)
        expect(used.size).toBe(live.filter(({ size }) => size <= 8192).length)
        for (const { at } of live) slab.free(at, 'kernel')
        expect(pagesAfter(simulation)).toBe(simulation.pagesBefore)
        expect(slab.debug?.reports.misuse ?? []).toEqual([])
      })
    }),
    { numRuns: RUNS },
  )
})

/** What the NMI does: `a` allocates, a digit frees its n-th object, `v` frees one of the victim's;
 * `p` and `P` free and allocate by the plain forms. */
const PATTERNS = ['a', 'aa', 'aa0', 'a0', 'aaa01', 'aa1', 'v', 'vv', 'va', 'av0', 'vaa0', 'avv', 'aaav01', 'p', 'P']

describe('an NMI before every step of alloc and free', () => {
  test.each(PATTERNS)('that does %s', (pattern) => {
    let steps = 1
    let deadlocks = 0
    for (let step = 1; step <= steps; step++) {
      simulate({ cpus: 2 }, (simulation) => {
        const { injector } = simulation
        const live = new Set<number>()
        const prepared = prepare(simulation)
        injector.start()
        injector.at(step, () => nmi(simulation, pattern, live, prepared))
        try {
          victim(simulation, live)
        } catch (error) {
          // What the any-context forms are for: the plain ones may want a lock that is held.
          if (!(error instanceof LockError)) throw error
          expect(error.report.kind).toBe('deadlock')
          deadlocks++
          return
        }
        steps = Math.max(step, injector.step)
        injector.start()
        simulation.processors.settle()
        const used = checkSlabs(simulation.kernel.slab)
        expect([...used].sort()).toEqual([...live, ...prepared].sort())
      })
    }
    expect(steps).toBeGreaterThan(100)
    expect(deadlocks > 0).toBe(/p/iu.test(pattern))
  })
})

/** Eight objects a slab. */
const SIZE = 4096

/** Objects that the NMI may free: some of the CPU's slab, some of another one. */
function prepare({ kernel }: Simulation): number[] {
  return Array.from({ length: 10 }, () => kernel.slab.alloc(SIZE, 'atomic'))
}

/** Allocates over the end of a slab, frees, allocates again. */
function victim({ kernel: { slab } }: Simulation, live: Set<number>): void {
  const take = (): number => {
    const object = slab.alloc(SIZE, 'atomic')
    if (live.has(object)) throw new InternalError('handed out twice')
    live.add(object)
    return object
  }
  const first = Array.from({ length: 9 }, take)
  for (const object of first.slice(0, 7)) {
    live.delete(object)
    slab.free(object, 'atomic')
  }
  for (let count = 0; count < 4; count++) take()
}

function nmi(
  { kernel: { slab }, processors }: Simulation,
  pattern: string,
  live: Set<number>,
  prepared: number[],
): void {
  processors.run(0, 'nmi', 'nmi', () => {
    const own: number[] = []
    for (const action of pattern) {
      if (action === 'a') {
        const object = slab.alloc(SIZE, 'nolock')
        if (live.has(object)) throw new InternalError('handed out twice')
        if (object !== 0) live.add(object)
        own.push(object)
      } else if (action === 'P') {
        live.add(slab.alloc(SIZE, 'atomic'))
      } else {
        const object = action === 'v' || action === 'p' ? (prepared.pop() ?? 0) : own[Number(action)]!
        live.delete(object)
        slab.free(object, action === 'p' ? 'atomic' : 'nolock')
      }
    }
  })
}

describe('the any-context form', () => {
  const whileLocked = (options: SimulationOptions, work: (simulation: Simulation) => void): void => {
    simulate(options, (simulation) => {
      const { kernel, processors } = simulation
      let ran = 0
      const object = kernel.slab.alloc(64, 'atomic')
      // The node lock is taken with the CPU lock held, when a partial slab is looked for.
      const others = Array.from({ length: 200 }, () => kernel.slab.alloc(64, 'atomic'))
      for (const other of others) kernel.slab.free(other, 'atomic')
      kernel.slab.free(object, 'atomic')
      const end = processors.points.attach('slab:lock', () => {
        if (ran++ === 0) processors.run(0, 'nmi', 'nmi', () => work(simulation))
      })
      const taken = Array.from({ length: 200 }, () => kernel.slab.alloc(64, 'atomic'))
      end()
      expect(ran).toBeGreaterThan(0)
      for (const one of taken) kernel.slab.free(one, 'atomic')
      processors.settle()
      checkSlabs(kernel.slab)
    })
  }

  test('6.18: where the class is busy, the next larger one is asked', () => {
    whileLocked({}, ({ kernel: { slab } }) => {
      const object = slab.alloc(64, 'nolock')
      const cache = slab.classOf(96)!
      expect(object).not.toBe(0)
      expect((object % PAGE_SIZE) % cache.stride).toBe(0)
      expect(slab.slabOf(object)).not.toBe(0)
    })
  })

  test('as planned in 2024 it is out of memory', () => {
    whileLocked({ policies: { nolock: 'planned' } }, ({ kernel: { slab } }) => {
      expect(slab.alloc(64, 'nolock')).toBe(0)
      expect(slab.alloc(96, 'nolock')).not.toBe(0)
    })
  })

  test('the plain form deadlocks there, with both stacks in the report', () => {
    let report: unknown
    try {
      whileLocked({}, ({ kernel: { slab } }) => {
        // Both the free list and the slab of the CPU are empty: the CPU lock is wanted.
        slab.alloc(64, 'atomic')
      })
    } catch (error) {
      report = error
    }
    expect(report).toBeInstanceOf(LockError)
    const { kind, lock, cpu, holder, wanted } = (report as LockError).report
    expect({ kind, lock, cpu, holder }).toEqual({
      kind: 'deadlock',
      lock: 'the CPU lock of kmalloc-64',
      cpu: 0,
      holder: 0,
    })
    expect(wanted.map(({ context }) => context)).toEqual(['nmi'])
  })

  test('a free where the CPU lock is held is put off, and done by irq_work', () => {
    simulate({}, ({ kernel: { slab }, processors }) => {
      const object = slab.alloc(64, 'atomic')
      const irqs = processors.current.irqSave()
      processors.run(0, 'nmi', 'nmi', () => {
        slab.deferObject(object, 0)
      })
      expect(checkSlabs(slab).has(object)).toBe(false)
      expect(slab.alloc(64, 'atomic')).not.toBe(object)
      processors.current.irqRestore(irqs)
      expect(checkSlabs(slab).has(object)).toBe(false)
      expect(processors.isPending).toBe(false)
    })
  })

  test.each(['nmi', 'hardirq'] as const)('on RT, none in %s', (context) => {
    simulate({ rt: true }, ({ kernel: { slab, lists }, processors }) => {
      processors.run(0, context, context, () => {
        expect(slab.alloc(64, 'nolock')).toBe(0)
        expect(lists.alloc(0, 7, false)).toBe(0)
      })
      expect(slab.alloc(64, 'nolock')).not.toBe(0)
    })
  })
})

describe('debug mode', () => {
  const reports = (work: (simulation: Simulation) => void): string[] =>
    simulate({ policies: { debug: true } }, (simulation) => {
      simulation.processors.enter('kernel thread')
      work(simulation)
      simulation.processors.leave()
      return simulation.kernel.reports.misuse.map((report) => renderReport(report).replace(/0x[0-9a-f]+/u, 'AT'))
    })

  test('a double free is reported with who freed first, and not done', () => {
    const lines = reports(({ kernel: { slab } }) => {
      const object = slab.alloc(64, 'atomic')
      slab.free(object, 'atomic')
      slab.free(object, 'atomic')
      checkSlabs(slab)
    })
    const who = 'kernel thread'
    expect(lines).toEqual([`double-free: AT (kmalloc-64) freed again by ${who}; allocated by ${who}; freed by ${who}`])
  })

  test('a free of what was never handed out is reported, and not done', () => {
    const lines = reports(({ kernel: { slab } }) => {
      const object = slab.alloc(64, 'atomic')
      const { cache } = slab.objectAt(object)!
      const next = slab.objectAt(object + cache.stride) ?? slab.objectAt(object - cache.stride)
      slab.free(next!.object, 'atomic')
      checkSlabs(slab)
    })
    expect(lines).toEqual(['bad-free: AT (kmalloc-64) freed, but never allocated, by kernel thread'])
  })

  test.each([
    ['use-after-free', 0, true],
    ['use-after-free', 63, true],
    ['red-zone', 64, false],
    ['red-zone', 71, false],
  ])('%s: a write at byte %i', (kind, at, freed) => {
    const lines = reports(({ kernel: { slab, memory } }) => {
      const object = slab.alloc(64, 'atomic')
      if (freed) slab.free(object, 'atomic')
      memory.u8[object + at] = 1
      if (freed) slab.alloc(64, 'atomic')
      else slab.free(object, 'atomic')
    })
    expect(lines.map((line) => line.split(':')[0])).toEqual([kind])
  })

  test.each([
    ['unclaimed, up to the class', undefined, 127, []],
    ['claimed, within', 100, 99, []],
    ['claimed, behind its end', 100, 100, ['red-zone: AT (map m) written to beyond its end, noticed by delete']],
    ['claimed, up to the red zone', 100, 135, ['red-zone: AT (map m) written to beyond its end, noticed by delete']],
  ])('an object of somebody: %s', (_, bytes, at, expected) => {
    const lines = reports(({ kernel: { slab, memory }, processors }) => {
      const object = slab.alloc(100, 'atomic')
      const { cache } = slab.objectAt(object)!
      if (bytes !== undefined) slab.debug!.claimed(cache, object, { name: 'map m', bytes })
      memory.u8[object + at] = 1
      processors.enter('delete')
      slab.debug!.leaves(cache, object)
      processors.leave()
      slab.free(object, 'atomic')
    })
    expect(lines).toEqual(expected.map((line) => `${line}; allocated by kernel thread`))
  })

  test('an object that was let go of is freed by who did, until it is taken again', () => {
    const lines = reports(({ kernel: { slab, memory }, processors }) => {
      const object = slab.alloc(100, 'atomic')
      const { cache } = slab.objectAt(object)!
      slab.debug!.claimed(cache, object, { name: 'map m', bytes: 100 })
      processors.enter('delete')
      slab.debug!.leaves(cache, object)
      processors.leave()
      slab.free(object, 'atomic')
      memory.u8[object] = 1
      slab.alloc(100, 'atomic')
      slab.free(object, 'atomic')
      slab.free(object, 'atomic')
    })
    const who = 'kernel thread'
    expect(lines).toEqual([
      `use-after-free: AT (map m) written to after the free, noticed by ${who}; allocated by ${who}; freed by delete`,
      `double-free: AT (kmalloc-128) freed again by ${who}; allocated by ${who}; freed by ${who}`,
    ])
  })

  test('an allocation in an NMI is reported, the any-context form is not', () => {
    const lines = reports(({ kernel: { slab }, processors }) => {
      processors.run(0, 'nmi', 'nmi', () => {
        slab.alloc(64, 'nolock')
        slab.alloc(64, 'atomic')
      })
    })
    expect(lines.map((line) => line.split(':')[0])).toEqual(['nmi-allocation'])
  })
})
