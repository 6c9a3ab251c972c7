/** All elements of a map side by side, made with it; each with its area of per-CPU memory, where values are per CPU. */
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { SupplyRequest } from './elements.ts'

export interface ElementArray {
  /** Offset of the first one. */
  readonly base: number
  readonly count: number
  readonly size: number
}

/** Undefined, and nothing allocated, where there is no memory. */
export function makeElementArray(kernel: Kernel, request: SupplyRequest): ElementArray | undefined {
  const { size, count, perCpuSize, areaOffset } = request
  const base = kernel.pages.allocBytes(size * count, PageOwner.MAP)
  if (base === 0) return undefined
  const array = { base, count, size }
  for (let index = 0; perCpuSize > 0 && index < count; index++) {
    const area = kernel.percpu.alloc(perCpuSize, 'kernel')
    if (area === 0) {
      freeElementArray(kernel, array, { ...request, count: index })
      return undefined
    }
    kernel.steps.store32(base + index * size + areaOffset, area)
  }
  return array
}

/** `request.count`: how many have an area. */
export function freeElementArray(kernel: Kernel, array: ElementArray, request: SupplyRequest): void {
  const { base, size, count } = array
  const withArea = request.perCpuSize > 0 ? request.count : 0
  for (let index = 0; index < withArea; index++) {
    kernel.percpu.free(kernel.steps.load32(base + index * size + request.areaOffset) >>> 0)
  }
  kernel.pages.freeBytes(base, size * count)
}
