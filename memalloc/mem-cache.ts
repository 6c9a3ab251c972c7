/**
 * One cache of bpf_mem_alloc: what alloc and free do (mem-cache-layout.ts shows the lists; the worker is in
 * mem-refill.ts).
 *
 * No operation here takes a lock, waits, or touches another CPU's lists: they are safe in every context. What they
 * cannot do they leave to irq_work. Interrupts are off inside, so only an NMI can find [A] taken: it is told "empty", or
 * leaves its object on [X].
 */
import { type IrqWork, makeIrqWork } from '../cpu/irq-work.ts'
import type { Processors } from '../cpu/processors.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import * as llist from './llist.ts'
import {
  BATCH,
  BOUND,
  BY_RCU,
  BY_RCU_TAIL,
  COUNT,
  countOf,
  EXTRA,
  EXTRA_RCU,
  enter,
  FAILURES,
  FREE,
  HIGH,
  INSIDE,
  LOW,
  leave,
  moveStock,
  RCU_FLIGHT,
  STOCK,
  TARGET,
  UNIT,
} from './mem-cache-layout.ts'
import { refill } from './mem-refill.ts'
import type { MemWorld } from './mem-world.ts'
import { HEADER_BYTES, watermarksOf } from './size-classes.ts'
import { noteLevel, watchLevel } from './watermarks.ts'

export class MemCache {
  readonly world: MemWorld
  /** Offset of the control block. */
  readonly at: number
  readonly cpu: number
  /** Bytes of an object with its header; of the per-CPU form, of the area. */
  readonly unit: number
  readonly work: IrqWork
  /** Offset of the class's word BOUND, of an exclusive instance; else 0. */
  readonly bound: number
  /**
   * Whether each free notes where its object came from, as on Linux. With one owner, who frees at once, and watermarks
   * that stand, it is enough above the high one: whoever trims finds the last free there, but for one of an NMI in the
   * middle of another. It is a hint.
   */
  readonly notesTarget: boolean
  // Kept here as well, for the two operations that are counted in nanoseconds.
  private readonly steps: Steps
  readonly processors: Processors
  /** The worker wants to know how low the list went. */
  private readonly adaptive: boolean

  /** `first`: the control block of the class on CPU 0. */
  constructor(world: MemWorld, first: number, at: number, cpu: number, unit: number) {
    this.world = world
    this.steps = world.steps
    this.processors = world.processors
    this.at = at
    this.cpu = cpu
    this.unit = unit
    this.bound = world.exclusive ? first + BOUND : 0
    this.adaptive = world.policies.watermarks === 'adaptive'
    this.notesTarget = !world.exclusive || this.adaptive
    this.work = makeIrqWork(`refill of ${world.name}, ${unit} bytes, CPU ${cpu}`, () => refill(this))
  }

  /** Writes down the watermarks, in a control block that is all zero, and fills the list for the first time. */
  setUp(): void {
    const { steps } = this
    const { low, high, batch, prefill } = watermarksOf(this.unit, this.world.percpu)
    steps.store32(this.at + UNIT, this.unit)
    steps.store32(this.at + LOW, low)
    steps.store32(this.at + HIGH, high)
    steps.store32(this.at + BATCH, batch)
    steps.store32(this.at + TARGET, this.at)
    if (this.adaptive) watchLevel(steps, this.at)
    this.fillTo(prefill, true)
  }

  /** Whether `setUp` was called on this control block. */
  get isSetUp(): boolean {
    return this.steps.load32(this.at + UNIT) !== 0
  }

  /** Objects in [F]. */
  get count(): number {
    return countOf(this.steps, this.at)
  }

  /** Takes the object handed out last before all others: offset of its payload, or 0. */
  alloc(): number {
    const { steps, processors, at } = this
    const cpu = processors.current
    const irqs = cpu.irqSave()
    let object = 0
    let count = 0
    if (enter(steps, at)) {
      object = steps.load32(at + FREE) >>> 0
      if (object !== 0) {
        steps.store32(at + FREE, steps.load32(object))
        count = steps.add32(at + COUNT, -1) + INSIDE - 1
        steps.store64(object, at, KERNEL_HIGH)
      }
    }
    leave(steps, at)
    if (count < steps.load32(at + LOW)) this.raise()
    if (object === 0) this.missed()
    // Only now, so that the worker runs at once where interrupts were on.
    cpu.irqRestore(irqs)
    if (object === 0) return 0
    this.world.debug?.allocated(object + HEADER_BYTES, this.unit)
    return object + HEADER_BYTES
  }

