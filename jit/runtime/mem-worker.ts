/**
 * The worker of a bpf_mem_alloc cache (memalloc/mem-refill.ts) in compiled code, where it would run at once and has the
 * usual to do: it refills from lists that wait for a grace period and from the CPU's slab, or trims while a grace period
 * runs that the surplus can wait for. All else is left to the worker itself, which is then raised.
 */
import type { ClassLayout } from '../../memalloc/class-layout.ts'
import {
  BATCH,
  BOUND,
  BY_RCU,
  BY_TRACE,
  COUNT,
  DRAINING,
  EXTRA,
  EXTRA_RCU,
  FREE,
  HIGH,
  LIST_LOCK,
  LOW,
  RCU_FLIGHT,
  REFILLS,
  STOCK,
  TARGET,
  TRACE_FLIGHT,
  TRIMS,
  WAITING_TRACE,
} from '../../memalloc/mem-cache-layout.ts'
import { CPU_FREELIST, CPU_SLAB_BYTES } from '../../memalloc/slab-layout.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, Wasm } from '../wasm/opcodes.ts'
import { clearBytes } from './bytes.ts'
import { Code, type Expr } from './code.ts'
import { onCpu, type RuntimeContext } from './host.ts'

/** Parameters. */
const CACHE = 0
const SLOT = 1

/** A slab cache: CPU 0's part, and the function for when its list is empty (slab.ts). */
export interface SlabPart {
  readonly at: number
  readonly slow: number
}

/** (cache, slot): the worker of the cache has run, or is raised, when it returns. */
export function makeWorker(
  context: RuntimeContext,
  layout: ClassLayout,
  slab: SlabPart | undefined,
  name: string,
): ModuleFunction {
  return context.module.define(name, { params: [I32, I32], results: [] }, (w) => {
    const c = new Code(w, context.memory)
    const word = (offset: number): Expr => c.load32(c.get(CACHE), offset)
    const raise = (): void => {
      c.do(c.call(context.imports.raise, c.get(CACHE), c.get(SLOT)))
      c.return()
    }
    const isInside = c.op(Wasm.I32_LT_S, word(COUNT), c.i32(0))
    const gracePeriod = c.and(c.op(Wasm.I32_NE, word(BY_RCU), c.i32(0)), c.not(word(RCU_FLIGHT)))
    c.rarely(c.any(word(EXTRA_RCU), word(LIST_LOCK), isInside, gracePeriod), raise)
    const begin = (): void => c.rarely(c.not(c.call(context.imports.begin, c.get(CACHE))), raise)
    c.if(c.op(Wasm.I32_LT_S, word(COUNT), word(LOW)), () => {
      if (slab === undefined) raise()
      else {
        begin()
        refill(c, context, layout, slab)
      }
      c.return()
    })
    const target = c.local32()
    c.set(target, word(TARGET))
    const running = c.load32(c.get(target), TRACE_FLIGHT)
    c.if(c.any(word(EXTRA), c.not(running), c.load32(c.get(target), DRAINING)), raise)
    begin()
    trim(c, layout, target)
  })
}

/** Counts what came to [F]. */
function supplied(c: Code, { at, exclusive }: ClassLayout, came: Expr): void {
  const add = (block: Expr, word: number, by: Expr): void => c.store32(block, word, c.add(c.load32(block, word), by))
  add(c.get(CACHE), COUNT, came)
  if (!exclusive) return
  add(c.get(CACHE), STOCK, came)
  add(c.i32(at), BOUND, came)
}

function count(c: Code, offset: number): void {
  c.store32(c.get(CACHE), offset, c.add(c.load32(c.get(CACHE), offset), c.i32(1)))
}

