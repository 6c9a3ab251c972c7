/**
 * A machine's kernel memory with what hands it out. Everything that keeps state there takes a Kernel; a Machine has
 * one and gives it back when it closes.
 */
import { HarenaError } from '../errors/errors.ts'
import { KERNEL_BASE, type Memory } from '../memory/memory.ts'
import { endLeases, endWhenForgotten, type Lease, takeMemory } from '../memory/pool.ts'
import { plainSteps, type Steps } from '../memory/steps.ts'
import { PageAllocator, touchedPages } from './pages.ts'

export interface Kernel {
  readonly memory: Memory
  readonly steps: Steps
  readonly pages: PageAllocator
  /** Every memory of the machine, kernel memory first; arenas add theirs. */
  readonly leases: Lease[]
  /** The numbers last given out. */
  readonly ids: { map: number }
}

export interface KernelOptions {
  /** Bytes that kernel memory and arenas may use together; 0 or absent for no limit. */
  readonly memoryLimit?: number
  /** Binds the primitives of shared state; without it there is no hook. */
  readonly makeSteps?: (memory: Memory) => Steps
}

/** Takes a memory from the pool. Throws HarenaError where the address space is used up. */
export function makeKernel(options: KernelOptions = {}): Kernel {
  const memory = takeMemory()
  const steps = (options.makeSteps ?? plainSteps)(memory)
  const pages = new PageAllocator(memory, steps)
  pages.setLimit(options.memoryLimit ?? 0)
  return { memory, steps, pages, leases: [{ memory, touched: () => touchedPages(memory) }], ids: { map: 0 } }
}

/** Gives every memory back; nothing of the machine may be used afterwards. A second call does nothing. */
export function closeKernel(kernel: Kernel): void {
  endLeases(kernel.leases)
}

/** Throws HarenaError when the kernel is closed: its memory may be another machine's by now. */
export function checkOpen(kernel: Kernel): void {
  if (kernel.leases.length === 0) throw new HarenaError('the machine is closed')
}

/** Closes the kernel when nobody holds `owner`, its machine, any more. */
export function closeWhenForgotten(owner: object, kernel: Kernel): void {
  endWhenForgotten(owner, kernel.leases)
}

/** The kernel address of an offset in kernel memory. */
export function kernelAddress(offset: number): bigint {
  return KERNEL_BASE + BigInt(offset)
}
