/**
 * memalloc/mem-cache.ts in compiled code: alloc, free and freeRcu of a size class of a bpf_mem_alloc. Each comes in two
 * parts, so that an operation on a map can make sure of it before it changes anything:
 *
 *     prepare    whether it is the common case; leaves for the fallback if not
 *     commit     does it; `work` then calls the worker (mem-worker.ts) where a watermark was crossed
 */

import {
  ACTIVE,
  BY_RCU,
  BY_RCU_TAIL,
  COUNT,
  FREE,
  HIGH,
  LOW,
  RCU_FLIGHT,
  TARGET,
} from '../../memalloc/mem-cache-layout.ts'
import { HEADER_BYTES } from '../../memalloc/size-classes.ts'
import { Wasm } from '../wasm/opcodes.ts'
import { type Code, type Expr, pointer } from './code.ts'
import type { RuntimeContext } from './host.ts'

/** Leaves for the fallback, where the condition holds. */
export type Bail = (condition: Expr) => void

export class MemClass {
  readonly #c: Code
  readonly #context: RuntimeContext
  readonly #at: Expr
  /** Index of the worker's function. */
  readonly #worker: number
  /** Local with the number of the call's slot. */
  readonly #slot: number
  /** Locals: this CPU's control block; the object at hand, its header in front. */
  readonly cache: number
  readonly object: number
  /** Local: a watermark will be crossed. */
  readonly crossed: number
  /** Local: objects in [F] before the operation. */
  readonly #count: number

  /** `at`: offset of the control block. */
  constructor(c: Code, context: RuntimeContext, at: Expr, worker: number, slot: number) {
    this.#c = c
    this.#context = context
    this.#at = at
    this.#worker = worker
    this.#slot = slot
    this.cache = c.local32()
    this.object = c.local32()
    this.crossed = c.local32()
    this.#count = c.local32()
  }

  /** Finds this CPU's cache; bails where an operation on it was interrupted. */
  open(bail: Bail): void {
    const c = this.#c
    c.set(this.cache, this.#at)
    bail(this.#word(ACTIVE))
  }

  /** Sets `object` to the one that `alloc` will hand out. */
  prepareAlloc(bail: Bail): void {
    const c = this.#c
    bail(c.not(c.tee(this.object, this.#word(FREE))))
    this.countAgain()
    this.#prepareCrossing(bail, c.op(Wasm.I32_LE_S, c.get(this.#count), this.#word(LOW)))
  }

  /** As `prepareAlloc`, for an operation that frees another object behind it. */
  prepareExchange(bail: Bail): void {
    const c = this.#c
    bail(c.not(c.tee(this.object, this.#word(FREE))))
    this.countAgain()
    const low = c.op(Wasm.I32_LE_S, c.get(this.#count), this.#word(LOW))
    this.#prepareCrossing(bail, c.any(low, c.op(Wasm.I32_GT_S, c.get(this.#count), this.#word(HIGH))))
  }

  /** Hands out `object`. */
  alloc(): void {
    const c = this.#c
    this.handOut()
    this.#set(COUNT, c.sub(c.get(this.#count), c.i32(1)))
  }

  /** As `alloc`, and does not count it: `putBack` follows. */
  handOut(): void {
    const c = this.#c
    this.#set(FREE, c.load32(c.get(this.object)))
    c.store(Wasm.I64_STORE, c.get(this.object), 0, pointer(c, c.get(this.cache)))
  }

  prepareFree(bail: Bail): void {
    const c = this.#c
    this.countAgain()
    this.#prepareCrossing(bail, c.op(Wasm.I32_GE_S, c.get(this.#count), this.#word(HIGH)))
  }

  /** Frees the object of the payload in the local. */
  free(payload: number): void {
    const c = this.#c
    this.putBack(payload)
    this.#set(COUNT, c.add(c.get(this.#count), c.i32(1)))
  }

  /** As `free`, and does not count it. */
  putBack(payload: number): void {
    const c = this.#c
    this.#take(payload)
    c.store32(c.get(this.object), 0, this.#word(FREE))
    this.#set(FREE, c.get(this.object))
  }

  /** Looks how many are in [F]: where the worker has run since. */
  countAgain(): void {
    this.#c.set(this.#count, this.#word(COUNT))
  }

  prepareFreeRcu(bail: Bail): void {
    this.#prepareCrossing(bail, this.#c.not(this.#word(RCU_FLIGHT)))
  }

  /** Frees the object of the payload in the local after a grace period, and has the worker ask for one. */
  freeRcu(payload: number): void {
    const c = this.#c
    this.#take(payload)
    c.if(c.not(this.#word(BY_RCU)), () => this.#set(BY_RCU_TAIL, c.get(this.object)))
    c.store32(c.get(this.object), 0, this.#word(BY_RCU))
    this.#set(BY_RCU, c.get(this.object))
    const { raise } = this.#context.imports
    c.rarely(c.get(this.crossed), c.call(raise, c.get(this.cache), c.get(this.#slot)))
  }

  /** Has the worker run where `alloc` has left too few. */
  workAfterAlloc(): void {
    this.#work(this.#c.op(Wasm.I32_LT_S, this.#word(COUNT), this.#word(LOW)))
  }

  /** Has the worker run where `free` has left too many. */
  workAfterFree(): void {
    this.#work(this.#c.op(Wasm.I32_GT_S, this.#word(COUNT), this.#word(HIGH)))
  }

  #work(due: Expr): void {
    const c = this.#c
    const work = c.call(this.#worker, c.get(this.cache), c.get(this.#slot))
    c.rarely(c.get(this.crossed), () => c.if(due, work))
  }

  #prepareCrossing(bail: Bail, crossing: Expr): void {
    const c = this.#c
    c.set(this.crossed, crossing)
    c.rarely(c.get(this.crossed), () => bail(c.not(c.call(this.#context.imports.unwatched, c.get(this.cache)))))
  }

  /** Notes where the object came from. */
  #take(payload: number): void {
    const c = this.#c
    c.set(this.object, c.sub(c.get(payload), c.i32(HEADER_BYTES)))
    this.#set(TARGET, c.load32(c.get(this.object)))
  }

  #word(offset: number): Expr {
    return this.#c.load32(this.#c.get(this.cache), offset)
  }

  #set(offset: number, value: Expr): void {
    this.#c.store32(this.#c.get(this.cache), offset, value)
  }
}
