/**
 * One list of free elements with one lock, of all CPUs: the first thing one thinks of, and with 32 CPUs the slowest
 * (2016). An NMI that finds the lock taken by the CPU it interrupted would wait for ever.
 *
 *     head | lock          element: link at FREE_LINK
 */
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementArray } from './element-array.ts'
import { FREE_LINK } from './hash-table.ts'
import type { FreeElements } from './supply-fixed.ts'

const LOCK = 4
const BYTES = 8
const LOCK_NAME = "the free list's lock"

export function oneLockList(kernel: Kernel, array: ElementArray): FreeElements | undefined {
  const { steps, locks, processors, slab } = kernel
  const at = slab.alloc(BYTES, 'kernel', { zero: true })
  if (at === 0) return undefined
  const locked = (work: () => number): number => {
    const { current } = processors
    const irqs = current.irqSave()
    try {
      locks.lock(at + LOCK, LOCK_NAME)
      const result = work()
      locks.unlock(at + LOCK)
      return result
    } finally {
      current.irqRestore(irqs)
    }
  }
  const push = (element: number): number => {
    steps.store32(element + FREE_LINK, steps.load32(at))
    steps.store32(at, element)
    return 0
  }
  const pop = (): number => {
    const first = steps.load32(at) >>> 0
    if (first !== 0) steps.store32(at, steps.load32(first + FREE_LINK))
    return first
  }
  for (let index = 0; index < array.count; index++) push(array.base + index * array.size)
  return {
    take: () => locked(pop),
    give: (element) => void locked(() => push(element)),
    destroy: () => slab.free(at, 'kernel'),
  }
}
