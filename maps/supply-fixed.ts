/** Fixed supplies: an array of elements and something that remembers which of them are free. */
import type { Kernel } from '../memalloc/kernel.ts'
import { type ElementArray, freeElementArray, makeElementArray } from './element-array.ts'
import type { ElementSupply, MakeSupply, SupplyLayout, SupplyRequest } from './elements.ts'

/** Free elements. Both operations in any context. */
export interface FreeElements {
  take(): number
  give(element: number): void
  readonly layout?: SupplyLayout
  destroy(): void
}

/** Makes one in which all elements are free; undefined where there is no memory. */
export type MakeFreeElements = (kernel: Kernel, array: ElementArray, request: SupplyRequest) => FreeElements | undefined

export function fixedSupply(makeFree: MakeFreeElements): MakeSupply {
  return (kernel: Kernel, request: SupplyRequest): ElementSupply | undefined => {
    const array = makeElementArray(kernel, request)
    if (array === undefined) return undefined
    const free = makeFree(kernel, array, request)
    if (free === undefined) {
      freeElementArray(kernel, array, request)
      return undefined
    }
    return {
      fixed: true,
      take: () => free.take(),
      give: (element) => free.give(element),
      layout: free.layout,
      destroy: () => {
        free.destroy()
        freeElementArray(kernel, array, request)
      },
    }
  }
}
