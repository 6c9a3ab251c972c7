/** Where elements of hash maps come from and go to (maps/hash.ts, maps/element-counter.ts), in compiled code. */
import { BATCH, CPU_COUNT } from '../../maps/element-counter.ts'
import { CPU_SPARE } from '../../maps/hash.ts'
import { FREE_LINK } from '../../maps/hash-table.ts'
import type { CounterLayout, ElementLayout, HashLayout } from '../../maps/layout.ts'
import { HEAD, LOCK } from '../../memalloc/freelist.ts'
import { HEADER_BYTES } from '../../memalloc/size-classes.ts'
import { Wasm } from '../wasm/opcodes.ts'
import type { Code, Expr } from './code.ts'
import { onCpu, type RuntimeContext } from './host.ts'
import { type Bail, MemClass } from './mem-class.ts'

/** One operation's dealings with the supply. First `prepare`, which changes nothing, then the rest in order. */
export interface Elements {
  /** Sets the local `element` to the one that the key gets. `old`: the local of the one that it has; else undefined. */
  prepareInsert(bail: Bail, element: number): void
  prepareReplace(bail: Bail, element: number): void
  prepareDelete(bail: Bail): void
  /** Before the element is written. */
  take(replaces: boolean): void
  /** When it is in its chain, and the bucket free. */
  taken(): void
  /** The element in the local was replaced. */
  giveReplaced(old: number): void
  /** The element in the local was deleted. */
  giveDeleted(old: number): void
}

/** `slot`: local with the slot of the call; `worker`: of the size class. */
export function makeElements(
  c: Code,
  context: RuntimeContext,
  layout: HashLayout,
  elements: ElementLayout,
  slot: number,
  worker: number,
): Elements {
  const words = onCpu(c, context, layout.cpuWords, layout.cpuWordsStride)
  if (elements.kind === 'freelist') {
    return new ListElements(c, words, onCpu(c, context, elements.list, elements.lineBytes))
  }
  const { at, stride } = elements.class
  const memory = new MemClass(c, context, onCpu(c, context, at, stride), worker, slot)
  return new AllocatedElements(c, memory, new Counter(c, layout, elements.counter, words))
}

/** Preallocated. Whoever replaces takes the CPU's spare, and leaves what was replaced. */
class ListElements implements Elements {
  readonly #c: Code
  readonly #words: Expr
  readonly #line: Expr
  /** Locals: the list; whether the element is from it. */
  readonly #list: number
  readonly #element: number

  constructor(c: Code, words: Expr, line: Expr) {
    this.#c = c
    this.#words = words
    this.#line = line
    this.#list = c.local32()
    this.#element = c.local32()
  }

