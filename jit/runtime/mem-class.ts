/**
 * memalloc/mem-cache.ts in compiled code: alloc, free and freeRcu of a size class of a bpf_mem_alloc, together with what
 * the caller changes at the same time. Every operation is written twice:
 *
 *     near a watermark    bails where somebody looks at what the worker does; does it; calls the worker (mem-worker.ts)
 *     elsewhere           does it
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

/** What of an operation is not the class's own; called for each of the ways that the operation is written. */
export type Change = () => void

export class MemClass {
  readonly #c: Code
  readonly #context: RuntimeContext
  readonly #at: Expr
  /** Index of the worker's function. */
  readonly #worker: number
  /** Local with the number of the call's slot. */
  readonly #slot: number
  /** Locals: this CPU's control block; objects in [F] before the operation; the object at hand, header in front. */
  readonly #cache: number
  readonly #count: number
  readonly object: number

  /** `at`: offset of the control block. */
  constructor(c: Code, context: RuntimeContext, at: Expr, worker: number, slot: number) {
    this.#c = c
    this.#context = context
    this.#at = at
    this.#worker = worker
    this.#slot = slot
    this.#cache = c.local32()
    this.#count = c.local32()
    this.object = c.local32()
  }

  /** Hands out an object: `object`. Bails where there is none. */
  alloc(bail: Bail, change: Change): void {
    const c = this.#c
    this.#open(bail)
    const alloc = (): void => {
      this.#pop()
      this.#set(COUNT, c.sub(c.get(this.#count), c.i32(1)))
      change()
    }
    const low = c.op(Wasm.I32_LE_S, c.get(this.#count), this.#word(LOW))
    this.#twice(bail, low, alloc, () => this.#work(), true)
  }

  /** Takes the object of the payload in the local back. */
  free(bail: Bail, payload: number, change: Change): void {
    const c = this.#c
    this.#open(bail)
    const free = (): void => {
      change()
      this.#push(payload)
      this.#set(COUNT, c.add(c.get(this.#count), c.i32(1)))
    }
    this.#twice(bail, c.op(Wasm.I32_GE_S, c.get(this.#count), this.#word(HIGH)), free, () => this.#work())
  }

  /** `alloc`, `change`, and `free` of another payload behind it. `counted` counts what was taken, given, or both. */
  exchange(bail: Bail, payload: number, change: Change, counted: { taken: Change; given: Change; both: Change }): void {
    const c = this.#c
    this.#open(bail)
    const nearWatermark = (): void => {
      this.#bailIfWatched(bail)
      this.#bailIfEmpty(bail)
      counted.taken()
      this.#pop()
      this.#set(COUNT, c.sub(c.get(this.#count), c.i32(1)))
      change()
      c.if(c.op(Wasm.I32_LT_S, this.#word(COUNT), this.#word(LOW)), () => this.#work())
      counted.given()
      this.#push(payload)
      this.#set(COUNT, c.add(this.#word(COUNT), c.i32(1)))
      c.if(c.op(Wasm.I32_GT_S, this.#word(COUNT), this.#word(HIGH)), () => this.#work())
    }
    // What was behind the object is behind the payload then.
    const elsewhere = (): void => {
      const next = c.local32()
      c.set(this.object, this.#word(FREE))
      c.set(next, c.load32(c.get(this.object)))
      this.#markHome()
      change()
      counted.both()
      this.#take(payload)
      c.store32(c.get(this.object), 0, c.get(next))
      this.#set(FREE, c.get(this.object))
    }
    const low = c.op(Wasm.I32_LE_S, c.get(this.#count), this.#word(LOW))
    const high = c.op(Wasm.I32_GT_S, c.get(this.#count), this.#word(HIGH))
    c.if(c.any(low, high), nearWatermark, elsewhere, false)
  }

  /** As `free`, after a grace period: the worker asks for one where none runs. */
  freeRcu(bail: Bail, payload: number, change: Change): void {
    const c = this.#c
    this.#open(bail)
    const free = (): void => {
      change()
      this.#take(payload)
      c.if(c.not(this.#word(BY_RCU)), () => this.#set(BY_RCU_TAIL, c.get(this.object)))
      c.store32(c.get(this.object), 0, this.#word(BY_RCU))
      this.#set(BY_RCU, c.get(this.object))
    }
    const raise = c.call(this.#context.imports.raise, c.get(this.#cache), c.get(this.#slot))
    this.#twice(bail, c.not(this.#word(RCU_FLIGHT)), free, raise)
  }

  /** Finds this CPU's cache; bails where an operation on it was interrupted. */
  #open(bail: Bail): void {
    const c = this.#c
    c.set(this.#cache, this.#at)
    bail(this.#word(ACTIVE))
    c.set(this.#count, this.#word(COUNT))
  }

  #twice(bail: Bail, near: Expr, operation: () => void, work: () => void, takes = false): void {
    const nearWatermark = (): void => {
      this.#bailIfWatched(bail)
      if (takes) this.#bailIfEmpty(bail)
      operation()
      work()
    }
    this.#c.if(near, nearWatermark, operation, false)
  }

  #bailIfWatched(bail: Bail): void {
    const c = this.#c
    bail(c.not(c.call(this.#context.imports.unwatched, c.get(this.#cache))))
  }

  /** Above the low watermark there is an object. */
  #bailIfEmpty(bail: Bail): void {
    bail(this.#c.not(this.#word(FREE)))
  }

  #work(): void {
    const c = this.#c
    c.do(c.call(this.#worker, c.get(this.#cache), c.get(this.#slot)))
  }

  /** Takes `object` from [F], and notes in its header where it is from. */
  #pop(): void {
    const c = this.#c
    c.set(this.object, this.#word(FREE))
    this.#set(FREE, c.load32(c.get(this.object)))
    this.#markHome()
  }

  #markHome(): void {
    const c = this.#c
    c.store(Wasm.I64_STORE, c.get(this.object), 0, pointer(c, c.get(this.#cache)))
  }

  #push(payload: number): void {
    const c = this.#c
    this.#take(payload)
    c.store32(c.get(this.object), 0, this.#word(FREE))
    this.#set(FREE, c.get(this.object))
  }

  /** Notes where the object came from. */
  #take(payload: number): void {
    const c = this.#c
    c.set(this.object, c.sub(c.get(payload), c.i32(HEADER_BYTES)))
    this.#set(TARGET, c.load32(c.get(this.object)))
  }

  #word(offset: number): Expr {
    return this.#c.load32(this.#c.get(this.#cache), offset)
  }

  #set(offset: number, value: Expr): void {
    this.#c.store32(this.#c.get(this.#cache), offset, value)
  }
}
