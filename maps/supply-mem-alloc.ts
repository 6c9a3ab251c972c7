/**
 * Elements from bpf_mem_alloc: what maps with BPF_F_NO_PREALLOC have (Linux 6.1 and later). Per-CPU values come from a
 * second instance; its object, which holds the area's offset, is noted in the element's head.
 */

import { ErrnoError } from '../errors/errors.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'
import { OWNER } from './hash-table.ts'

export function memAllocSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  const { name, size, perCpuSize } = request
  const elements = create(kernel, `map ${name}`, size, false)
  if (elements === undefined) return undefined
  if (perCpuSize === 0) return plainSupply(kernel, elements)
  const areas = create(kernel, `map ${name}, per CPU`, perCpuSize, true)
  if (areas === undefined) {
    kernel.bpf.destroy(elements)
    return undefined
  }
  return perCpuSupply(kernel, elements, areas, request.areaOffset)
}

function create(kernel: Kernel, name: string, size: number, percpu: boolean): BpfMemAlloc | undefined {
  try {
    return kernel.bpf.create({ name, size, percpu })
  } catch (error) {
    if (error instanceof ErrnoError && error.errno === 'ENOMEM') return undefined
    throw error
  }
}

function plainSupply(kernel: Kernel, elements: BpfMemAlloc): ElementSupply {
  return {
    fixed: false,
    take: () => elements.cacheAlloc(),
    give: (element) => elements.cacheFree(element),
    destroy: () => kernel.bpf.destroy(elements),
  }
}

function perCpuSupply(kernel: Kernel, elements: BpfMemAlloc, areas: BpfMemAlloc, areaOffset: number): ElementSupply {
  const { steps } = kernel
  return {
    fixed: false,
    take: () => {
      const element = elements.cacheAlloc()
      if (element === 0) return 0
      const area = areas.cacheAlloc()
      if (area === 0) {
        elements.cacheFree(element)
        return 0
      }
      steps.store32(element + OWNER, area)
      steps.store32(element + areaOffset, steps.load32(area))
      return element
    },
    give: (element) => {
      areas.cacheFree(steps.load32(element + OWNER) >>> 0)
      elements.cacheFree(element)
    },
    destroy: () => {
      kernel.bpf.destroy(areas)
      kernel.bpf.destroy(elements)
    },
  }
}
