/**
 * memalloc/mem-cache.ts in compiled code: alloc, free and freeRcu of a size class of a bpf_mem_alloc, together with what
 * the caller changes at the same time. Every operation is two functions, so that the usual one calls nothing and keeps
 * nothing on the stack; the program calls the other one where it gives FALLBACK:
 *
 *     usual    bails near a watermark, and where somebody is inside the lists; does it
 *     near     bails where somebody is inside, or looks at what the worker does; does it; calls the worker (mem-worker.ts)
 *
 * The program cannot tell why the usual one gave up. So whatever else it bails for, the other has to bail for as well:
 * what it does is right near a watermark alone.
 */
import { InternalError } from '../../errors/errors.ts'
import type { ClassLayout } from '../../memalloc/class-layout.ts'
import { BY_RCU, BY_RCU_TAIL, COUNT, FREE, HIGH, LOW, RCU_FLIGHT, TARGET } from '../../memalloc/mem-cache-layout.ts'
import { HEADER_BYTES } from '../../memalloc/size-classes.ts'
import type { Signature } from '../wasm/function.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, I64, type ValueType, Wasm } from '../wasm/opcodes.ts'
import { Code, type Expr, pointer } from './code.ts'
import { onCpu, type RuntimeContext } from './host.ts'

/** Leaves for the fallback, where the condition holds. */
export type Bail = (condition: Expr) => void

/** What of an operation is not the class's own. */
export type Change = () => void

/**
 * Which of an operation's two functions; `worker`: function of the class's worker, where the operation calls it; `slot`:
 * local with the call's slot.
 */
export type Half =
  | { readonly kind: 'usual' }
  | { readonly kind: 'near'; readonly worker: number | undefined; readonly slot: number }

/** Both functions of an operation; there is only the usual one where nothing is allocated. */
export interface Halves {
  readonly usual: ModuleFunction
  /**
   * Takes registers whole, and the slot of the call. The native wants whole registers too, so those are at hand; what the
   * usual function gets is made of them, and would have to be kept for this one.
   */
  readonly near: ModuleFunction | undefined
}

/** `params`: locals, of the types that the usual function has. */
export type Body = (c: Code, half: Half, params: readonly number[]) => void

/** `params` of the usual function; `worker`: see Half. */
export function defineHalves(
  context: RuntimeContext,
  name: string,
  params: Signature['params'],
  worker: number | undefined,
  body: Body,
): Halves {
  const { module, memory } = context
  const slot = params.length
  const registers = params.map((): ValueType => I64)
  return {
    usual: defineUsual(context, name, params, body),
    near: module.define(`${name}_near`, { params: [...registers, I32], results: [I64] }, (w) => {
      const c = new Code(w, memory)
      const locals = params.map((type, param) => (type === I32 ? lowOf(c, param) : param))
      body(c, { kind: 'near', worker, slot }, locals)
    }),
  }
}

/** The function that is called first; the only one where nothing is allocated or freed. */
export function defineUsual(
  { module, memory }: RuntimeContext,
  name: string,
  params: Signature['params'],
  body: Body,
): ModuleFunction {
  return module.define(name, { params, results: [I64] }, (w) => {
    body(
      new Code(w, memory),
      { kind: 'usual' },
      params.map((_, param) => param),
    )
  })
}

function lowOf(c: Code, param: number): number {
  const local = c.local32()
  c.set(local, c.op(Wasm.I32_WRAP_I64, c.get(param)))
  return local
}

export class MemClass {
  readonly #c: Code
  readonly #context: RuntimeContext
  readonly #at: Expr
  readonly #half: Half
  /** Every free notes where its object came from; else those above the high watermark. */
  readonly #notesTarget: boolean
  /** Locals: this CPU's control block; the word at COUNT before the operation; the object at hand, header in front. */
  readonly #cache: number
  readonly #count: number
  readonly object: number
  /** Local: the cache that an object taken back came from. */
  readonly #home: number

  /** `at`: offset of the control block on this CPU, where the caller knows it. */
  constructor(
    c: Code,
    context: RuntimeContext,
    half: Half,
    { at: first, stride, notesTarget }: Pick<ClassLayout, 'at' | 'stride' | 'notesTarget'>,
    at: Expr = onCpu(c, context, first, stride),
  ) {
    this.#notesTarget = notesTarget
    this.#c = c
    this.#context = context
    this.#half = half
    this.#at = at
    this.#cache = c.local32()
    this.#count = c.local32()
    this.object = c.local32()
    this.#home = c.local32()
  }

