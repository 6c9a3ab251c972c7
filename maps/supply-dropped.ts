/**
 * Four ways round the deadlock of 2016 that were considered and dropped (spec: N.1). A program on a path of the slab
 * allocator updates a map, whose element comes from the same allocator: it waits for a lock that its own CPU holds.
 *
 *     own-slab      a slab cache a map: the locks below it, of pages, are still shared
 *     recursion     allocations under a lock of the allocator fail: updates are lost, most of them under load
 *     reserve       some elements for interrupts, and for code that has turned preemption off: the program may as well
 *                   run in a task, with the lock held
 *     irq-work      an element is allocated when it is too late for whoever wanted it
 */
import { makeIrqWork } from '../cpu/irq-work.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import * as llist from '../memalloc/llist.ts'
import { freeElementArray, makeElementArray } from './element-array.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'
import { FREE_LINK } from './hash-table.ts'
import { perCpuFreelist } from './supply-freelist.ts'
import { kmallocSupply } from './supply-kmalloc.ts'
import { claim, slabSupply } from './supply-slab.ts'

export function ownSlabSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  const { slab, group } = kernel
  const cache = slab.createCache(`map ${request.name}`, request.size)
  if (cache === undefined) return undefined
  return slabSupply(kernel, request, {
    gfp: 'atomic',
    bytes: cache.stride,
    take: () => {
      if (group !== undefined && !group.charge(cache.stride)) return 0
      const element = cache.alloc('atomic')
      if (element === 0) group?.uncharge(cache.stride)
      return element
    },
    give: (element) => {
      slab.free(element, 'atomic')
      group?.uncharge(cache.stride)
    },
    end: () => slab.destroyCache(cache),
  })
}

export function recursionSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  const supply = kmallocSupply(kernel, request)
  if (supply === undefined) return undefined
  return { ...supply, take: () => (insideAllocator(kernel) ? 0 : supply.take()) }
}

/** Whether this CPU holds a lock of the allocators: all but those of maps. */
function insideAllocator({ locks, steps, processors }: Kernel): boolean {
  const own = processors.current.id + 1
  return locks.held.some(({ at, name }) => name !== 'bucket' && steps.load32(at) === own)
}

/** Elements set aside for those who may not wait. */
const RESERVE = 32

export function reserveSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  const rest = kmallocSupply(kernel, request)
  if (rest === undefined) return undefined
  const own = { ...request, count: RESERVE }
  const array = makeElementArray(kernel, own)
  const reserve = array === undefined ? undefined : perCpuFreelist(kernel, array)
  if (array === undefined || reserve === undefined) {
    if (array !== undefined) freeElementArray(kernel, array, own)
    rest.destroy()
    return undefined
  }
  const end = array.base + RESERVE * array.size
  return {
    fixed: false,
    take: () => {
      // Interrupts are off in every update, under the bucket's lock: that says nothing.
      const { context, preemptOff } = kernel.processors.current
      return context !== 'task' || preemptOff > 0 ? reserve.take() : rest.take()
    },
    give: (element) => {
      if (element >= array.base && element < end) reserve.give(element)
      else rest.give(element)
    },
    // Those of the reserve are among the pages that the map was made with.
    usage: rest.usage,
    destroy: () => {
      reserve.destroy()
      freeElementArray(kernel, array, own)
      rest.destroy()
    },
  }
}

export function irqWorkSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  const { processors, steps } = kernel
  const source = kmallocSupply(kernel, request)
  if (source === undefined) return undefined
  // What came too late is for the next one who asks on the CPU. Linked as in a free list.
  const bytes = 4 * processors.cpus.length
  const heads = kernel.slab.alloc(bytes, 'kernel', { zero: true, group: kernel.group })
  if (heads === 0) {
    source.destroy()
    return undefined
  }
  const push = (cpu: number, element: number): void => llist.push(steps, heads + 4 * cpu, element + FREE_LINK)
  // All, and the others back: were the first alone taken, an NMI could take it and put it back with another link.
  const pop = (cpu: number): number => {
    const first = llist.takeAll(steps, heads + 4 * cpu)
    if (first === 0) return 0
    for (let link = llist.nextOf(steps, first); link !== 0; ) {
      const next = llist.nextOf(steps, link)
      push(cpu, link - FREE_LINK)
      link = next
    }
    return first - FREE_LINK
  }
  const works = processors.cpus.map(({ id }) =>
    makeIrqWork('an element of a map', () => {
      const element = source.take()
      if (element !== 0) push(id, element)
    }),
  )
  return {
    fixed: false,
    take: () => {
      const { id } = processors.current
      const element = pop(id)
      if (element === 0) processors.raise(works[id]!)
      else claim(kernel, request, element)
      return element
    },
    give: (element) => source.give(element),
    // Those that wait for the next one who asks are no elements of the map, and its memory all the same.
    usage: () => {
      const { objects, bytes } = source.usage!()
      const waiting = processors.cpus.reduce((sum, { id }) => sum + llist.lengthOf(steps, heads + 4 * id), 0)
      return { objects: objects - waiting, bytes }
    },
    destroy: () => {
      // What was asked for and has not come yet would come to memory that is somebody else's by then.
      for (const work of works) processors.flush(work)
      for (const { id } of processors.cpus) {
        for (let element = pop(id); element !== 0; element = pop(id)) source.give(element)
      }
      kernel.slab.free(heads, 'kernel', bytes, kernel.group)
      source.destroy()
    },
  }
}
