/**
 * A slab cache: objects of one size. slab-layout.ts shows where its state lies.
 *
 *     alloc ─ fast: pop the CPU's free list (compare-exchange) ─ slow, under the CPU's lock: what others freed into the
 *             CPU's slab ─ a slab of the node's partial list ─ a new slab from the page allocator
 *     free  ─ fast: push on the CPU's free list, if the object is of the CPU's slab ─ slow: push on its slab's list; the
 *             node lock only where the slab was full before (goes on the partial list) or is empty now (may be freed)
 *
 * The fast paths are safe in every context. The slow ones run with interrupts off and take locks: an NMI in the middle
 * that wants the same lock hangs the CPU, unless it uses the any-context forms ('nolock', Linux 6.18), which try each
 * lock once, answer BUSY, and put a free off that would need a lock.
 */
import type { AttachPoint, AttachPointName } from '../cpu/points.ts'
import { InternalError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { BUSY, type Gfp, NO_MEMORY } from './gfp.ts'
import { descriptor, NEXT, PREV, USED } from './page-layout.ts'
import { PageOwner } from './pages.ts'
import type { SlabDebug } from './slab-debug.ts'
import {
  CPU_FREELIST,
  CPU_LOCK,
  CPU_SLAB,
  CPU_SLAB_BYTES,
  CPU_SLABS,
  FROZEN,
  NODE_LOCK,
  PARTIAL_COUNT,
  PARTIAL_HEAD,
  PARTIAL_TAIL,
  SLAB_CACHE,
  SLAB_COUNTERS,
  SLAB_FREELIST,
  SLAB_OBJECTS,
  SLABS,
} from './slab-layout.ts'
import type { SlabWorld } from './slab-world.ts'

/** Empty slabs that stay on the partial list. */
export const MIN_PARTIAL = 5

export class KmemCache {
  readonly name: string
  /** Offset of its state. */
  readonly at: number
  /** Bytes of an object, and from one to the next. */
  readonly size: number
  readonly stride: number
  readonly freeOffset: number
  /** Pages of a slab, as a power of two, and objects in it. */
  readonly order: number
  readonly objects: number
  private readonly world: SlabWorld
  /** Objects that `freeAll` has freed so far. */
  private freed = 0
  private readonly debug: SlabDebug | undefined
  private readonly cpuLockName: string
  private readonly nodeLockName: string
  private readonly slowPoint: AttachPoint
  private readonly freeSlowPoint: AttachPoint
  private readonly lockPoint: AttachPoint
  private readonly unlockPoint: AttachPoint

  /** `at`: `cacheBytes` zero bytes, or the state of a cache of the same name and size. */
  constructor(world: SlabWorld, at: number, name: string, size: number) {
    this.world = world
    this.at = at
    this.name = name
    this.size = size
    this.debug = world.debug
    // A red zone and the link stand behind the object in debug mode, so that poison covers all of it.
    this.stride = this.debug === undefined ? Math.max(8, roundUp8(size)) : roundUp8(size) + this.debug.extra
    this.freeOffset = this.debug === undefined ? 0 : this.stride - 8
    this.order = slabOrder(this.stride, world.processors.cpus.length)
    this.objects = Math.floor((PAGE_SIZE * 2 ** this.order) / this.stride)
    this.cpuLockName = `the CPU lock of ${name}`
    this.nodeLockName = `the node lock of ${name}`
    const { points } = world.processors
    this.slowPoint = points.get('slab:slow')
    this.freeSlowPoint = points.get('slab:free-slow')
    this.lockPoint = points.get('slab:lock')
    this.unlockPoint = points.get('slab:unlock')
  }

  /** An object with undefined contents: its offset, NO_MEMORY, or with 'nolock' BUSY. */
  alloc(gfp: Gfp): number {
    const { steps, processors } = this.world
    const cpu = this.cpuSlab(processors.current.id)
    if (gfp === 'nolock' && steps.load32(cpu + CPU_LOCK) !== 0) return BUSY
    let object: number
    for (;;) {
      object = steps.load64(cpu + CPU_FREELIST) >>> 0
      const transaction = steps.high
      if (object === 0) {
        object = this.allocSlow(cpu, gfp)
        break
      }
      const next = steps.load32(object + this.freeOffset)
      if (steps.compareExchange64(cpu + CPU_FREELIST, object, transaction, next, transaction + 1)) break
    }
    if (this.debug !== undefined && object > 0) this.debug.allocated(this, object, gfp)
    return object
  }

  /** Frees an object of this cache, in the slab whose first page is `slab`. With 'nolock' in any context. */
  free(object: number, slab: number, gfp: Gfp): void {
    if (this.debug !== undefined && !this.debug.freed(this, object, gfp)) return
    const { steps, processors } = this.world
    const cpu = this.cpuSlab(processors.current.id)
    if (gfp === 'nolock' && steps.load32(cpu + CPU_LOCK) !== 0) {
      this.world.deferObject(object, this.freeOffset)
      return
    }
    for (;;) {
      const first = steps.load64(cpu + CPU_FREELIST)
      const transaction = steps.high
      // Asked after the transaction was read: a slab that goes away in between takes the exchange with it.
      if (steps.load32(cpu + CPU_SLAB) !== slab) break
      steps.store32(object + this.freeOffset, first)
      if (steps.compareExchange64(cpu + CPU_FREELIST, first, transaction, object, transaction + 1)) return
    }
    if (gfp === 'nolock') this.world.deferObject(object, this.freeOffset)
    else this.freeSlow(object, slab)
  }

  private allocSlow(cpu: number, gfp: Gfp): number {
    const { processors, locks, policies } = this.world
    if (processors.events.active) processors.events.emit({ kind: 'slab-slow', cache: this.name, operation: 'alloc' })
    if (this.slowPoint.active) this.hit(this.slowPoint)
    const spin = gfp !== 'nolock'
    const { current } = processors
    const irqs = current.irqSave()
    let object: number
    if (spin) locks.lock(cpu + CPU_LOCK, this.cpuLockName)
    if (spin || locks.tryLock(cpu + CPU_LOCK, this.cpuLockName)) {
      object = this.takeFromCpu(cpu)
      // As planned in 2024, the any-context form did not look at the partial list.
      if (object === 0 && (spin || policies.nolock === '6.18')) object = this.takePartial(cpu, spin)
      locks.unlock(cpu + CPU_LOCK)
    } else {
      object = BUSY
    }
    current.irqRestore(irqs)
    return object === 0 ? this.takeNew(gfp) : object
  }

  /** What was freed into the CPU's slab since its list ran dry. Under the CPU's lock. */
  private takeFromCpu(cpu: number): number {
    const { steps } = this.world
    for (;;) {
      const object = this.popCpu(cpu)
      if (object !== 0) return object
      const slab = steps.load32(cpu + CPU_SLAB)
      if (slab === 0) return 0
      // Not the CPU's for a moment: what frees meanwhile, in an NMI, goes into the slab's own list.
      steps.store32(cpu + CPU_SLAB, 0)
      if (steps.load32(cpu + CPU_FREELIST) !== 0) {
        steps.store32(cpu + CPU_SLAB, slab)
        continue
      }
      const list = this.takeSlabList(slab)
      if (list === 0) return 0
      return this.installSlab(cpu, slab, list)
    }
  }

  /** Makes a frozen slab the CPU's, with this list; the first object of it. Under the CPU's lock. */
  private installSlab(cpu: number, slab: number, list: number): number {
    const { steps } = this.world
    this.pushCpuList(cpu, steps.load32(list + this.freeOffset))
    steps.store32(cpu + CPU_SLAB, slab)
    return list
  }

  private popCpu(cpu: number): number {
    const { steps } = this.world
    for (;;) {
      const object = steps.load64(cpu + CPU_FREELIST) >>> 0
      const transaction = steps.high
      if (object === 0) return 0
      const next = steps.load32(object + this.freeOffset)
      if (steps.compareExchange64(cpu + CPU_FREELIST, object, transaction, next, transaction + 1)) return object
    }
  }

  /** The CPU has no slab now, so nobody frees into its list: it is empty. */
  private pushCpuList(cpu: number, list: number): void {
    const { steps } = this.world
    if (steps.load64(cpu + CPU_FREELIST) !== 0) throw new InternalError(`${this.name}: a list without a slab`)
    steps.store64(cpu + CPU_FREELIST, list, steps.high + 1)
  }

  /** The whole free list of a frozen slab; one that has none is thawed, and is on no list until something is freed. */
  private takeSlabList(slab: number): number {
    const { steps } = this.world
    const at = descriptor(slab)
    const objects = steps.load32(at + SLAB_OBJECTS)
    for (;;) {
      const list = steps.load64(at + SLAB_FREELIST)
      const counters = steps.high
      const after = list === 0 ? counters & ~FROZEN : objects | FROZEN
      if (steps.compareExchange64(at + SLAB_FREELIST, list, counters, 0, after)) return list >>> 0
    }
  }

  /** Freezes the first slab of the node's partial list for this CPU. Under the CPU's lock. */
  private takePartial(cpu: number, spin: boolean): number {
    const { steps } = this.world
    if (steps.load32(this.at + PARTIAL_HEAD) === 0) return 0
    if (!this.lockNode(spin)) return BUSY
    const slab = steps.load32(this.at + PARTIAL_HEAD)
    if (slab === 0) {
      this.unlockNode()
      return 0
    }
    this.unlinkPartial(slab)
    const list = this.takeSlabList(slab)
    this.unlockNode()
    return this.installSlab(cpu, slab, list)
  }

  /** A new slab. The page allocator is asked without any lock, so the CPU may have got one meanwhile. */
  private takeNew(gfp: Gfp): number {
    const { processors, locks, lists } = this.world
    const spin = gfp !== 'nolock'
    const offset = lists.alloc(this.order, PageOwner.SLAB, spin)
    if (offset === 0) return NO_MEMORY
    const slab = offset / PAGE_SIZE
    const first = this.carve(slab)
    const { current } = processors
    const irqs = current.irqSave()
    const cpu = this.cpuSlab(current.id)
    let installed = false
    if (spin) locks.lock(cpu + CPU_LOCK, this.cpuLockName)
    if (spin || locks.tryLock(cpu + CPU_LOCK, this.cpuLockName)) {
      installed = this.world.steps.load32(cpu + CPU_SLAB) === 0
      if (installed) this.installSlab(cpu, slab, first)
      locks.unlock(cpu + CPU_LOCK)
    }
    if (!installed) {
      this.keepOne(slab, first)
      if (spin) this.addSlab(slab)
      else this.world.deferSlab(slab)
    }
    current.irqRestore(irqs)
    return first
  }

  /** Links the objects of a slab that nobody else has seen yet, all in use and frozen. The first object. */
  private carve(slab: number): number {
    const { memory, steps } = this.world
    const first = slab * PAGE_SIZE
    const { objects, stride, freeOffset, debug } = this
    const { i32 } = memory
    const last = first + (objects - 1) * stride
    for (let object = first; object <= last; object += stride) {
      debug?.made(this, object)
      i32[(object + freeOffset) >>> 2] = object === last ? 0 : object + stride
    }
    const at = descriptor(slab)
    steps.store32(at + NEXT, 0)
    steps.store32(at + PREV, 0)
    steps.store32(at + SLAB_CACHE, this.at)
    steps.store64(at + SLAB_FREELIST, 0, this.objects | FROZEN)
    steps.store32(at + SLAB_OBJECTS, this.objects)
    steps.add32(this.at + SLABS, 1)
    this.tell('slab-new')
    this.passes('slab:new')
    return first
  }

  /** Of a new slab one object is taken; the rest is its own list, and it stays frozen. */
  private keepOne(slab: number, first: number): void {
    const { steps } = this.world
    const rest = steps.load32(first + this.freeOffset)
    steps.store64(descriptor(slab) + SLAB_FREELIST, rest, 1 | FROZEN)
  }

  /**
   * Thaws a slab that no CPU has, and puts it on the partial list if it has free objects. Under the node lock, so that
   * who frees the last object finds the slab on the list.
   */
  addSlab(slab: number): void {
    const { steps } = this.world
    const at = descriptor(slab)
    this.lockNode(true)
    for (;;) {
      const list = steps.load64(at + SLAB_FREELIST)
      const counters = steps.high
      if (!steps.compareExchange64(at + SLAB_FREELIST, list, counters, list, counters & ~FROZEN)) continue
      if (list !== 0) this.linkPartial(slab)
      break
    }
    this.unlockNode()
  }

  /** Into the slab's own list. */
  freeSlow(object: number, slab: number): void {
    const { steps, processors } = this.world
    if (processors.events.active) processors.events.emit({ kind: 'slab-slow', cache: this.name, operation: 'free' })
    if (this.freeSlowPoint.active) this.hit(this.freeSlowPoint)
    const at = descriptor(slab)
    const { current } = processors
    let locked = false
    let irqs = false
    let wasFull: boolean
    let isEmpty: boolean
    for (;;) {
      const first = steps.load64(at + SLAB_FREELIST)
      const counters = steps.high
      steps.store32(object + this.freeOffset, first)
      const after = counters - 1
      wasFull = first === 0 && (counters & FROZEN) === 0
      isEmpty = after === 0
      if ((wasFull || isEmpty) && !locked) {
        irqs = current.irqSave()
        this.lockNode(true)
        locked = true
        continue
      }
      if (steps.compareExchange64(at + SLAB_FREELIST, first, counters, object, after)) break
    }
    if (!locked) return
    const discard = isEmpty && steps.load32(this.at + PARTIAL_COUNT) >= MIN_PARTIAL
    if (discard && !wasFull) this.unlinkPartial(slab)
    else if (!discard && wasFull) this.linkPartial(slab)
    this.unlockNode()
    if (discard) this.discard(slab)
    current.irqRestore(irqs)
  }

  /**
   * Frees a list of objects, linked by their first words, as one after the other would be: how many. 0, and nothing
   * done, where something could come in between, or somebody looks on.
   */
  freeAll(first: number): number {
    const { steps, processors } = this.world
    const { words } = steps
    const { freeSlowPoint, lockPoint, unlockPoint } = this
    const watched = processors.events.active || freeSlowPoint.active || lockPoint.active || unlockPoint.active
    if (words === undefined || watched || this.debug !== undefined) return 0
    if (steps.load32(this.at + NODE_LOCK) !== 0) return 0
    this.freed = 0
    for (let object = first; object !== 0; ) object = this.freeNext(words, object)
    return this.freed
  }

  /** Frees an object of a list, and those behind it that lie in the same slab. The next one. */
  private freeNext(words: Int32Array, first: number): number {
    const pageMask = -1 << this.order
    const page = (first >>> 12) & pageMask
    const entry = descriptor(page) >>> 2
    const block = USED | (this.order << 8) | (PageOwner.SLAB << 16)
    const own = words[entry] === block && words[entry + SLAB_CACHE / 4]! >>> 0 === this.at
    let object = first
    // Of the next larger class, from where an any-context kmalloc has taken it; or of the CPU's slab.
    if (!own || words[(this.cpuSlab(this.world.processors.current.id) + CPU_SLAB) >>> 2] === page) {
      const next = words[object >>> 2]! >>> 0
      this.world.free(object, 'atomic')
      this.freed++
      return next
    }
    let list = words[entry + SLAB_FREELIST / 4]!
    const before = words[entry + SLAB_COUNTERS / 4]!
    let counters = before
    const wasFull = list === 0 && (before & FROZEN) === 0
    let stride = 0
    do {
      const following = words[object >>> 2]! >>> 0
      words[object >>> 2] = list
      list = object
      counters--
      // Where the list goes on as before, the next object need not wait for the load of the link.
      const guess = object + stride
      if (following === guess) object = guess
      else {
        stride = following - object
        object = following
      }
    } while (object !== 0 && ((object >>> 12) & pageMask) === page)
    this.freed += before - counters
    words[entry + SLAB_FREELIST / 4] = list
    words[entry + SLAB_COUNTERS / 4] = counters
    this.listAfterFree(page, wasFull, counters === 0)
    return object
  }

  /** Where a slab goes that some of its objects were freed into. */
  private listAfterFree(slab: number, wasFull: boolean, isEmpty: boolean): void {
    if (wasFull) this.linkPartial(slab)
    if (!isEmpty || this.world.steps.load32(this.at + PARTIAL_COUNT) < MIN_PARTIAL) return
    this.unlinkPartial(slab)
    this.discard(slab)
  }

  /** Gives an empty slab that is on no list to the page allocator. */
  private discard(slab: number): void {
    this.world.steps.add32(this.at + SLABS, -1)
    this.tell('slab-discard')
    this.passes('slab:discard')
    this.debug?.forget(this, slab * PAGE_SIZE)
    this.world.lists.free(slab * PAGE_SIZE, true)
  }

  /** Takes the CPUs' slabs back and gives every empty slab to the page allocator. From a task, with nobody paused. */
  shrink(): void {
    const { steps, processors } = this.world
    for (const { id } of processors.cpus) this.flush(this.cpuSlab(id))
    this.lockNode(true)
    const empty: number[] = []
    for (let slab = steps.load32(this.at + PARTIAL_HEAD); slab !== 0; ) {
      const next = steps.load32(descriptor(slab) + NEXT)
      if (steps.load32(descriptor(slab) + SLAB_COUNTERS) === 0) {
        this.unlinkPartial(slab)
        empty.push(slab)
      }
      slab = next
    }
    this.unlockNode()
    for (const slab of empty) this.discard(slab)
  }

  /** Puts the objects of a CPU's list back into its slab, and the slab on the partial list. */
  private flush(cpu: number): void {
    const { steps } = this.world
    const slab = steps.load32(cpu + CPU_SLAB)
    if (slab === 0) return
    for (let object = this.popCpu(cpu); object !== 0; object = this.popCpu(cpu)) this.freeSlow(object, slab)
    steps.store32(cpu + CPU_SLAB, 0)
    this.addSlab(slab)
  }

  private lockNode(spin: boolean): boolean {
    const { locks } = this.world
    if (!spin && !locks.tryLock(this.at + NODE_LOCK, this.nodeLockName)) return false
    if (spin) locks.lock(this.at + NODE_LOCK, this.nodeLockName)
    if (this.lockPoint.active) this.hit(this.lockPoint)
    return true
  }

  private unlockNode(): void {
    if (this.unlockPoint.active) this.hit(this.unlockPoint)
    this.world.locks.unlock(this.at + NODE_LOCK)
  }

  private hit(point: AttachPoint): void {
    const { processors } = this.world
    point.hit(processors.points.running, processors.current.id, { cache: this.name })
  }

  private tell(kind: 'slab-new' | 'slab-discard'): void {
    const { events } = this.world.processors
    if (events.active) events.emit({ kind, cache: this.name, pages: 2 ** this.order })
  }

  private passes(name: AttachPointName): void {
    const point = this.world.processors.points.get(name)
    if (point.active) this.hit(point)
  }

  private linkPartial(slab: number): void {
    const { steps } = this.world
    const last = steps.load32(this.at + PARTIAL_TAIL)
    steps.store32(descriptor(slab) + NEXT, 0)
    steps.store32(descriptor(slab) + PREV, last)
    steps.store32(last === 0 ? this.at + PARTIAL_HEAD : descriptor(last) + NEXT, slab)
    steps.store32(this.at + PARTIAL_TAIL, slab)
    steps.add32(this.at + PARTIAL_COUNT, 1)
  }

  private unlinkPartial(slab: number): void {
    const { steps } = this.world
    const next = steps.load32(descriptor(slab) + NEXT)
    const prev = steps.load32(descriptor(slab) + PREV)
    steps.store32(prev === 0 ? this.at + PARTIAL_HEAD : descriptor(prev) + NEXT, next)
    steps.store32(next === 0 ? this.at + PARTIAL_TAIL : descriptor(next) + PREV, prev)
    steps.add32(this.at + PARTIAL_COUNT, -1)
  }

  private cpuSlab(cpu: number): number {
    return this.at + CPU_SLABS + cpu * CPU_SLAB_BYTES
  }
}

function roundUp8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** The smallest order that wastes at most a sixteenth and holds enough objects for the CPUs; 3 at most. */
function slabOrder(stride: number, cpus: number): number {
  const enough = Math.min(4 * (33 - Math.clz32(cpus)), Math.floor((PAGE_SIZE * 8) / stride))
  for (let order = 0; order < 3; order++) {
    const bytes = PAGE_SIZE * 2 ** order
    const objects = Math.floor(bytes / stride)
    if (objects >= enough && (bytes - objects * stride) * 16 <= bytes) return order
  }
  return 3
}
