/** What maps have in common whose key is an index. */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { load32, store32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { MapInfo } from '../program/loadable.ts'
import { type BatchKind, type BatchRequest, type BatchResult, type BpfMap, UpdateFlag } from './map.ts'
import { copyValue, type ValueFields } from './value-fields.ts'

/** Nothing is ever deleted. */
export const INDEX_BATCHES: ReadonlySet<BatchKind> = new Set(['lookup', 'update'])

/** What an update answers before it writes; 0 for going on. Values have no spin lock to take. */
export function checkUpdate(exists: boolean, flags: number): number {
  const locked = flags % 8 >= UpdateFlag.LOCK
  if (flags - (locked ? UpdateFlag.LOCK : 0) > UpdateFlag.EXIST) return -ERRNO.EINVAL
  if (!exists) return -ERRNO.E2BIG
  if (flags % 2 === UpdateFlag.NOEXIST) return -ERRNO.EEXIST
  return locked ? -ERRNO.EINVAL : 0
}

/** Writes a value at `at`, 0 for an index that is not there; what its fields held is given back. */
export function putIndexed(
  kernel: Kernel,
  fields: ValueFields | undefined,
  { valueSize }: MapInfo,
  at: number,
  value: number,
  flags: number,
): number {
  const refused = checkUpdate(at !== 0, flags)
  if (refused !== 0) return refused
  copyValue(kernel, fields, at, value, valueSize)
  fields?.drop(at)
  return 0
}

export function nextIndex(memory: Memory, maxEntries: number, key: number, next: number): number {
  const index = key === 0 ? maxEntries : load32(memory, key) >>> 0
  if (index === maxEntries - 1) return -ERRNO.ENOENT
  store32(memory, next, index < maxEntries ? index + 1 : 0)
  return 0
}

/** The cursor is the last index handed out. */
export function readIndexBatch(kernel: Kernel, map: BpfMap, { cursor, count, put }: BatchRequest): BatchResult {
  const { memory, pages } = kernel
  const bytes = 16 + map.user.valueBytes
  const key = pages.allocBytes(bytes, PageOwner.OTHER)
  if (key === 0) return { result: -ERRNO.ENOMEM, cursor: undefined }
  const [next, value] = [key + 8, key + 16]
  if (cursor !== undefined) store32(memory, key, cursor)
  let last: number | undefined
  try {
    for (let left = count; left > 0; left--) {
      if (map.nextKey(cursor === undefined && last === undefined ? 0 : key, next) !== 0) {
        return { result: -ERRNO.ENOENT, cursor: last }
      }
      map.user.read(next, value)
      put(next, value)
      last = load32(memory, next) >>> 0
      store32(memory, key, last)
    }
    return { result: 0, cursor: last }
  } finally {
    pages.freeBytes(key, bytes)
  }
}
