import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LockError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { simulate } from './fixture.ts'
import { checkPages } from './page-invariants.ts'
import { LIST_MAX_ORDER } from './page-lists.ts'
import { PageOwner } from './pages.ts'

const RUNS = process.env.HARENA_LONG ? 500 : 40
const { OTHER, MAP } = PageOwner

describe('page lists', () => {
  test('keep pages back for their CPU, and give them to the zone when drained', () => {
    simulate({ cpus: 2 }, ({ kernel: { lists, pages, memory }, processors }) => {
      const at = lists.alloc(0, OTHER, true)
      expect([lists.kept(0), lists.kept(1), pages.statistics().used]).toEqual([7, 0, 1])
      processors.run(1, 'task', 'test', () => lists.free(at, true))
      expect([lists.kept(0), lists.kept(1), pages.statistics().used]).toEqual([7, 1, 0])
      lists.drain()
      expect([lists.kept(0), lists.kept(1)]).toEqual([0, 0])
      expect(checkPages(memory).every(({ free }) => free)).toBe(true)
    })
  })

  test('hold no more than they may', () => {
    simulate({}, ({ kernel: { lists } }) => {
      const all = Array.from({ length: 200 }, () => lists.alloc(0, OTHER, true))
      for (const at of all) lists.free(at, true)
      expect(lists.kept(0)).toBeLessThanOrEqual(24)
    })
  })

  test('the limit counts what is in use alone; the last pages come from other CPUs', () => {
    simulate({ memoryLimit: 3 * PAGE_SIZE }, ({ kernel: { lists } }) => {
      const got = [1, 2, 3, 4].map(() => lists.alloc(0, OTHER, true))
      expect(got.map((at) => at !== 0)).toEqual([true, true, true, false])
      expect(lists.alloc(0, OTHER, false)).toBe(0)
    })
  })

  test('larger orders only where waiting is allowed', () => {
    simulate({}, ({ kernel: { lists, pages } }) => {
      expect(lists.alloc(LIST_MAX_ORDER + 1, OTHER, false)).toBe(0)
      const at = lists.alloc(LIST_MAX_ORDER + 1, OTHER, true)
      expect(pages.statistics().used).toBe(16)
      lists.free(at, true)
      expect(pages.statistics().used).toBe(0)
    })
  })

  test('in an NMI under the zone lock: none with gigabytes free, and a free waits for the lock', () => {
    simulate({}, ({ kernel: { lists, pages, memory }, processors }) => {
      const large = [1, 2].map(() => lists.alloc(LIST_MAX_ORDER, OTHER, false))
      const answers: number[] = []
      let ran = false
      const end = processors.points.attach('page:lock', () => {
        if (ran) return
        ran = true
        processors.run(0, 'nmi', 'nmi', () => {
          answers.push(lists.alloc(2, OTHER, false))
          for (const at of large) lists.free(at, false)
          expect(() => pages.alloc(0, MAP)).toThrow(LockError)
          // The machine hangs there; this one goes on, so the page that was asked for is no longer counted.
          pages.uncharge(1, MAP)
        })
      })
      const at = pages.alloc(0, MAP)
      end()
      expect(answers).toEqual([0])
      pages.free(at)
      expect(pages.statistics().used).toBe(0)
      lists.drain()
      expect(checkPages(memory).every(({ free }) => free)).toBe(true)
    })
  })

  test('against a model: blocks do not meet, come zeroed, and merge again', () => {
    const operations = fc.array(
      fc.record({ cpu: fc.nat(2), order: fc.nat(5), spin: fc.boolean(), free: fc.boolean(), pick: fc.nat() }),
      { maxLength: 80 },
    )
    fc.assert(
      fc.property(operations, (all) => {
        simulate({ cpus: 3 }, ({ kernel: { lists, pages, memory }, processors }) => {
          const live: { at: number; bytes: number }[] = []
          for (const { cpu, order, spin, free, pick } of all) {
            processors.run(cpu, 'task', 'test', () => {
              if (free && live.length > 0) {
                lists.free(live.splice(pick % live.length, 1)[0]!.at, spin)
                return
              }
              const at = lists.alloc(order, OTHER, spin)
              expect(at !== 0).toBe(spin || order <= LIST_MAX_ORDER)
              if (at === 0) return
              const bytes = PAGE_SIZE * 2 ** order
              for (const other of live) expect(at >= other.at + other.bytes || at + bytes <= other.at).toBe(true)
              const words = memory.i32.subarray(at / 4, (at + bytes) / 4)
              expect(words.every((word) => word === 0)).toBe(true)
              words.fill(-1)
              live.push({ at, bytes })
            })
          }
          checkPages(memory)
          for (const { at } of live) lists.free(at, true)
          lists.drain()
          expect(pages.statistics().used).toBe(0)
          expect(checkPages(memory).every((block) => block.free)).toBe(true)
        })
      }),
      { numRuns: RUNS },
    )
  })
})
