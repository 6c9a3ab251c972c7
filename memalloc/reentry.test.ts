/** The deadlock of 2016, and what each way out does about it: a probe on the slab's unlock path that allocates. */
import { describe, expect, test } from 'vitest'
import { LockError } from '../errors/errors.ts'
import { pagesAfter, type Simulation, simulate } from './fixture.ts'
import { freelistBytes, PcpuFreelist } from './freelist.ts'
import { PageOwner } from './pages.ts'
import { checkSlabs } from './slab-invariants.ts'

/** Objects that are freed from another CPU's slabs, so that each free takes the node lock; counts the probe's runs. */
function freeUnderProbe({ kernel, processors }: Simulation, probe: () => void): number {
  const { slab } = kernel
  const objects = processors.run(1, 'task', 'elsewhere', () =>
    Array.from({ length: 300 }, () => slab.alloc(64, 'atomic')),
  )
  let ran = 0
  const end = processors.points.attach('slab:unlock', () => {
    ran++
    processors.enter('probe')
    probe()
    processors.leave()
  })
  processors.run(0, 'task', 'kfree', () => {
    for (const object of objects) slab.free(object, 'atomic')
  })
  end()
  return ran
}

describe('a probe where a slab gives up its node lock', () => {
  test('that frees by kfree into the same cache deadlocks', () => {
    simulate({ cpus: 2 }, (simulation) => {
      const { slab } = simulation.kernel
      const full = Array.from({ length: 2000 }, () => slab.alloc(64, 'atomic'))
      let next = 0
      // An object of another slab each time: every free finds a full one, and wants the node lock.
      const probe = (): void => {
        slab.free(full[next]!, 'atomic')
        next += 64
      }
      let thrown: unknown
      try {
        freeUnderProbe(simulation, probe)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(LockError)
      const { kind, lock, held, wanted } = (thrown as LockError).report
      expect([kind, lock]).toEqual(['deadlock', 'the node lock of kmalloc-64'])
      expect(held.map(({ what }) => what)).toEqual(['kfree'])
      expect(wanted.map(({ what }) => what)).toEqual(['kfree', 'probe'])
    })
  })

  test.each(['bpf_mem_alloc', 'kmalloc_nolock', 'preallocated'] as const)('that uses %s gets its memory', (kind) => {
    simulate({ cpus: 2 }, (simulation) => {
      const { kernel, pagesBefore } = simulation
      const alloc = kernel.bpf.create({ name: 'test', size: 56 })
      const listAt = kernel.pages.allocBytes(freelistBytes(2), PageOwner.MAP)
      const elements = kernel.pages.allocBytes(64 * 64, PageOwner.MAP)
      const list = new PcpuFreelist(kernel.steps, kernel.locks, listAt)
      list.populate(elements, 64, 64)
      let failed = 0
      const update: Record<typeof kind, () => void> = {
        bpf_mem_alloc: () => {
          const object = alloc.cacheAlloc()
          if (object === 0) failed++
          alloc.cacheFree(object)
        },
        kmalloc_nolock: () => {
          const object = kernel.slab.alloc(64, 'nolock')
          if (object === 0) failed++
          kernel.slab.free(object, 'nolock')
        },
        preallocated: () => {
          const element = list.pop()
          if (element === 0) failed++
          list.push(element)
        },
      }
      expect(freeUnderProbe(simulation, update[kind])).toBeGreaterThan(2)
      expect(failed).toBe(0)
      checkSlabs(kernel.slab)
      kernel.bpf.destroy(alloc)
      kernel.pages.freeBytes(listAt, freelistBytes(2))
      kernel.pages.freeBytes(elements, 64 * 64)
      expect(pagesAfter(simulation)).toBe(pagesBefore)
    })
  })
})