  /** Takes an object back, whoever it came from. It may be handed out again at once. */
  free(object: number): void {
    const { steps, processors, at } = this
    const home = steps.load32(object)
    if (this.notesTarget) steps.store32(at + TARGET, home)
    const cpu = processors.current
    const irqs = cpu.irqSave()
    let count = 0
    if (enter(steps, at)) {
      steps.store32(object, steps.load32(at + FREE))
      steps.store32(at + FREE, object)
      count = steps.add32(at + COUNT, 1) + INSIDE + 1
    } else {
      if (!this.notesTarget) steps.store32(at + TARGET, home)
      if (this.bound !== 0) {
        steps.add32(at + STOCK, -1)
        steps.add32(this.bound, -1)
      }
      llist.push(steps, at + EXTRA, object)
    }
    leave(steps, at)
    if (count > steps.load32(at + HIGH)) {
      if (!this.notesTarget) steps.store32(at + TARGET, home)
      this.raise()
    }
    cpu.irqRestore(irqs)
  }

  /** As `free`, but not handed out again before an RCU grace period has passed. */
  freeRcu(object: number): void {
    const { steps, processors, at } = this
    steps.store32(at + TARGET, steps.load32(object))
    const cpu = processors.current
    const irqs = cpu.irqSave()
    if (enter(steps, at)) this.pushByRcu(object)
    else llist.push(steps, at + EXTRA_RCU, object)
    leave(steps, at)
    if (steps.load32(at + RCU_FLIGHT) === 0) this.raise()
    cpu.irqRestore(irqs)
  }

  /** Onto [R], where [A] is held. */
  pushByRcu(object: number): void {
    const { steps } = this
    const first = steps.load32(this.at + BY_RCU)
    if (first === 0) steps.store32(this.at + BY_RCU_TAIL, object)
    steps.store32(object, first)
    steps.store32(this.at + BY_RCU, object)
  }

  /** Adds fresh objects until [F] has `count`; whether it has. `sleep`: from a task with interrupts on. */
  fillTo(count: number, sleep: boolean): boolean {
    // Counted beforehand: in an NMI inside another operation what is added goes to [X], and the count stays.
    for (let missing = count - this.count; missing > 0; missing--) {
      const object = this.world.fresh(this.unit, sleep ? 'kernel' : this.gfp())
      if (object === 0) return false
      this.add(object)
    }
    return this.count >= count
  }

  /** Has the worker trim the list where it is too long. */
  trim(): void {
    if (this.count > this.steps.load32(this.at + HIGH)) this.raise()
  }

  /** Onto [F], from the worker or a prefill. */
  add(object: number): void {
    const { steps, processors, at } = this
    const cpu = processors.current
    const irqs = cpu.irqSave()
    if (enter(steps, at)) {
      steps.store32(object, steps.load32(at + FREE))
      steps.store32(at + FREE, object)
      this.moveStock(1)
    } else {
      llist.push(steps, at + EXTRA, object)
    }
    leave(steps, at)
    cpu.irqRestore(irqs)
  }

  /** Counts an object that came to [F] from the worker, or went there. */
  private moveStock(by: 1 | -1): void {
    const { steps, at, bound } = this
    if (bound === 0) {
      steps.add32(at + COUNT, by)
      return
    }
    // Too high in between, never too low.
    if (by > 0) steps.add32(bound, by)
    moveStock(steps, at, by)
    if (by < 0) steps.add32(bound, by)
  }

  /** From [F], for the worker: an object, or 0; what is left is in `count`. */
  remove(): number {
    const { steps, processors, at } = this
    const cpu = processors.current
    const irqs = cpu.irqSave()
    let object = 0
    if (enter(steps, at)) {
      object = steps.load32(at + FREE) >>> 0
      if (object !== 0) {
        steps.store32(at + FREE, steps.load32(object))
        this.moveStock(-1)
      }
    }
    leave(steps, at)
    cpu.irqRestore(irqs)
    return object
  }

  /** Raises the worker. Interrupts are off. */
  raise(): void {
    const { processors } = this
    const { raise } = this.world.points
    if (this.adaptive) noteLevel(this.steps, this.at)
    if (raise.active) raise.hit(processors.points.running, processors.current.id, { unit: this.unit })
    processors.raise(this.work)
  }

  private missed(): void {
    const { processors, steps } = this
    const { empty } = this.world.points
    steps.add32(this.at + FAILURES, 1)
    // The list may be as long as it likes: an NMI in the middle of another operation got nothing.
    if (this.adaptive) noteLevel(steps, this.at, 0)
    const { events } = processors
    if (events.active) events.emit({ kind: 'alloc-failed', allocator: this.world.name, size: this.unit })
    if (empty.active) empty.hit(processors.points.running, processors.current.id, { unit: this.unit })
  }

  private gfp(): 'atomic' | 'nolock' {
    return this.world.processors.current.context === 'nmi' ? 'nolock' : 'atomic'
  }
}
