/** The imports of the runtime, for the size classes that a module works on. */
import { InternalError } from '../../errors/errors.ts'
import { beginWork, type ClassLayout, fetchForWork, isUnwatched, raiseWork } from '../../memalloc/class-layout.ts'
import type { MemCache } from '../../memalloc/mem-cache.ts'
import type { RuntimeImportName } from './host.ts'

type HostFunction = (at: number, other: number) => number | undefined

/** `setSlot` notes which call runs, for reports. */
export function runtimeHost(
  classes: Iterable<ClassLayout>,
  setSlot: (slot: number) => void,
): Record<RuntimeImportName, HostFunction> {
  const caches = new Map<number, MemCache>()
  for (const layout of classes) for (const cache of layout.caches) caches.set(cache.at | 0, cache)
  const cacheAt = (at: number): MemCache => {
    const cache = caches.get(at)
    if (cache === undefined) throw new InternalError(`no cache lies at 0x${(at >>> 0).toString(16)}`)
    return cache
  }
  return {
    unwatched: (at) => (isUnwatched(cacheAt(at)) ? 1 : 0),
    begin: (at) => (beginWork(cacheAt(at)) ? 1 : 0),
    fetch: (at, slot) => {
      setSlot(slot)
      return fetchForWork(cacheAt(at))
    },
    fetched: (at, count) => {
      const { world, unit } = cacheAt(at)
      world.fetched(unit, count)
      return undefined
    },
    raise: (at, slot) => {
      setSlot(slot)
      raiseWork(cacheAt(at))
      return undefined
    },
  }
}