  prepareInsert(bail: Bail, element: number): void {
    const c = this.#c
    this.prepareDelete(bail)
    bail(c.not(c.tee(this.#element, c.load32(c.get(this.#list), HEAD))))
    c.set(element, c.sub(c.get(this.#element), c.i32(FREE_LINK)))
  }

  prepareReplace(bail: Bail, element: number): void {
    const c = this.#c
    c.set(this.#element, c.i32(0))
    c.rarely(c.not(c.tee(element, c.load32(this.#words, CPU_SPARE))), () => this.prepareInsert(bail, element))
  }

  prepareDelete(bail: Bail): void {
    const c = this.#c
    bail(c.load32(c.tee(this.#list, this.#line), LOCK))
  }

  take(replaces: boolean): void {
    const c = this.#c
    const pop = (): void => c.store32(c.get(this.#list), HEAD, c.load32(c.get(this.#element)))
    if (replaces) c.rarely(c.get(this.#element), pop)
    else pop()
  }

  taken(): void {
    // Nothing is raised.
  }

  giveReplaced(old: number): void {
    this.#c.store32(this.#words, CPU_SPARE, this.#c.get(old))
  }

  giveDeleted(old: number): void {
    const c = this.#c
    c.store32(c.get(old), FREE_LINK, c.load32(c.get(this.#list), HEAD))
    c.store32(c.get(this.#list), HEAD, c.add(c.get(old), c.i32(FREE_LINK)))
  }
}

/** On demand, counted. */
class AllocatedElements implements Elements {
  readonly #c: Code
  readonly #memory: MemClass
  readonly #counter: Counter

  constructor(c: Code, memory: MemClass, counter: Counter) {
    this.#c = c
    this.#memory = memory
    this.#counter = counter
  }

  prepareInsert(bail: Bail, element: number): void {
    bail(this.#counter.isFull())
    this.#prepareAlloc(bail, element, false)
  }

  prepareReplace(bail: Bail, element: number): void {
    this.#prepareAlloc(bail, element, true)
  }

  prepareDelete(bail: Bail): void {
    this.#memory.open(bail)
    this.#memory.prepareFree(bail)
  }

  take(replaces: boolean): void {
    // One more at first and one fewer in the end: not the same as nothing, where a CPU's batch is full.
    void replaces
    this.#counter.add(1)
    this.#memory.alloc()
  }

  taken(): void {
    this.#memory.workAfterAlloc()
  }

  giveReplaced(old: number): void {
    this.giveDeleted(old)
  }

  giveDeleted(old: number): void {
    this.#counter.add(-1)
    this.#memory.free(old)
    this.#memory.workAfterFree()
  }

  #prepareAlloc(bail: Bail, element: number, freeToo: boolean): void {
    const c = this.#c
    this.#memory.open(bail)
    this.#memory.prepareAlloc(bail, freeToo)
    c.set(element, c.add(c.get(this.#memory.object), c.i32(HEADER_BYTES)))
  }
}

class Counter {
  readonly #c: Code
  readonly #layout: CounterLayout
  readonly #map: HashLayout
  readonly #words: Expr

  constructor(c: Code, map: HashLayout, layout: CounterLayout, words: Expr) {
    this.#c = c
    this.#layout = layout
    this.#map = map
    this.#words = words
  }

  isFull(): Expr {
    const c = this.#c
    const { limit, perCpu } = this.#layout
    if (!perCpu) return c.op(Wasm.I32_GE_S, this.#common, c.i32(limit))
    const sum = c.local32()
    return () => {
      c.set(sum, this.#common)
      // Far from the limit what the CPUs have for themselves does not count.
      const slack = BATCH * this.#map.cpus
      const near = c.op(Wasm.I32_LE_U, c.add(c.get(sum), c.i32(slack - limit)), c.i32(2 * slack))
      c.rarely(near, () => {
        for (let cpu = 0; cpu < this.#map.cpus; cpu++) {
          const own = c.i32(this.#map.cpuWords + cpu * this.#map.cpuWordsStride)
          c.set(sum, c.add(c.get(sum), c.load32(own, CPU_COUNT)))
        }
      })
      c.op(Wasm.I32_GE_S, c.get(sum), c.i32(limit))()
    }
  }

  add(delta: 1 | -1): void {
    const c = this.#c
    const { at, perCpu } = this.#layout
    if (!perCpu) {
      c.store32(c.i32(at), 0, c.add(this.#common, c.i32(delta)))
      return
    }
    const [own, sum] = [c.local32(), c.local32()]
    c.set(own, this.#words)
    c.set(sum, c.add(c.load32(c.get(own), CPU_COUNT), c.i32(delta)))
    const full = c.eq(c.get(sum), c.i32(delta * BATCH))
    c.if(
      full,
      () => {
        c.store32(c.get(own), CPU_COUNT, c.i32(0))
        c.store32(c.i32(at), 0, c.add(this.#common, c.get(sum)))
      },
      () => c.store32(c.get(own), CPU_COUNT, c.get(sum)),
      false,
    )
  }

  get #common(): Expr {
    return this.#c.load32(this.#c.i32(this.#layout.at))
  }
}
