import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InternalError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { type Simulation, simulate } from './fixture.ts'
import type { MemoryGroup } from './group.ts'

const LONG = process.env.HARENA_LONG !== undefined
const RUNS = LONG ? 2000 : 200

function withGroup(cpus: number, limit: number, work: (group: MemoryGroup, simulation: Simulation) => void): void {
  simulate({ cpus }, (simulation) => {
    const { bpf, slab } = simulation.kernel
    const group = bpf.createGroup('g', limit)
    work(group, simulation)
    bpf.destroyGroup(group)
    slab.shrink()
  })
}

const up = (bytes: number): number => Math.ceil(bytes / 8) * 8

describe('a memory group', () => {
  test('small charges come from a stock, a page at a time', () => {
    withGroup(2, 0, (group, { processors }) => {
      expect(group.charge(100)).toBe(true)
      expect([group.used, group.charged]).toEqual([104, PAGE_SIZE])
      for (let count = 0; count < 39; count++) group.charge(100)
      expect([group.used, group.charged]).toEqual([40 * 104, 2 * PAGE_SIZE])
      // The other CPU has a stock of its own.
      processors.run(1, 'task', 'other', () => group.charge(8))
      expect([group.used, group.charged]).toEqual([40 * 104 + 8, 3 * PAGE_SIZE])
      group.drain()
      expect([group.used, group.charged]).toEqual([40 * 104 + 8, 40 * 104 + 8])
    })
  })

  test('what is given back stays in stock up to a page, on the CPU that gives it', () => {
    withGroup(2, 0, (group, { processors }) => {
      group.charge(3 * PAGE_SIZE)
      expect(group.charged).toBe(3 * PAGE_SIZE)
      processors.run(1, 'task', 'other', () => group.uncharge(PAGE_SIZE))
      expect([group.used, group.charged]).toEqual([2 * PAGE_SIZE, 3 * PAGE_SIZE])
      processors.run(1, 'task', 'other', () => group.uncharge(PAGE_SIZE + 8))
      expect([group.used, group.charged]).toEqual([PAGE_SIZE - 8, PAGE_SIZE])
      expect(() => group.uncharge(PAGE_SIZE + 8)).toThrow(InternalError)
    })
  })

  test('what lies in stocks of other CPUs is no reason to fail', () => {
    withGroup(4, PAGE_SIZE, (group, { processors }) => {
      for (const { id } of processors.cpus) {
        processors.run(id, 'task', 'fill', () => {
          expect(group.charge(PAGE_SIZE)).toBe(true)
          group.uncharge(PAGE_SIZE)
        })
      }
      expect([group.used, group.charged]).toEqual([0, PAGE_SIZE])
      expect(group.charge(PAGE_SIZE + 8)).toBe(false)
      expect(group.charge(PAGE_SIZE)).toBe(true)
      expect(group.charge(1)).toBe(false)
    })
  })

  const operation = fc.record({
    cpu: fc.nat(2),
    bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 3 * PAGE_SIZE })),
    pick: fc.nat(),
    give: fc.boolean(),
  })

  test('against a model: a charge fails where it would pass the limit, and only there', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), fc.nat(5 * PAGE_SIZE), (operations, bytes) => {
        const limit = Math.floor(bytes / 8) * 8
        withGroup(3, limit, (group, { processors }) => {
          const held: number[] = []
          let used = 0
          for (const { cpu, bytes, pick, give } of operations) {
            processors.run(cpu, 'task', 'model', () => {
              if (give && held.length > 0) {
                const [back] = held.splice(pick % held.length, 1)
                group.uncharge(back!)
                used -= up(back!)
                return
              }
              const fits = limit === 0 || used + up(bytes) <= limit
              expect(group.charge(bytes)).toBe(fits)
              if (!fits) return
              held.push(bytes)
              used += up(bytes)
            })
            expect(group.used).toBe(used)
            if (limit !== 0) expect(group.charged).toBeLessThanOrEqual(limit)
          }
          for (const bytes of held) group.uncharge(bytes)
          group.drain()
          expect([group.used, group.charged]).toEqual([0, 0])
        })
      }),
      { numRuns: RUNS },
    )
  })

  test.each([2 * PAGE_SIZE, PAGE_SIZE + 400, 0])('an NMI before every step, with a limit of %i bytes', (limit) => {
    let steps = 1
    let refused = 0
    for (let step = 1; step <= steps; step++) {
      withGroup(2, limit, (group, { processors, injector }) => {
        let used = 0
        const charge = (bytes: number): void => {
          if (group.charge(bytes)) used += bytes
          else refused++
        }
        const give = (bytes: number): void => {
          if (used < bytes) return
          used -= bytes
          group.uncharge(bytes)
        }
        injector.start()
        injector.at(step, () =>
          processors.run(processors.current.id, 'nmi', 'nmi', () => {
            charge(800)
            give(400)
            charge(PAGE_SIZE)
          }),
        )
        injector.each(() => {
          if (limit !== 0) expect(group.charged).toBeLessThanOrEqual(limit)
        })
        for (const cpu of [0, 1, 0]) {
          processors.run(cpu, 'task', 'victim', () => {
            charge(1000)
            give(600)
            charge(PAGE_SIZE - 96)
            give(1000)
            charge(16)
          })
        }
        steps = Math.max(step, injector.step)
        injector.start()
        expect(group.used).toBe(used)
        group.drain()
        expect([group.used, group.charged]).toEqual([used, used])
      })
    }
    expect(steps).toBeGreaterThan(30)
    expect(refused > 0).toBe(limit !== 0)
  })
})
