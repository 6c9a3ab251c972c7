/** Where elements of hash maps come from and go to (maps/hash.ts, maps/element-counter.ts), in compiled code. */
import { BATCH, CPU_COUNT } from '../../maps/element-counter.ts'
import { CPU_SPARE } from '../../maps/hash.ts'
import { FREE_LINK } from '../../maps/hash-table.ts'
import type { CounterLayout, ElementLayout, HashLayout } from '../../maps/layout.ts'
import { HEAD, LOCK } from '../../memalloc/freelist.ts'
import { BOUND, COUNT, INSIDE, STOCK } from '../../memalloc/mem-cache-layout.ts'
import { HEADER_BYTES } from '../../memalloc/size-classes.ts'
import { Wasm } from '../wasm/opcodes.ts'
import type { Code, Expr } from './code.ts'
import { onCpu, type RuntimeContext } from './host.ts'
import { type Bail, type Half, MemClass } from './mem-class.ts'

/**
 * What the supply has to do with an operation. Each makes sure first that it is the common case and bails where it is
 * not; then it changes something, and calls `change` when the map's own part is due.
 */
export interface Elements {
  /** A new key: sets the local `element` to the one that it gets. `full` leaves: there are as many as there may be. */
  insert(bail: Bail, element: number, change: () => void, full: () => void): void
  /** A key that has the element in the local `old`: sets `element` to the one that takes its place. */
  replace(bail: Bail, element: number, old: number, change: () => void): void
  /** The element in the local is deleted. */
  delete(bail: Bail, old: number, change: () => void): void
}

export function makeElements(
  c: Code,
  context: RuntimeContext,
  layout: HashLayout,
  elements: ElementLayout,
  half: Half,
): Elements {
  const words = onCpu(c, context, layout.cpuWords, layout.cpuWordsStride)
  if (elements.kind === 'freelist') {
    return new ListElements(c, words, onCpu(c, context, elements.list, elements.lineBytes))
  }
  const memory = new MemClass(c, context, half, elements.class)
  return new AllocatedElements(c, half, memory, makeCounter(c, layout, elements, words))
}

/** Preallocated. Whoever replaces takes the CPU's spare, and leaves what was replaced. */
class ListElements implements Elements {
  readonly #c: Code
  readonly #words: Expr
  readonly #line: Expr
  /** Local: the CPU's list. */
  readonly #list: number

  constructor(c: Code, words: Expr, line: Expr) {
    this.#c = c
    this.#words = words
    this.#line = line
    this.#list = c.local32()
  }

  insert(bail: Bail, element: number, change: () => void): void {
    this.#pop(bail, element)
    change()
  }

