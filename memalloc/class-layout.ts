/**
 * What compiled code must know of a size class of a bpf_mem_alloc to allocate from it and free into it by itself, and
 * what it asks for where it cannot go on. Control blocks: mem-cache-layout.ts; slab caches: slab-layout.ts.
 */
import type { AttachPoint } from '../cpu/points.ts'
import type { Processors } from '../cpu/processors.ts'
import type { MemCache } from './mem-cache.ts'

/** Plain numbers, good for the life of the instance. */
export interface ClassLayout {
  /** CPU 0's control block, and bytes from one CPU's to the next. */
  readonly at: number
  readonly stride: number
  /** Bytes of an object with its header. */
  readonly unit: number
  /** What is in use is counted (BpfMemAlloc.exclusive). */
  readonly exclusive: boolean
  /** See MemCache.notesTarget. */
  readonly notesTarget: boolean
  /**
   * CPU 0's part of the slab cache that objects come from; undefined where the worker has more to do than taking them
   * there and clearing them.
   */
  readonly slab: number | undefined
  /** By CPU. */
  readonly caches: readonly MemCache[]
}

/** Nobody looks at what the worker does. Then it does not matter that compiled code does some of it. */
export function isUnwatched({ world, processors }: MemCache): boolean {
  return !processors.events.active && world.points.ofWork.every(isIdle)
}

function isIdle({ active }: AttachPoint): boolean {
  return !active
}

/**
 * Whether the worker, raised now on this CPU, would run before anything else does: compiled code then does its work,
 * and the run is counted.
 */
export function beginWork({ work, processors, world }: MemCache): boolean {
  if (!runsAtOnce(processors) || work.pending || work.running || world.policies.watermarks !== 'fixed') return false
  work.runs++
  return true
}

function runsAtOnce({ current, rt, selfInterrupt }: Processors): boolean {
  return selfInterrupt && !rt && !current.irqsOff && !current.interruptPending
}

/** An object for the worker, as it would get one: its offset, or 0. */
export function fetchForWork(cache: MemCache): number {
  return cache.processors.current.interrupt('hardirq', () => cache.world.fresh(cache.unit, 'atomic'), 'self-interrupt')
}

/** Raises the worker, as an operation does at its end; where interrupts are on, it has run when this returns. */
export function raiseWork(cache: MemCache): void {
  const cpu = cache.processors.current
  const irqs = cpu.irqSave()
  cache.raise()
  cpu.irqRestore(irqs)
}
