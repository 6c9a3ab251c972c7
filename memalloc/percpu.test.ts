import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InternalError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { simulate } from './fixture.ts'
import { UNIT_BYTES } from './percpu.ts'

const RUNS = process.env.HARENA_LONG ? 500 : 40

describe('per-CPU memory', () => {
  test('an area on every CPU, at the same distance', () => {
    simulate({ cpus: 4 }, ({ kernel: { percpu, memory, pages } }) => {
      const at = percpu.alloc(20, 'kernel')
      for (let cpu = 0; cpu < 4; cpu++) memory.u8.fill(cpu + 1, percpu.copyOf(at, cpu), percpu.copyOf(at, cpu) + 20)
      const next = percpu.alloc(8, 'atomic')
      expect(next - at).toBe(24)
      for (let cpu = 0; cpu < 4; cpu++) expect(memory.u8[percpu.copyOf(next, cpu)]).toBe(0)
      expect(pages.statistics().byOwner).toEqual({ PERCPU: 1 + (4 * UNIT_BYTES) / PAGE_SIZE })
      percpu.free(at)
      percpu.free(next)
      percpu.free(0)
      expect(pages.statistics().used).toBe(0)
    })
  })

  test('without sleeping nothing is to be had beyond what is there; a task makes room for the next one', () => {
    simulate({}, ({ kernel: { percpu }, processors }) => {
      const failed: unknown[] = []
      const end = processors.events.on((event) => {
        if (event.kind === 'alloc-failed') failed.push([event.allocator, event.size])
      })
      expect(percpu.alloc(8, 'atomic')).toBe(0)
      end()
      expect(failed).toEqual([['percpu', 8]])
      processors.settle()
      expect(percpu.alloc(UNIT_BYTES, 'atomic')).not.toBe(0)
      expect(percpu.alloc(8, 'atomic')).toBe(0)
      expect(percpu.alloc(8, 'kernel')).not.toBe(0)
      expect(percpu.statistics()).toHaveLength(2)
    })
  })

  test.each([0, -1, UNIT_BYTES + 1, Number.NaN])('%d bytes: none', (bytes) => {
    simulate({}, ({ kernel: { percpu } }) => expect(percpu.alloc(bytes, 'kernel')).toBe(0))
  })

  test('what was not handed out cannot be freed', () => {
    simulate({}, ({ kernel: { percpu } }) => {
      const at = percpu.alloc(64, 'kernel')
      expect(() => percpu.free(at + 8)).toThrow(InternalError)
      expect(() => percpu.free(PAGE_SIZE)).toThrow(InternalError)
    })
  })

  test('no memory: none, and nothing is kept', () => {
    simulate({ memoryLimit: 4 * PAGE_SIZE }, ({ kernel: { percpu, pages } }) => {
      expect(percpu.alloc(8, 'kernel')).toBe(0)
      expect(pages.statistics().used).toBe(0)
    })
  })

  test('against a model: areas do not meet, come zeroed, and every page comes back', () => {
    const operations = fc.array(
      fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), free: fc.boolean(), pick: fc.nat() }),
    )
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 3 }), (all, cpus) => {
        simulate({ cpus }, ({ kernel: { percpu, memory, pages } }) => {
          const live: { at: number; bytes: number }[] = []
          for (const { bytes, free, pick } of all) {
            if (free && live.length > 0) {
              percpu.free(live.splice(pick % live.length, 1)[0]!.at)
              continue
            }
            const at = percpu.alloc(bytes, 'kernel')
            expect(at % 8).toBe(0)
            for (const other of live) expect(at >= other.at + other.bytes || at + bytes <= other.at).toBe(true)
            for (let cpu = 0; cpu < cpus; cpu++) {
              const copy = memory.u8.subarray(percpu.copyOf(at, cpu), percpu.copyOf(at, cpu) + bytes)
              expect(copy.every((byte) => byte === 0)).toBe(true)
              copy.fill(1)
            }
            live.push({ at, bytes })
          }
          for (const { at } of live) percpu.free(at)
          expect([pages.statistics().used, percpu.statistics().length]).toEqual([0, 0])
        })
      }),
      { numRuns: RUNS },
    )
  })
})
