/**
 * What on-demand elements that lie in slabs have in common, whatever cache they come from: an area of per-CPU memory
 * beside each, a grace period before each goes back, who has them, and in debug mode their names.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'

/** Where the elements come from. */
export interface SlabSource {
  readonly gfp: 'atomic' | 'nolock'
  /** Bytes that an element takes there. */
  readonly bytes: number
  /** An element, paid for; 0 where there is none. */
  take(): number
  give(element: number): void
  /** When the last element has come back; absent where there is nothing to end. */
  readonly end?: () => void
}

/** Undefined, and the source ended, where there is no memory. */
export function slabSupply(kernel: Kernel, request: SupplyRequest, source: SlabSource): ElementSupply | undefined {
  const { steps, percpu, processors, slab } = kernel
  const { perCpuSize, areaOffset } = request
  // Without sleeping there is no new per-CPU memory: one area that stays keeps a chunk of it at hand.
  const kept = perCpuSize > 0 ? percpu.alloc(perCpuSize, 'kernel') : 0
  if (perCpuSize > 0 && kept === 0) {
    source.end?.()
    return undefined
  }
  const cost = source.bytes + (perCpuSize > 0 ? percpu.bytesOf(perCpuSize) : 0)
  let objects = 0
  const release = (element: number): void => {
    if (perCpuSize > 0) percpu.free(steps.load32(element + areaOffset) >>> 0)
    objects--
    source.give(element)
  }
  return {
    fixed: false,
    take: () => {
      const element = source.take()
      if (element === 0) return 0
      if (perCpuSize > 0) {
        const area = percpu.alloc(perCpuSize, source.gfp)
        if (area === 0) {
          source.give(element)
          return 0
        }
        steps.store32(element + areaOffset, area)
      }
      objects++
      claim(kernel, request, element)
      return element
    },
    // Somebody without a lock may still look at it.
    give: (element) => {
      if (slab.debug !== undefined) leave(kernel, element)
      processors.callRcu('rcu', () => release(element))
    },
    usage: () => ({ objects, bytes: objects * cost }),
    destroy: () => {
      percpu.free(kept)
      // Behind all elements: callbacks run in their order.
      if (source.end !== undefined) processors.callRcu('rcu', source.end)
    },
  }
}

/** Debug mode: an element is the map's from here on, and was had by whoever acts now. */
export function claim({ slab }: Kernel, { name, size }: SupplyRequest, element: number): void {
  if (slab.debug === undefined) return
  const found = slab.objectAt(element)
  // Elements of whole pages lie in no slab.
  if (found !== undefined) slab.debug.claimed(found.cache, element, { name: `map ${name}`, bytes: size })
}

function leave({ slab }: Kernel, element: number): void {
  const found = slab.objectAt(element)
  if (found !== undefined) slab.debug?.leaves(found.cache, element)
}