  replace(bail: Bail, element: number, old: number, change: () => void): void {
    const c = this.#c
    c.rarely(c.not(c.tee(element, c.load32(this.#words, CPU_SPARE))), () => this.#pop(bail, element))
    change()
    c.store32(this.#words, CPU_SPARE, c.get(old))
  }

  delete(bail: Bail, old: number, change: () => void): void {
    const c = this.#c
    this.#open(bail)
    change()
    c.store32(c.get(old), FREE_LINK, c.load32(c.get(this.#list), HEAD))
    c.store32(c.get(this.#list), HEAD, c.add(c.get(old), c.i32(FREE_LINK)))
  }

  /** Takes the first element of the list. */
  #pop(bail: Bail, element: number): void {
    const c = this.#c
    this.#open(bail)
    bail(c.not(c.tee(element, c.load32(c.get(this.#list), HEAD))))
    c.store32(c.get(this.#list), HEAD, c.load32(c.get(element)))
    c.set(element, c.sub(c.get(element), c.i32(FREE_LINK)))
  }

  /** Finds the CPU's list; bails where it is locked. */
  #open(bail: Bail): void {
    const c = this.#c
    bail(c.load32(c.tee(this.#list, this.#line), LOCK))
  }
}

/** On demand, counted. */
class AllocatedElements implements Elements {
  readonly #c: Code
  readonly #half: Half
  readonly #memory: MemClass
  readonly #counter: Counter

  constructor(c: Code, half: Half, memory: MemClass, counter: Counter) {
    this.#c = c
    this.#half = half
    this.#memory = memory
    this.#counter = counter
  }

  insert(bail: Bail, element: number, change: () => void, full: () => void): void {
    // The other half is called when this one has looked.
    if (this.#half.kind === 'usual') this.#counter.ifFull(full)
    this.#memory.alloc(bail, () => {
      this.#counter.add(1)
      this.#setElement(element)
      change()
    })
  }

  replace(bail: Bail, element: number, old: number, change: () => void): void {
    const counter = this.#counter
    const put = (): void => {
      this.#setElement(element)
      change()
    }
    this.#memory.exchange(bail, old, put, {
      taken: () => counter.add(1),
      given: () => counter.add(-1),
      both: () => counter.addAndTakeAway(),
    })
  }

  delete(bail: Bail, old: number, change: () => void): void {
    this.#memory.free(bail, old, () => {
      change()
      this.#counter.add(-1)
    })
  }

  #setElement(element: number): void {
    const c = this.#c
    c.set(element, c.add(c.get(this.#memory.object), c.i32(HEADER_BYTES)))
  }
}

type WordLayout = Extract<CounterLayout, { kind: 'words' }>

/** maps/element-counter.ts */
interface Counter {
  /** `full`: what is done then; it leaves. */
  ifFull(full: () => void): void
  add(delta: 1 | -1): void
  /** `add(1)` and `add(-1)` in a row: not the same as nothing where a CPU's batch is full in between. */
  addAndTakeAway(): void
}

function makeCounter(
  c: Code,
  map: HashLayout,
  { counter, class: { at, stride } }: Extract<ElementLayout, { kind: 'mem-alloc' }>,
  words: Expr,
): Counter {
  if (counter.kind === 'words') return new WordCounter(c, map, counter, words)
  const { limit } = counter
  return {
    ifFull: (full) => {
      const atLimit = (count: Expr): Expr => c.op(Wasm.I32_GE_S, count, c.i32(limit))
      c.rarely(atLimit(c.load32(c.i32(at), BOUND)), () => {
        const [sum, block] = [c.local32(), c.local32()]
        c.set(block, c.i32(at))
        c.set(sum, c.i32(0))
        c.loop((again) => {
          const free = c.and(c.load32(c.get(block), COUNT), c.i32(INSIDE - 1))
          c.set(sum, c.add(c.get(sum), c.sub(c.load32(c.get(block), STOCK), free)))
          const next = c.tee(block, c.add(c.get(block), c.i32(stride)))
          again(c.op(Wasm.I32_NE, next, c.i32(at + map.cpus * stride)))
        })
        c.if(atLimit(c.get(sum)), full)
      })
    },
    add: () => undefined,
    addAndTakeAway: () => undefined,
  }
}

class WordCounter implements Counter {
  readonly #c: Code
  readonly #layout: WordLayout
  readonly #map: HashLayout
  readonly #words: Expr

  constructor(c: Code, map: HashLayout, layout: WordLayout, words: Expr) {
    this.#c = c
    this.#layout = layout
    this.#map = map
    this.#words = words
  }

  ifFull(full: () => void): void {
    const c = this.#c
    const { limit, perCpu } = this.#layout
    const reaches = (bound: number): Expr => c.op(Wasm.I32_GE_S, this.#common, c.i32(bound))
    if (!perCpu) {
      c.rarely(reaches(limit), full)
      return
    }
    // Far from the limit what the CPUs have for themselves does not count.
    const slack = BATCH * this.#map.cpus
    c.rarely(reaches(limit - slack), () => {
      c.if(reaches(limit + slack + 1), full)
      const sum = c.local32()
      c.set(sum, this.#common)
      for (let cpu = 0; cpu < this.#map.cpus; cpu++) {
        const own = c.i32(this.#map.cpuWords + cpu * this.#map.cpuWordsStride)
        c.set(sum, c.add(c.get(sum), c.load32(own, CPU_COUNT)))
      }
      c.if(c.op(Wasm.I32_GE_S, c.get(sum), c.i32(limit)), full)
    })
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

  addAndTakeAway(): void {
    const c = this.#c
    const { at, perCpu } = this.#layout
    if (!perCpu) return
    c.rarely(c.eq(c.load32(this.#words, CPU_COUNT), c.i32(BATCH - 1)), () => {
      c.store32(this.#words, CPU_COUNT, c.i32(-1))
      c.store32(c.i32(at), 0, c.add(this.#common, c.i32(BATCH)))
    })
  }

  get #common(): Expr {
    return this.#c.load32(this.#c.i32(this.#layout.at))
  }
}
