/**
 * The worker of a bpf_mem_alloc cache: irq_work, so hardirq context with interrupts off; on RT a thread.
 *
 *     below low     add a batch to [F]: what waits for a grace period first ([T], [WT]), then fresh from the slab
 *     above high    move the surplus to the target's [T], and submit it to a tasks-trace grace period
 *     always        submit [R] to an RCU grace period
 *
 * At most one callback of each flavour is in flight for a cache.
 */
import * as llist from './llist.ts'
import type { MemCache } from './mem-cache.ts'
import {
  BATCH,
  BY_RCU,
  BY_RCU_TAIL,
  BY_TRACE,
  countOf,
  DRAINING,
  EXTRA,
  EXTRA_RCU,
  enter,
  HIGH,
  LIST_LOCK,
  LOW,
  leave,
  RCU_FLIGHT,
  REFILLS,
  TARGET,
  TRACE_FLIGHT,
  TRIMS,
  WAITING,
  WAITING_TAIL,
  WAITING_TRACE,
} from './mem-cache-layout.ts'
import { adapt } from './watermarks.ts'

export function refill(cache: MemCache): void {
  const { steps, policies } = cache.world
  const { at } = cache
  const count = countOf(steps, at)
  if (policies.watermarks === 'adaptive') adapt(steps, at, count, cache.world.percpu)
  if (count < steps.load32(at + LOW)) {
    passes(cache, 'refill', count)
    steps.add32(at + REFILLS, 1)
    tell(cache, 'refill', count, allocBulk(cache, steps.load32(at + BATCH)))
  } else if (count > steps.load32(at + HIGH)) {
    passes(cache, 'trim', count)
    steps.add32(at + TRIMS, 1)
    tell(cache, 'trim', count, freeBulk(cache))
  }
  checkFreeByRcu(cache)
}

/** Adds up to `batch` objects; a refill that comes up short says nothing. How many were added. */
function allocBulk(cache: MemCache, batch: number): number {
  const { at, world } = cache
  for (let added = 0; added < batch; added++) {
    const object =
      takeFirst(cache, at + BY_TRACE) || takeFirst(cache, at + WAITING_TRACE) || world.fresh(cache.unit, 'atomic')
    if (object === 0) return added
    cache.add(object)
  }
  return batch
}

/** Surplus goes home: to the cache that is noted for it (MemCache.notesTarget). How many left the list. */
function freeBulk(cache: MemCache): number {
  const { steps } = cache.world
  const { at } = cache
  const target = cache.world.cacheAt(steps.load32(at + TARGET) >>> 0)
  const middle = Math.floor((steps.load32(at + HIGH) + steps.load32(at + LOW)) / 2)
  let moved = 0
  do {
    const object = cache.remove()
    if (object === 0) break
    moved++
    llist.push(steps, target.at + BY_TRACE, object)
  } while (countOf(steps, at) > middle)
  eachOf(cache, llist.takeAll(steps, at + EXTRA), (object) => llist.push(steps, target.at + BY_TRACE, object))
  submit(target)
  return moved
}

/** Starts a tasks-trace grace period for what is in [T], unless one is running for this cache. */
function submit(cache: MemCache): void {
  const { steps, processors } = cache.world
  const { at } = cache
  const draining = steps.load32(at + DRAINING) !== 0
  if (steps.compareExchange32(at + TRACE_FLIGHT, 0, 1) !== 0) {
    if (draining) releaseAll(cache, takeList(cache, at + BY_TRACE))
    return
  }
  eachOf(cache, takeList(cache, at + BY_TRACE), (object) => llist.push(steps, at + WAITING_TRACE, object))
  // A tasks-trace grace period implies an RCU one, as on Linux up to 6.19.
  if (draining) endTrace(cache)
  else processors.callRcu('tasks-trace', () => endTrace(cache))
}

/** After the grace period. What came to [T] meanwhile waits for the next submit. */
function endTrace(cache: MemCache): void {
  releaseAll(cache, takeList(cache, cache.at + WAITING_TRACE))
  cache.world.steps.store32(cache.at + TRACE_FLIGHT, 0)
}

/** Starts an RCU grace period for what is in [R], unless one is running for this cache. */
function checkFreeByRcu(cache: MemCache): void {
  const { steps, processors } = cache.world
  const { at } = cache
  takeExtraRcu(cache)
  if (steps.load32(at + BY_RCU) === 0) return
  // Where one runs, what is in [R] stays there: the first free after its end raises the worker again.
  if (steps.compareExchange32(at + RCU_FLIGHT, 0, 1) !== 0) return
  const irqs = processors.current.irqSave()
  enter(steps, at)
  steps.store32(at + WAITING, steps.load32(at + BY_RCU))
  steps.store32(at + WAITING_TAIL, steps.load32(at + BY_RCU_TAIL))
  steps.store32(at + BY_RCU, 0)
  leave(steps, at)
  processors.current.irqRestore(irqs)
  if (steps.load32(at + DRAINING) !== 0) {
    releaseAll(cache, takeWaiting(cache))
    steps.store32(at + RCU_FLIGHT, 0)
  } else {
    processors.callRcu('rcu', () => endRcu(cache))
  }
}