  /** Hands out an object: `object`. Bails where there is none. */
  alloc(bail: Bail, change: Change): void {
    const c = this.#c
    this.#open(bail, () => this.#isLow)
    if (this.#half.kind === 'near') bail(c.not(this.#word(FREE)))
    this.#pop()
    this.#set(COUNT, c.sub(c.get(this.#count), c.i32(1)))
    change()
    this.#work()
  }

  /** Takes the object of the payload in the local back. */
  free(bail: Bail, payload: number, change: Change): void {
    const c = this.#c
    // Where somebody is inside, the count is large without its sign.
    this.#open(bail, () => c.op(Wasm.I32_GE_U, c.get(this.#count), this.#word(HIGH)))
    const notes = this.#notesTarget || this.#half.kind === 'near'
    if (notes) this.#findHome(payload)
    change()
    this.#push(payload)
    this.#set(COUNT, c.add(c.get(this.#count), c.i32(1)))
    if (notes) this.#noteTarget()
    this.#work()
  }

  /** `alloc`, `change`, and `free` of another payload behind it. `counted` counts what was taken, given, or both. */
  exchange(bail: Bail, payload: number, change: Change, counted: { taken: Change; given: Change; both: Change }): void {
    const c = this.#c
    this.#open(bail, () => c.any(this.#isLow, c.op(Wasm.I32_GT_S, c.get(this.#count), this.#word(HIGH))))
    if (this.#half.kind === 'usual') {
      // What was behind the object is behind the payload then.
      const next = c.local32()
      c.set(this.object, this.#word(FREE))
      c.set(next, c.load32(c.get(this.object)))
      this.#markHome()
      change()
      counted.both()
      if (this.#notesTarget) {
        this.#findHome(payload)
        this.#noteTarget()
      }
      this.#take(payload, () => c.get(next))
      this.#set(FREE, c.get(this.object))
      return
    }
    bail(c.not(this.#word(FREE)))
    counted.taken()
    this.#pop()
    this.#set(COUNT, c.sub(c.get(this.#count), c.i32(1)))
    change()
    c.if(c.op(Wasm.I32_LT_S, this.#word(COUNT), this.#word(LOW)), () => this.#work())
    counted.given()
    this.#findHome(payload)
    this.#push(payload)
    this.#set(COUNT, c.add(this.#word(COUNT), c.i32(1)))
    if (this.#notesTarget) this.#noteTarget()
    c.if(c.op(Wasm.I32_GT_S, this.#word(COUNT), this.#word(HIGH)), () => {
      if (!this.#notesTarget) this.#noteTarget()
      this.#work()
    })
  }

  /** As `free`, after a grace period: the worker asks for one where none runs. */
  freeRcu(bail: Bail, payload: number, change: Change): void {
    const c = this.#c
    this.#open(bail, () => c.any(c.op(Wasm.I32_LT_S, c.get(this.#count), c.i32(0)), c.not(this.#word(RCU_FLIGHT))))
    change()
    this.#findHome(payload)
    this.#take(payload, () => this.#word(BY_RCU))
    this.#noteTarget()
    c.if(c.not(this.#word(BY_RCU)), () => this.#set(BY_RCU_TAIL, c.get(this.object)))
    this.#set(BY_RCU, c.get(this.object))
    if (this.#half.kind === 'near') this.#call(this.#context.imports.raise, this.#half.slot)
  }

  /** Finds this CPU's cache. `near`: what the usual function leaves to the other one. */
  #open(bail: Bail, near: () => Expr): void {
    const c = this.#c
    c.set(this.#cache, this.#at)
    c.set(this.#count, this.#word(COUNT))
    if (this.#half.kind === 'usual') {
      bail(near())
      return
    }
    bail(c.op(Wasm.I32_LT_S, c.get(this.#count), c.i32(0)))
    bail(c.not(c.call(this.#context.imports.unwatched, c.get(this.#cache))))
  }

  /** Nothing may be left, or somebody is inside. */
  get #isLow(): Expr {
    return this.#c.op(Wasm.I32_LE_S, this.#c.get(this.#count), this.#word(LOW))
  }

  #work(): void {
    if (this.#half.kind === 'usual') return
    const { worker, slot } = this.#half
    if (worker === undefined) throw new InternalError('an operation was made without the worker that it calls')
    this.#call(worker, slot)
  }

  #call(index: number, slot: number): void {
    const c = this.#c
    c.do(c.call(index, c.get(this.#cache), c.get(slot)))
  }

  /** Takes `object` from [F], and notes in its header where it is from. */
  #pop(): void {
    const c = this.#c
    const next = c.local32()
    c.set(this.object, this.#word(FREE))
    c.set(next, c.load32(c.get(this.object)))
    this.#markHome()
    this.#set(FREE, c.get(next))
  }

  #markHome(): void {
    const c = this.#c
    c.store(Wasm.I64_STORE, c.get(this.object), 0, pointer(c, c.get(this.#cache)))
  }

  #push(payload: number): void {
    const c = this.#c
    this.#take(payload, () => this.#word(FREE))
    this.#set(FREE, c.get(this.object))
  }

  /** Puts the object in front of another one. */
  #take(payload: number, next: () => Expr): void {
    const c = this.#c
    c.set(this.object, c.sub(c.get(payload), c.i32(HEADER_BYTES)))
    c.store32(c.get(this.object), 0, next())
  }

  /** Before the object is put in front of another one, whose link is where the home was. */
  #findHome(payload: number): void {
    const c = this.#c
    c.set(this.#home, c.load32(c.sub(c.get(payload), c.i32(HEADER_BYTES))))
  }

  /** The surplus goes to where the object came from. */
  #noteTarget(): void {
    this.#set(TARGET, this.#c.get(this.#home))
  }

  #word(offset: number): Expr {
    return this.#c.load32(this.#c.get(this.#cache), offset)
  }

  #set(offset: number, value: Expr): void {
    this.#c.store32(this.#c.get(this.#cache), offset, value)
  }
}
