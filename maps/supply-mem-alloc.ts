/**
 * Elements from bpf_mem_alloc: what maps with BPF_F_NO_PREALLOC have (Linux 6.1 and later). Per-CPU values come from a
 * second instance; its object, which holds the area's offset, is noted in the element's head. One of the two may be an
 * allocator that others use too (`alloc=`, harena's own): the map gives its elements back, and lets it live.
 */
import { ErrnoError } from '../errors/errors.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { ClassLayout } from '../memalloc/class-layout.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementSupply, MakeSupply, SupplyRequest } from './elements.ts'
import { HEAD_BYTES, OWNER } from './hash-table.ts'

export function memAllocSupply(kernel: Kernel, request: SupplyRequest): ElementSupply | undefined {
  return supplyFrom(kernel, request, undefined)
}

/** A supply whose elements, of a per-CPU allocator whose values, come from `alloc`. */
export function sharedSupply(alloc: BpfMemAlloc): MakeSupply {
  return (kernel, request) => supplyFrom(kernel, request, alloc)
}

/** An instance, and how it is asked. */
interface Source {
  readonly take: () => number
  /** For who may sleep. */
  readonly takeSleepable: () => number
  readonly give: (payload: number) => void
  /** Whether so many are in use; undefined where that is not counted. */
  readonly hasInUse: ((count: number) => boolean) | undefined
  /** Undefined where there is none to go by. */
  readonly class: ClassLayout | undefined
  readonly destroy: () => void
}

function supplyFrom(
  kernel: Kernel,
  { name, size, perCpuSize, areaOffset }: SupplyRequest,
  alloc: BpfMemAlloc | undefined,
): ElementSupply | undefined {
  // Whoever stands on an element that is freed follows its links, and the pointer to its areas.
  const kept = perCpuSize > 0 ? size : HEAD_BYTES
  const elements =
    alloc?.percpu === false
      ? shared(alloc, size, kept)
      : // An element with values of its own goes before them: the map counts it out first.
        create(kernel, `map ${name}`, size, kept, perCpuSize === 0)
  if (elements === undefined || perCpuSize === 0) {
    return elements === undefined ? undefined : plainSupply(kernel, elements)
  }
  const areas = alloc?.percpu
    ? shared(alloc, perCpuSize, 0)
    : create(kernel, `map ${name}, per CPU`, perCpuSize, undefined)
  if (areas === undefined) {
    elements.destroy()
    return undefined
  }
  return perCpuSupply(kernel, elements, areas, areaOffset)
}

function plainSupply(kernel: Kernel, elements: Source): ElementSupply {
  const { take, takeSleepable, give, destroy, class: classLayout } = elements
  const layout = classLayout === undefined ? undefined : ({ kind: 'mem-alloc', class: classLayout } as const)
  const takeAhead = asksElsewhere(kernel) ? takeSleepable : undefined
  return { fixed: false, hasInUse: elements.hasInUse, take, takeAhead, give, layout, destroy }
}

/** Whether who may sleep is served otherwise than the others. */
function asksElsewhere({ slab }: Kernel): boolean {
  return slab.policies.sleepable !== 'cache-only'
}

function shared(alloc: BpfMemAlloc, bytes: number, kept: number): Source {
  alloc.keep(kept)
  return {
    take: () => (alloc.size > 0 ? alloc.cacheAlloc() : alloc.alloc(bytes)),
    takeSleepable: () => (alloc.size > 0 ? alloc.cacheAllocSleepable() : alloc.allocSleepable(bytes)),
    give: (payload) => alloc.free(payload),
    hasInUse: undefined,
    class: alloc.layoutOf(bytes),
    destroy: () => undefined,
  }
}

/** `kept`: see BpfMemAlloc.keep; undefined for the per-CPU form. */
function create(
  kernel: Kernel,
  name: string,
  size: number,
  kept: number | undefined,
  exclusive = false,
): Source | undefined {
  try {
    const instance = kernel.bpf.create({ name, size, percpu: kept === undefined, exclusive })
    instance.keep(kept ?? 0)
    return {
      take: () => instance.cacheAlloc(),
      takeSleepable: () => instance.cacheAllocSleepable(),
      give: (payload) => instance.cacheFree(payload),
      hasInUse: instance.exclusive ? (count) => instance.hasInUse(count) : undefined,
      class: instance.layoutOf(size),
      destroy: () => kernel.bpf.destroy(instance),
    }
  } catch (error) {
    if (error instanceof ErrnoError && error.errno === 'ENOMEM') return undefined
    throw error
  }
}

function perCpuSupply(kernel: Kernel, elements: Source, areas: Source, areaOffset: number): ElementSupply {
  const { steps } = kernel
  const takeBoth = (how: 'take' | 'takeSleepable'): number => {
    const element = elements[how]()
    if (element === 0) return 0
    const area = areas[how]()
    if (area === 0) {
      elements.give(element)
      return 0
    }
    steps.store32(element + OWNER, area)
    steps.store32(element + areaOffset, steps.load32(area))
    return element
  }
  return {
    fixed: false,
    take: () => takeBoth('take'),
    takeAhead: asksElsewhere(kernel) ? () => takeBoth('takeSleepable') : undefined,
    give: (element) => {
      areas.give(steps.load32(element + OWNER) >>> 0)
      elements.give(element)
    },
    destroy: () => {
      areas.destroy()
      elements.destroy()
    },
  }
}