/** Moves [XR] to [R]. */
function takeExtraRcu(cache: MemCache): void {
  const { steps, processors } = cache.world
  const { at } = cache
  const irqs = processors.current.irqSave()
  eachOf(cache, llist.takeAll(steps, at + EXTRA_RCU), (object) => {
    enter(steps, at)
    cache.pushByRcu(object)
    leave(steps, at)
  })
  processors.current.irqRestore(irqs)
}

/** After the RCU grace period: [W] may be handed out again, and goes on to the tasks-trace one. */
function endRcu(cache: MemCache): void {
  const { steps } = cache.world
  const target = cache.world.cacheAt(steps.load32(cache.at + TARGET) >>> 0)
  if (mayHandOver(target)) {
    // Turned round twice, from [W] to [T] and to [WT], the list is as it was.
    steps.store32(target.at + WAITING_TRACE, takeWaiting(cache))
    steps.store32(target.at + TRACE_FLIGHT, 1)
    cache.world.processors.callRcu('tasks-trace', () => endTrace(target))
  } else {
    eachOf(cache, takeWaiting(cache), (object) => {
      cache.world.graceOver(object)
      llist.push(steps, target.at + BY_TRACE, object)
    })
    submit(target)
  }
  steps.store32(cache.at + RCU_FLIGHT, 0)
}

/** Whether a whole list can go to [WT] at once: nothing comes in between, and nothing else is on the way there. */
function mayHandOver({ world, at }: MemCache): boolean {
  const { words } = world.steps
  if (words === undefined || world.debug !== undefined) return false
  const others = [BY_TRACE, WAITING_TRACE, TRACE_FLIGHT, LIST_LOCK, DRAINING]
  return others.every((offset) => words[(at + offset) >>> 2] === 0)
}

/** Detaches [W], whose callback is the only one that uses it. */
function takeWaiting(cache: MemCache): number {
  const { steps } = cache.world
  const first = steps.load32(cache.at + WAITING) >>> 0
  steps.store32(cache.at + WAITING, 0)
  return first
}

/** Everything back to the slab; nobody uses the cache any more. */
export function drain(cache: MemCache): void {
  const { steps } = cache.world
  const { at } = cache
  for (const head of [BY_TRACE, WAITING_TRACE]) releaseAll(cache, takeList(cache, at + head))
  for (const head of [EXTRA, EXTRA_RCU]) releaseAll(cache, llist.takeAll(steps, at + head))
  let left = cache.world.most()
  for (let object = cache.remove(); object !== 0; object = cache.remove()) {
    if (left-- === 0) throw llist.endless(nameOf(cache))
    cache.world.release(object, cache.unit)
  }
  releaseAll(cache, steps.load32(at + BY_RCU) >>> 0)
  steps.store32(at + BY_RCU, 0)
  releaseAll(cache, takeWaiting(cache))
}

function eachOf(cache: MemCache, first: number, work: (object: number) => void): void {
  llist.eachOf(cache.world.steps, first, cache.world.most(), nameOf(cache), work)
}

function nameOf({ world, unit, cpu }: MemCache): string {
  return `${world.name}, ${unit} bytes, CPU ${cpu},`
}

function releaseAll(cache: MemCache, first: number): void {
  cache.world.releaseList(first, cache.unit)
}

/** Detaches [T] or [WT], whose takers exclude each other. */
function takeList(cache: MemCache, head: number): number {
  return locked(cache, () => llist.takeAll(cache.world.steps, head))
}

function takeFirst(cache: MemCache, head: number): number {
  // Looked at without the lock first: most refills find both lists empty.
  if (cache.world.steps.load32(head) === 0) return 0
  return locked(cache, () => llist.takeFirst(cache.world.steps, head))
}

function locked(cache: MemCache, work: () => number): number {
  const { locks, processors } = cache.world
  const irqs = processors.current.irqSave()
  locks.lock(cache.at + LIST_LOCK, 'the list lock of a bpf_mem_alloc cache')
  const result = work()
  locks.unlock(cache.at + LIST_LOCK)
  processors.current.irqRestore(irqs)
  return result
}

function tell(cache: MemCache, kind: 'refill' | 'trim', count: number, moved: number): void {
  const { name, processors } = cache.world
  const { events } = processors
  if (events.active) events.emit({ kind, allocator: name, unit: cache.unit, count, moved })
}

function passes(cache: MemCache, what: 'refill' | 'trim', count: number): void {
  const { points, processors } = cache.world
  const point = points[what]
  if (point.active) point.hit(processors.points.running, processors.current.id, { unit: cache.unit, count })
}
