/**
 * Walks the lists of a bpf_mem_alloc, with nobody in the middle of an operation. For tests and for looking into a
 * machine; it changes nothing.
 */
import { InternalError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { BpfMemAlloc } from './bpf-mem-alloc.ts'
import type { MemCache } from './mem-cache.ts'
import {
  BY_RCU,
  BY_RCU_TAIL,
  BY_TRACE,
  COUNT,
  EXTRA,
  EXTRA_RCU,
  FREE,
  HIGH,
  insideOf,
  LIST_LOCK,
  LOW,
  RCU_FLIGHT,
  TRACE_FLIGHT,
  WAITING,
  WAITING_TRACE,
} from './mem-cache-layout.ts'

/** Objects on each list, by the names of the specification. */
export interface CacheState {
  readonly F: number
  readonly X: number
  readonly R: number
  readonly XR: number
  readonly W: number
  readonly T: number
  readonly WT: number
  readonly low: number
  readonly high: number
}

/** One cache. Throws InternalError where a count or a tail is wrong, or somebody is inside. */
export function cacheState(memory: Memory, cache: MemCache, seen: Set<number> = new Set()): CacheState {
  const word = (at: number): number => memory.i32[at / 4]! >>> 0
  const { at } = cache
  const walk = (head: number, name: string): number[] => {
    const objects: number[] = []
    for (let object = word(at + head); object !== 0; object = word(object)) {
      if (seen.has(object)) fail(cache, `0x${object.toString(16)} on [${name}] is on another list too`)
      seen.add(object)
      objects.push(object)
    }
    return objects
  }
  const F = walk(FREE, 'F')
  const R = walk(BY_RCU, 'R')
  const W = walk(WAITING, 'W')
  const inside = insideOf(memory.i32[(at + COUNT) / 4]!)
  if (inside !== 0) fail(cache, `${inside} operations are inside`)
  if (word(at + LIST_LOCK) !== 0) fail(cache, 'the list lock is held')
  if (word(at + COUNT) !== F.length) fail(cache, `${F.length} objects are free, and ${word(at + COUNT)} counted`)
  if (R.length > 0 && R.at(-1) !== word(at + BY_RCU_TAIL)) fail(cache, 'the tail of [R] is not its last object')
  if (W.length > 0 && word(at + RCU_FLIGHT) === 0) fail(cache, '[W] has objects, and no callback runs')
  const WT = walk(WAITING_TRACE, 'WT')
  if (WT.length > 0 && word(at + TRACE_FLIGHT) === 0) fail(cache, '[WT] has objects, and no callback runs')
  return {
    F: F.length,
    R: R.length,
    W: W.length,
    WT: WT.length,
    X: walk(EXTRA, 'X').length,
    XR: walk(EXTRA_RCU, 'XR').length,
    T: walk(BY_TRACE, 'T').length,
    low: word(at + LOW),
    high: word(at + HIGH),
  }
}

/** Every object (with its header) that lies on some list of the instance. */
export function listedObjects(memory: Memory, instance: BpfMemAlloc): ReadonlySet<number> {
  const seen = new Set<number>()
  for (const cache of instance.allCaches) cacheState(memory, cache, seen)
  return seen
}

function fail(cache: MemCache, what: string): never {
  throw new InternalError(`the cache of ${cache.unit} bytes of ${cache.world.name} on CPU ${cache.cpu}: ${what}`)
}
