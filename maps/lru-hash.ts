/**
 * BPF_MAP_TYPE_LRU_HASH and BPF_MAP_TYPE_LRU_PERCPU_HASH, as on Linux 6.18: hash maps that are never full, because a new
 * key takes the place of one that was not used lately.
 *
 * An update gets its element first, and then looks whether it may go on: one that is refused (EEXIST, ENOENT) may have
 * thrown out another key all the same.
 */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { MapInfo } from '../program/loadable.ts'
import { type ElementValues, makeElementValues } from './element-values.ts'
import type { SupplyRequest } from './elements.ts'
import { HashCore } from './hash-core.ts'
import { HASH, HashTable, HEAD_BYTES, tableBytes } from './hash-table.ts'
import { type Lru, lruBytes, makeLru, markUsed } from './lru.ts'
import type { LruElements } from './lru-nodes.ts'
import {
  ALL_BATCHES,
  assertRoom,
  type BpfMap,
  type MapAttributes,
  MapObject,
  makeMapInfo,
  refusal,
  roundUp8,
  UpdateFlag,
  type UserOperations,
} from './map.ts'

export interface LruHashParts {
  /** Values are one a CPU. */
  readonly perCpu: boolean
  /** Each CPU has an LRU list of its own (BPF_F_NO_COMMON_LRU). */
  readonly ownLists: boolean
  readonly seed: number
  /** Whether elements exist from the start; Linux has no other ones. */
  readonly elements: LruElements
}

/** Attributes have been checked. Throws ENOMEM, with nothing allocated. */
export function makeLruHashMap(kernel: Kernel, attributes: MapAttributes, parts: LruHashParts): BpfMap {
  const cpus = kernel.processors.cpus.length
  const rounded = parts.ownLists ? roundEntries(attributes, cpus) : attributes
  const { name, maxEntries, keySize, valueSize } = rounded
  const values = makeElementValues(kernel, rounded, parts.perCpu)
  const request: SupplyRequest = {
    name,
    size: values.elementBytes,
    count: maxEntries,
    perCpuSize: parts.perCpu ? roundUp8(valueSize) : 0,
    areaOffset: HEAD_BYTES + roundUp8(keySize),
  }
  const fixed = parts.elements === 'prealloc' ? [request.size * maxEntries, request.perCpuSize * maxEntries * cpus] : []
  assertRoom(kernel, rounded, [tableBytes(maxEntries, cpus), lruBytes(cpus), ...fixed])
  const undo: (() => void)[] = []
  try {
    return build(kernel, rounded, parts, values, request, undo)
  } catch (error) {
    for (const step of undo.reverse()) step()
    throw error
  }
}

/** To a multiple of the CPUs: up, or down where 32 bits do not suffice. */
function roundEntries(attributes: MapAttributes, cpus: number): MapAttributes {
  const up = Math.ceil(attributes.maxEntries / cpus) * cpus
  return { ...attributes, maxEntries: up < 2 ** 32 ? up : up - cpus }
}

function build(
  kernel: Kernel,
  attributes: MapAttributes,
  parts: LruHashParts,
  values: ElementValues,
  request: SupplyRequest,
  undo: (() => void)[],
): BpfMap {
  const { maxEntries, keySize } = attributes
  const noMemory = 'no memory for its buckets and elements'
  const table = new HashTable(kernel, { maxEntries, keySize, seed: parts.seed })
  if (table.control === 0) throw refusal(attributes, 'ENOMEM', noMemory)
  undo.push(() => table.destroy())
  const lru = makeLru(kernel, request, {
    perCpu: parts.ownLists,
    elements: parts.elements,
    evict: (element) => evict(kernel, table, values, element),
  })
  if (lru === undefined) throw refusal(attributes, 'ENOMEM', noMemory)
  undo.push(() => lru.destroy())
  return new LruHashMap(kernel, attributes, table, values, lru, () => {
    lru.destroy()
    table.destroy()
  })
}

/** Takes an element out of its chain, unless its bucket is busy or somebody has done so already. */
function evict(kernel: Kernel, table: HashTable, values: ElementValues, element: number): boolean {
  const bucket = table.bucketOf(kernel.steps.load32(element + HASH))
  const locked = table.lock(bucket)
  if (locked < 0) return false
  try {
    const unlinked = table.unlink(bucket, element)
    if (unlinked) values.drop(element)
    return unlinked
  } finally {
    table.unlock(bucket, locked)
  }
}

class LruHashMap implements BpfMap {
  readonly info: MapInfo
  readonly user: UserOperations
  private readonly kernel: Kernel
  private readonly object: MapObject
  private readonly core: HashCore
  private readonly table: HashTable
  private readonly values: ElementValues
  private readonly lru: Lru
  private readonly release: () => void

