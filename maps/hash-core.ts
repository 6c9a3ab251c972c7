/**
 * What hash maps of all kinds have in common: everything but how an element is had for an update, and what becomes of
 * it when it is deleted.
 */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { copyBytes } from '../memory/access.ts'
import type { ElementValues } from './element-values.ts'
import { type HashTable, HEAD_BYTES } from './hash-table.ts'
import type { BatchRequest, BatchResult } from './map.ts'

export interface HashCoreParts {
  readonly table: HashTable
  readonly values: ElementValues
  readonly keySize: number
  /** Takes back an element that was unlinked. */
  readonly give: (element: number) => void
  /** Whether `give` may be called with the bucket's lock held. */
  readonly giveLocked: boolean
}

export class HashCore {
  readonly table: HashTable
  readonly values: ElementValues
  private readonly kernel: Kernel
  private readonly parts: HashCoreParts

  constructor(kernel: Kernel, parts: HashCoreParts) {
    this.kernel = kernel
    this.parts = parts
    this.table = parts.table
    this.values = parts.values
  }

  /** The element of a key, 0 for none. */
  find(key: number): number {
    return this.table.findUnlocked(this.table.hashOf(key), key)
  }

  read(key: number, out: number): number {
    const element = this.find(key)
    if (element === 0) return -ERRNO.ENOENT
    this.values.readUser(element, out)
    return 0
  }

  /** Deletes a key; its value goes to `out` first, unless that is 0. */
  remove(key: number, out: number): number {
    const { table, parts } = this
    const hash = table.hashOf(key)
    const bucket = table.bucketOf(hash)
    const locked = table.lock(bucket)
    if (locked < 0) return locked
    let element = 0
    let given = false
    try {
      element = table.find(bucket, hash, key)
      if (element === 0) return -ERRNO.ENOENT
      if (out !== 0) this.values.readUser(element, out)
      table.unlink(bucket, element)
      if (out !== 0 && parts.giveLocked) {
        parts.give(element)
        given = true
      }
    } finally {
      table.unlock(bucket, locked)
    }
    if (!given) parts.give(element)
    return 0
  }

  nextKey(key: number, next: number): number {
    const { table } = this
    const at = key === 0 ? 0 : this.find(key)
    const element = at === 0 ? table.firstFrom(0) : table.after(at)
    if (element === 0) return -ERRNO.ENOENT
    copyBytes(this.kernel.memory, next, element + HEAD_BYTES, this.parts.keySize)
    return 0
  }

  /** Whole buckets, from the one that the cursor names. */
  readBatch({ cursor = 0, count, take, put }: BatchRequest): BatchResult {
    const { table } = this
    if (cursor >= table.buckets) return { result: -ERRNO.ENOENT, cursor: undefined }
    const room = this.kernel.pages.allocBytes(this.values.userBytes, PageOwner.OTHER)
    if (room === 0) return { result: -ERRNO.ENOMEM, cursor: undefined }
    try {
      let left = count
      for (let bucket = cursor; bucket < table.buckets; bucket++) {
        const done = this.readBucket(bucket, left, take, room, put)
        if (done === -ERRNO.ENOSPC) return { result: left === count ? done : 0, cursor: bucket }
        if (done < 0) return { result: done, cursor: undefined }
        left -= done
      }
      return { result: -ERRNO.ENOENT, cursor: table.buckets }
    } finally {
      this.kernel.pages.freeBytes(room, this.values.userBytes)
    }
  }

  /** Hands out one bucket: how many elements it had, or an error number. */
  private readBucket(bucket: number, left: number, take: boolean, room: number, put: BatchRequest['put']): number {
    const { table } = this
    if (table.isEmpty(bucket)) return 0
    const locked = table.lock(bucket)
    if (locked < 0) return locked
    let elements: number[]
    try {
      elements = table.chain(bucket)
      if (elements.length > left) return -ERRNO.ENOSPC
      for (const element of elements) {
        this.values.readUser(element, room)
        put(element + HEAD_BYTES, room)
        if (take) table.unlink(bucket, element)
      }
    } finally {
      table.unlock(bucket, locked)
    }
    if (take) for (const element of elements) this.parts.give(element)
    return elements.length
  }
}
