/**
 * Elements from the general allocator, one at a time.
 *
 *     kmalloc         before 4.6: locks of the slab allocator are waited for, so that a program on the allocator's own
 *                     path hangs; freed after a grace period; the map counts in one word
 *     kmalloc_nolock  the any-context form of 6.18: a lock that is busy is a failure
 */
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'

export function kmallocSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  return makeSupply(kernel, request, 'atomic')
}

export function nolockSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  return makeSupply(kernel, request, 'nolock')
}

function makeSupply(kernel: Kernel, request: SupplyRequest, gfp: 'atomic' | 'nolock'): ElementSupply | undefined {
  const { steps, slab, percpu, processors, group } = kernel
  const paid = { group }
  const { size, perCpuSize, areaOffset } = request
  // Without sleeping there is no new per-CPU memory: one area that stays keeps a chunk of it at hand.
  const kept = perCpuSize > 0 ? percpu.alloc(perCpuSize, 'kernel') : 0
  if (perCpuSize > 0 && kept === 0) return undefined
  const release = (element: number): void => {
    if (perCpuSize > 0) percpu.free(steps.load32(element + areaOffset) >>> 0)
    slab.free(element, gfp, size, group)
  }
  return {
    fixed: false,
    oneCounter: gfp === 'atomic',
    take: () => {
      const element = slab.alloc(size, gfp, paid)
      if (element === 0 || perCpuSize === 0) return element
      const area = percpu.alloc(perCpuSize, gfp)
      if (area === 0) {
        slab.free(element, gfp, size, group)
        return 0
      }
      steps.store32(element + areaOffset, area)
      return element
    },
    // Somebody without a lock may still look at it.
    give: (element) => processors.callRcu('rcu', () => release(element)),
    destroy: () => percpu.free(kept),
  }
}
