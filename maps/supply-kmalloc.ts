/**
 * Elements from the general allocator, one at a time.
 *
 *     kmalloc         before 4.6: locks of the slab allocator are waited for, so that a program on the allocator's own
 *                     path hangs; freed after a grace period; the map counts in one word
 *     kmalloc_nolock  the any-context form of 6.18: a lock that is busy is a failure
 */
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'
import { slabSupply } from './supply-slab.ts'

export function kmallocSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  return makeSupply(kernel, request, 'atomic')
}

export function nolockSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  return makeSupply(kernel, request, 'nolock')
}

function makeSupply(kernel: Kernel, request: SupplyRequest, gfp: 'atomic' | 'nolock'): ElementSupply | undefined {
  const { slab, group } = kernel
  const { size } = request
  const paid = { group }
  const supply = slabSupply(kernel, request, {
    gfp,
    bytes: slab.bytesOf(size),
    take: () => slab.alloc(size, gfp, paid),
    give: (element) => slab.free(element, gfp, size, group),
  })
  return supply === undefined ? undefined : { ...supply, oneCounter: gfp === 'atomic' }
}
