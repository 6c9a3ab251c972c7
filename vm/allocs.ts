/**
 * The allocators (`.alloc`) of a machine: instances of bpf_mem_alloc that programs name. What a program has as its
 * pointer is a small object of kernel memory, whose place is all that counts.
 */
import { ErrnoError, InternalError } from '../errors/errors.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import { type Kernel, kernelAddress } from '../memalloc/kernel.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import type { AllocInfo } from '../program/loadable.ts'
import type { AllocSpec } from '../program/object.ts'

/** Bytes of the object that stands for an instance. */
const HANDLE_BYTES = 16

export class Allocs {
  /** By offset of their objects. */
  private readonly instances: Map<number, BpfMemAlloc> = new Map()

  at(offset: number): BpfMemAlloc | undefined {
    return this.instances.get(offset)
  }

  /** `kernel`: of who pays. @throws ErrnoError ENOMEM; EINVAL for per-CPU objects of any size */
  create({ slab, bpf, group }: Kernel, { name, size, percpu }: AllocSpec): AllocInfo {
    const at = slab.alloc(HANDLE_BYTES, 'kernel', { zero: true, group })
    if (at === 0) throw new ErrnoError('ENOMEM', `no memory for alloc ${name}`)
    try {
      this.instances.set(at, bpf.create({ name, size: size ?? 0, percpu }))
    } catch (error) {
      slab.free(at, 'kernel', HANDLE_BYTES, group)
      throw error
    }
    return { name, size, percpu, address: kernelAddress(at) }
  }

  /** The instance of an allocator that `create` gave. */
  instance({ name, address }: AllocInfo): BpfMemAlloc {
    const instance = this.instances.get(Number(address - KERNEL_BASE))
    if (instance === undefined) throw new InternalError(`there is no alloc ${name}`)
    return instance
  }

  destroy({ slab, bpf, group }: Kernel, alloc: AllocInfo): void {
    const at = Number(alloc.address - KERNEL_BASE)
    bpf.destroy(this.instance(alloc))
    this.instances.delete(at)
    slab.free(at, 'kernel', HANDLE_BYTES, group)
  }
}
