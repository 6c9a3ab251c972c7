/**
 * kfuncs that give memory and take it back: Linux's for objects, and harena's own for bpf_mem_alloc. All of them run
 * in any context; where there is no memory now they give NULL.
 */
import { ERRNO, InternalError } from '../errors/errors.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { returnInt, returnPointer } from './helpers.ts'
import type { MakeNative, Services } from './services.ts'
import { type Native, spend } from './state.ts'

export const MEMORY_KFUNCS: Readonly<Record<string, MakeNative>> = {
  // void *bpf_obj_new_impl(u64 local_type_id, void *meta)
  bpf_obj_new_impl: ({ kernel }) => {
    return (R, state) => {
      if (state.btf === undefined) throw new InternalError(`program ${state.program} allocates objects without BTF`)
      returnPointer(R, kernel.objects.allocate(state.btf, R[2]! >>> 0))
    }
  },
  // void bpf_obj_drop_impl(void *object, void *meta)
  bpf_obj_drop_impl: ({ kernel }) => {
    return (R) => kernel.objects.drop(R[2]! >>> 0)
  },
  // void *bpf_mem_alloc(u32 size)
  bpf_mem_alloc: ({ kernel }) => {
    return (R, { program }) => {
      const size = R[2]! >>> 0
      const { bpf, processors } = kernel
      const payload = processors.maySleep ? bpf.global.allocSleepable(size) : bpf.global.alloc(size)
      if (payload !== 0) kernel.bpf.count(program, 1, kernel.bpf.global.bytesAt(payload))
      returnPointer(R, payload)
    }
  },
  // void bpf_mem_free(void *p)
  bpf_mem_free: ({ kernel }) => {
    return (R, { program }) => {
      const payload = R[2]! >>> 0
      if (payload === 0) return
      const { global } = kernel.bpf
      if (!global.wasFreed(payload)) kernel.bpf.count(program, -1, -global.bytesAt(payload))
      global.free(payload)
    }
  },
  // void *bpf_mem_cache_alloc(struct bpf_mem_alloc *alloc)
  bpf_mem_cache_alloc: (services) => (R) => {
    const alloc = allocOf(services, R)
    returnPointer(R, services.kernel.processors.maySleep ? alloc.cacheAllocSleepable() : alloc.cacheAlloc())
  },
  // void bpf_mem_cache_free(struct bpf_mem_alloc *alloc, void *p)
  bpf_mem_cache_free: (services) => (R) => allocOf(services, R).cacheFree(R[4]! >>> 0),
  bpf_mem_prefill: prefill,
}

function allocOf(services: Services, R: Int32Array): BpfMemAlloc {
  const alloc = services.allocAt(R[2]! >>> 0)
  if (alloc === undefined) throw new InternalError(`no allocator lies at offset 0x${(R[2]! >>> 0).toString(16)}`)
  return alloc
}

/** Work of one object that is fetched, in units of `spend`. */
const PREFILL_UNITS = 4

/** int bpf_mem_prefill(struct bpf_mem_alloc *alloc, u32 size, u32 count): 0 or -ENOMEM; the machine's for a NULL alloc */
function prefill(services: Services): Native {
  const { kernel } = services
  return (R, state) => {
    const alloc = (R[2]! | R[3]!) === 0 ? kernel.bpf.global : allocOf(services, R)
    const [size, count] = [R[4]! >>> 0, R[6]! >>> 0]
    // What can never be met is refused before memory is taken for a part of it.
    if (size * count > room(kernel)) return returnInt(R, -ERRNO.ENOMEM)
    spend(state, PREFILL_UNITS * count)
    returnInt(R, alloc.prefill(size, count))
  }
}

/** Bytes that may still be used. */
function room(kernel: Kernel): number {
  const { used, limit } = kernel.pages.statistics()
  return (limit - used) * PAGE_SIZE
}