  constructor(
    kernel: Kernel,
    attributes: MapAttributes,
    table: HashTable,
    values: ElementValues,
    lru: Lru,
    release: () => void,
  ) {
    this.kernel = kernel
    this.table = table
    this.values = values
    this.lru = lru
    this.release = release
    this.object = new MapObject(kernel, attributes, table.control)
    this.info = makeMapInfo(attributes, this.object, { valueAddress: () => 0n })
    const give = (element: number): void => {
      values.drop(element)
      lru.give(element)
    }
    this.core = new HashCore(kernel, { table, values, keySize: attributes.keySize, give, giveLocked: false })
    this.user = {
      valueBytes: values.userBytes,
      batches: ALL_BATCHES,
      // Does not count as use: whoever lists a map would make all of it look used.
      read: (key, out) => this.core.read(key, out),
      update: (key, value, flags) => this.put(key, value, flags, true),
      take: (key, out) => this.core.remove(key, out),
      readBatch: (request) => this.core.readBatch(request),
    }
  }

  get isFrozen(): boolean {
    return this.object.isFrozen
  }

  lookup(key: number): number {
    return this.use(key, this.kernel.processors.current.id)
  }

  lookupPerCpu(key: number, cpu: number): number {
    return !this.values.perCpu || cpu >= this.kernel.processors.cpus.length ? 0 : this.use(key, cpu)
  }

  update(key: number, value: number, flags: number): number {
    return this.put(key, value, flags, false)
  }

  delete(key: number): number {
    return this.core.remove(key, 0)
  }

  nextKey(key: number, next: number): number {
    return this.core.nextKey(key, next)
  }

  freeze(): number {
    this.object.freeze()
    return 0
  }

  destroy(): void {
    for (let bucket = 0; bucket < this.table.buckets; bucket++) {
      for (const element of this.table.chain(bucket)) this.values.drop(element)
    }
    this.release()
    this.object.destroy()
  }

  private use(key: number, cpu: number): number {
    const element = this.core.find(key)
    if (element === 0) return 0
    markUsed(this.kernel, element)
    return this.values.at(element, cpu)
  }

  private put(key: number, value: number, flags: number, user: boolean): number {
    if (flags > UpdateFlag.EXIST) return -ERRNO.EINVAL
    const { table, lru, values } = this
    const hash = table.hashOf(key)
    const bucket = table.bucketOf(hash)
    // Per-CPU values are written in place: nothing is needed for a key that has to be there.
    const fresh = values.perCpu && flags === UpdateFlag.EXIST ? 0 : lru.take(hash)
    if (fresh === 0 && !(values.perCpu && flags === UpdateFlag.EXIST)) return -ERRNO.ENOMEM
    const locked = table.lock(bucket)
    if (locked < 0) {
      if (fresh !== 0) lru.give(fresh)
      return locked
    }
    const result = { error: 0, unused: fresh }
    try {
      this.putLocked(bucket, hash, key, value, flags, user, result)
    } finally {
      table.unlock(bucket, locked)
    }
    if (result.unused !== fresh) values.drop(result.unused)
    if (result.unused !== 0) lru.give(result.unused)
    return result.error
  }

  /** Leaves in `result` what is to be given back: the fresh element, or the one that it replaced. */
  private putLocked(
    bucket: number,
    hash: number,
    key: number,
    value: number,
    flags: number,
    user: boolean,
    result: { error: number; unused: number },
  ): void {
    const { table, values } = this
    const old = table.find(bucket, hash, key)
    if (old !== 0 && flags === UpdateFlag.NOEXIST) {
      result.error = -ERRNO.EEXIST
    } else if (old === 0 && flags === UpdateFlag.EXIST) {
      result.error = -ERRNO.ENOENT
    } else if (old !== 0 && values.perCpu) {
      markUsed(this.kernel, old)
      this.write(old, value, user)
    } else {
      const fresh = result.unused
      table.setKey(fresh, hash, key)
      values.reset(fresh)
      if (user) values.writeUser(fresh, value)
      else values.fill(fresh, value, this.kernel.processors.current.id)
      table.link(bucket, fresh)
      result.unused = old
      if (old === 0) return
      markUsed(this.kernel, fresh)
      table.unlink(bucket, old)
    }
  }

  /** In place. */
  private write(element: number, value: number, user: boolean): void {
    if (user) {
      this.values.writeUser(element, value)
      return
    }
    this.values.overwrite(element, value, this.kernel.processors.current.id)
  }
}
