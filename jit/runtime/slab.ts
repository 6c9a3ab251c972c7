/**
 * The way of memalloc/slab.ts to an object when the CPU's list is empty, in compiled code: what others freed into the
 * CPU's slab, then a slab of the partial list. New slabs are not made here.
 */
import { DESCRIPTOR_BYTES, NEXT, PREV, TABLE } from '../../memalloc/page-layout.ts'
import {
  CPU_FREELIST,
  CPU_LOCK,
  CPU_SLAB,
  CPU_SLABS,
  FROZEN,
  NODE_LOCK,
  PARTIAL_COUNT,
  PARTIAL_HEAD,
  PARTIAL_TAIL,
  SLAB_COUNTERS,
  SLAB_FREELIST,
  SLAB_OBJECTS,
} from '../../memalloc/slab-layout.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, Wasm } from '../wasm/opcodes.ts'
import { Code, type Expr } from './code.ts'
import type { RuntimeContext } from './host.ts'

/** Sets a CPU's list. Every change counts the transaction up. */
function setList(c: Code, part: number, list: Expr): void {
  c.store32(c.get(part), CPU_FREELIST, list)
  c.store32(c.get(part), CPU_FREELIST + 4, c.add(c.load32(c.get(part), CPU_FREELIST + 4), c.i32(1)))
}

/** (part) -> an object; 0 where only the slab allocator can say. `slab`: CPU 0's part. */
export function makeSlabSlow(context: RuntimeContext, slab: number, name: string): ModuleFunction {
  return context.module.define(name, { params: [I32], results: [I32] }, (w) => {
    const c = new Code(w, context.memory)
    const state = slab - CPU_SLABS
    const [page, entry, list] = [c.local32(), c.local32(), c.local32()]
    const part = 0
    const install = (): void => {
      setList(c, part, c.load32(c.get(list)))
      c.store32(c.get(part), CPU_SLAB, c.get(page))
      c.return(c.get(list))
    }
    c.rarely(c.load32(c.get(part), CPU_LOCK), () => c.return(c.i32(0)))
    c.if(c.tee(page, c.load32(c.get(part), CPU_SLAB)), () => {
      c.store32(c.get(part), CPU_SLAB, c.i32(0))
      c.set(entry, descriptorOf(c, c.get(page)))
      takeList(c, entry, list)
      c.if(c.get(list), install)
    })
    c.set(page, c.load32(c.i32(state), PARTIAL_HEAD))
    const busy = c.load32(c.i32(state), NODE_LOCK)
    c.if(c.any(c.not(c.get(page)), busy), () => c.return(c.i32(0)))
    c.set(entry, descriptorOf(c, c.get(page)))
    unlinkPartial(c, state, entry)
    takeList(c, entry, list)
    install()
    c.do(c.i32(0))
  })
}

function descriptorOf(c: Code, page: Expr): Expr {
  return c.add(c.i32(TABLE), c.op(Wasm.I32_MUL, page, c.i32(DESCRIPTOR_BYTES)))
}

/** Sets `list` to the free list of a slab, which is the CPU's from here on; one that has none is no longer. */
function takeList(c: Code, entry: number, list: number): void {
  c.set(list, c.load32(c.get(entry), SLAB_FREELIST))
  const thawed = c.and(c.load32(c.get(entry), SLAB_COUNTERS), c.i32(~FROZEN))
  const taken = c.op(Wasm.I32_OR, c.load32(c.get(entry), SLAB_OBJECTS), c.i32(FROZEN))
  c.store32(c.get(entry), SLAB_COUNTERS, c.select(c.get(list), taken, thawed))
  c.store32(c.get(entry), SLAB_FREELIST, c.i32(0))
}

/** Takes a slab out of the partial list of the cache. */
function unlinkPartial(c: Code, state: number, entry: number): void {
  const [next, prev] = [c.local32(), c.local32()]
  c.set(next, c.load32(c.get(entry), NEXT))
  c.set(prev, c.load32(c.get(entry), PREV))
  const nextOf = c.add(descriptorOf(c, c.get(prev)), c.i32(NEXT))
  c.store32(c.select(c.get(prev), nextOf, c.i32(state + PARTIAL_HEAD)), 0, c.get(next))
  const prevOf = c.add(descriptorOf(c, c.get(next)), c.i32(PREV))
  c.store32(c.select(c.get(next), prevOf, c.i32(state + PARTIAL_TAIL)), 0, c.get(prev))
  c.store32(c.i32(state), PARTIAL_COUNT, c.sub(c.load32(c.i32(state), PARTIAL_COUNT), c.i32(1)))
}
