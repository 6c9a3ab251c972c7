/** A program on a path of the slab allocator, with its lock held, that updates a map: the case of 2016. */
import { describe, expect, test } from 'vitest'
import { ERRNO, LockError } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { Rig } from './fixture.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'

/** What the updates said that were made with a lock of the allocator held: numbers, or that it hangs. */
function updatesInside(
  elements: SupplyName,
  updates: number,
  point: 'slab:unlock' | 'page:unlock' = 'slab:unlock',
): Set<number | string> {
  const rig = new Rig({ maxEntries: 5000, valueSize: 8 }, { elements })
  const results = new Set<number | string>()
  let key = 0
  let inside = false
  const detach = rig.processors.points.attach(point, () => {
    if (inside || results.size > 0) return
    inside = true
    try {
      for (let i = 0; i < updates; i++) results.add(rig.update(key++, 1))
    } catch (error) {
      if (!(error instanceof LockError)) throw error
      results.add('hangs')
    }
    inside = false
  })
  try {
    rig.processors.run(0, 'task', 'task', () => {
      const { slab, pages } = rig.kernel
      if (point === 'page:unlock') pages.free(pages.alloc(0, PageOwner.OTHER))
      // Elements have 64 bytes. A free into a slab that was full takes the lock of its class.
      const objects = Array.from({ length: 500 }, () => slab.alloc(64, 'atomic'))
      for (const object of objects) slab.free(object, 'atomic')
    })
    return results
  } finally {
    detach()
    rig.close()
  }
}

describe('an update with the lock of the slab allocator held', () => {
  test.each<[SupplyName, number, (number | string)[]]>([
    ['prealloc', 200, [0]],
    ['one-lock', 200, [0]],
    ['ida', 200, [0]],
    ['tags', 200, [0]],
    // What it has, and then no more until interrupts are on again.
    ['bpf_mem_alloc', 4, [0]],
    ['bpf_mem_alloc', 200, [0, -ERRNO.ENOMEM]],
    ['recursion', 200, [-ERRNO.ENOMEM]],
    // It comes too late, for some.
    ['irq-work', 1, [-ERRNO.ENOMEM]],
  ])('%s, %i updates: %j', (elements, updates, expected) => {
    expect([...updatesInside(elements, updates)]).toEqual(expected)
  })

  test.each<SupplyName>(['kmalloc', 'reserve'])('%s: hangs', (elements) => {
    expect(updatesInside(elements, 200)).toContain('hangs')
  })

  test('own-slab: hangs where the lock is one that it shares, of pages', () => {
    expect(updatesInside('own-slab', 200)).toEqual(new Set([0]))
    expect(updatesInside('own-slab', 2000, 'page:unlock')).toContain('hangs')
  })

  test('kmalloc_nolock: hangs nowhere', () => {
    expect(updatesInside('kmalloc_nolock', 200)).not.toContain('hangs')
  })
})

test('every supply has a help text of its own', () => {
  const texts = Object.values(SUPPLIES).map(({ help }) => help)
  expect(new Set(texts).size).toBe(texts.length)
})

test.each(['tags', 'tags-packed'] as const)('%s: each CPU begins at a place of its own, by chance', (elements) => {
  const first = (random: () => number, cpu: number): number => {
    const rig = new Rig({ maxEntries: 100 }, { elements, random })
    rig.update(1, 1, 0, cpu)
    const at = rig.at(1)
    rig.close()
    return at
  }
  // The map's seed is drawn first, then a place for each CPU; CPU 0 takes the spares from its own.
  const places = (...drawn: readonly number[]) => {
    const left = [0, ...drawn]
    return () => left.shift()!
  }
  expect(first(places(37, 80), 0) - first(places(0, 80), 0)).toBe(37 * 64)
  expect(first(places(37, 80 + 102), 1) - first(places(37, 64), 1)).toBe(16 * 64)
})