function refill(c: Code, context: RuntimeContext, layout: ClassLayout, slab: SlabPart): void {
  const { imports } = context
  const [object, left, taken, part] = [c.local32(), c.local32(), c.local32(), c.local32()]
  const word = (offset: number): Expr => c.load32(c.get(CACHE), offset)
  count(c, REFILLS)
  c.set(left, word(BATCH))
  c.set(part, onCpu(c, context, slab.at, CPU_SLAB_BYTES))
  const clear = (): void => {
    clearBytes(c, layout.unit, { local: object, offset: 0 })
    c.set(taken, c.add(c.get(taken), c.i32(1)))
  }
  const fresh = (): void => {
    c.set(object, c.call(slab.slow, c.get(part)))
    const fetch = (): void => c.set(object, c.call(imports.fetch, c.get(CACHE), c.get(SLOT)))
    c.if(c.get(object), clear, fetch, true)
  }
  const popList = (head: number, otherwise: () => void): void =>
    c.if(c.tee(object, word(head)), () => c.store32(c.get(CACHE), head, c.load32(c.get(object))), otherwise)
  c.block((leave) => {
    c.loop((again) => {
      popList(BY_TRACE, () =>
        popList(WAITING_TRACE, () => {
          takeFromSlab(c, { part, object, left, taken }, layout)
          leave(c.not(c.get(left)))
          fresh()
        }),
      )
      leave(c.not(c.get(object)))
      c.store32(c.get(object), 0, word(FREE))
      c.store32(c.get(CACHE), FREE, c.get(object))
      supplied(c, layout, c.i32(1))
      again(c.tee(left, c.sub(c.get(left), c.i32(1))))
    })
  })
  c.if(c.get(taken), c.call(imports.fetched, c.get(CACHE), c.get(taken)))
}

/** Moves up to `left` objects from the CPU's list of the slab cache to [F], and counts them. */
function takeFromSlab(
  c: Code,
  { part, object, left, taken }: { part: number; object: number; left: number; taken: number },
  layout: ClassLayout,
): void {
  const [list, free, most] = [c.local32(), c.local32(), c.local32()]
  c.set(list, c.load32(c.get(part), CPU_FREELIST))
  c.set(free, c.load32(c.get(CACHE), FREE))
  c.set(most, c.get(left))
  c.block((leave) => {
    c.loop((again) => {
      leave(c.not(c.tee(object, c.get(list))))
      c.set(list, c.load32(c.get(object)))
      clearBytes(c, layout.unit, { local: object, offset: 0 })
      c.store32(c.get(object), 0, c.get(free))
      c.set(free, c.get(object))
      again(c.tee(left, c.sub(c.get(left), c.i32(1))))
    })
  })
  const moved = c.sub(c.get(most), c.get(left))
  c.store32(c.get(part), CPU_FREELIST, c.get(list))
  // The transaction counts every change.
  c.store32(c.get(part), CPU_FREELIST + 4, c.add(c.load32(c.get(part), CPU_FREELIST + 4), moved))
  c.store32(c.get(CACHE), FREE, c.get(free))
  supplied(c, layout, moved)
  c.set(taken, c.add(c.get(taken), moved))
}

/** Moves the surplus to the cache that is noted for it. */
function trim(c: Code, layout: ClassLayout, target: number): void {
  const [object, middle] = [c.local32(), c.local32()]
  const word = (offset: number): Expr => c.load32(c.get(CACHE), offset)
  count(c, TRIMS)
  c.set(middle, c.op(Wasm.I32_SHR_S, c.add(word(HIGH), word(LOW)), c.i32(1)))
  c.block((leave) => {
    c.loop((again) => {
      leave(c.not(c.tee(object, word(FREE))))
      c.store32(c.get(CACHE), FREE, c.load32(c.get(object)))
      supplied(c, layout, c.i32(-1))
      c.store32(c.get(object), 0, c.load32(c.get(target), BY_TRACE))
      c.store32(c.get(target), BY_TRACE, c.get(object))
      again(c.op(Wasm.I32_GT_S, word(COUNT), c.get(middle)))
    })
  })
}
