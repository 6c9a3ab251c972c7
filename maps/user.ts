/**
 * A map as user space has it: what bpf(2) does with a map's file descriptor, keys and values copied in and out. The
 * value of a per-CPU map is an array of values, one a CPU.
 *
 * Order of refusals, as observed on Linux 6.18: rights of the descriptor (EPERM), the lock flag (EINVAL), a key for a
 * map that has none (EINVAL), then the map's own answer.
 */
import { ERRNO, type Errno, ErrnoError, InternalError } from '../errors/errors.ts'
import { blame, blaming } from '../memalloc/integrity.ts'
import { checkOpen, type Kernel } from '../memalloc/kernel.ts'
import { USER_BUFFERS_END } from '../memalloc/page-layout.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { type BatchKind, type BatchResult, type BpfMap, errnoName, roundUp8, UpdateFlag } from './map.ts'
import { type Data, fromUserValue, isPerCpu, putBytes, toKey, toUserValue, type Value, valueAt } from './values.ts'

export type UpdateMode = 'any' | 'noexist' | 'exist'

const MODES: Readonly<Record<UpdateMode, number>> = {
  any: UpdateFlag.ANY,
  noexist: UpdateFlag.NOEXIST,
  exist: UpdateFlag.EXIST,
}

export interface BatchOptions {
  /** What the batch before gave. */
  readonly cursor?: number | undefined
  /** Delete what is handed out. */
  readonly take?: boolean
  /** elem_flags of bpf(2). */
  readonly flags?: number
}

export interface Batch {
  readonly entries: readonly (readonly [Data, Value])[]
  /** Where the next batch begins; undefined where there was nothing. */
  readonly cursor: number | undefined
  /** Nothing is left (bpf(2): ENOENT). */
  readonly done: boolean
}

/** Interruptions may put keys into a map beyond its limit: never so many. */
const SPARE_KEYS = 1024

/** A batch that ended at an element that was refused. */
export class BatchError extends ErrnoError {
  override name = 'BatchError'
  /** Elements done before. */
  readonly done: number

  constructor(errno: Errno, message: string, done: number) {
    super(errno, message)
    this.done = done
  }
}

/** Offsets of a key, of the key behind it, and of a value, for one operation. */
interface Buffers {
  readonly key: number
  readonly next: number
  readonly value: number
}

export class UserMap {
  readonly map: BpfMap
  private readonly kernel: Kernel
  private readonly perCpu: boolean
  /** For messages. */
  private readonly keyName: string
  private readonly valueName: string

  constructor(kernel: Kernel, map: BpfMap) {
    this.perCpu = isPerCpu(map.info.type)
    this.keyName = `a key of map ${map.info.name}`
    this.valueName = `a value of map ${map.info.name}`
    this.kernel = kernel
    this.map = map
  }

  get info(): MapInfo {
    return this.map.info
  }

  get name(): string {
    return this.map.info.name
  }

  /**
   * The value: a bigint when it has 1, 2, 4 or 8 bytes, else its bytes, copied; of per-CPU maps an array of them, one
   * a CPU. Undefined where the key is absent.
   */
  get(key: Data): Value | undefined {
    if (this.perCpu) {
      const bytes = this.getBytes(key)
      return bytes === undefined ? undefined : toUserValue(this.info, bytes)
    }
    this.mayRead('lookup')
    const found = this.withKey(key, 'lookup', ({ key: at, value }) => {
      const result = this.map.user.read(at, value)
      return result === 0 ? valueAt(this.kernel.memory, value, this.map.user.valueBytes) : result
    })
    return typeof found === 'number' ? this.absent(found, 'lookup') : found
  }

  /** The value's bytes, copied, of per-CPU maps those of all CPUs, each rounded up to 8; undefined when absent. */
  getBytes(key: Data): Uint8Array | undefined {
    this.mayRead('lookup')
    return this.found('lookup', key, (buffers) => this.map.user.read(buffers.key, buffers.value))
  }

  /**
   * Of a per-CPU map: one value for every CPU, or one for all.
   * Throws ErrnoError: EEXIST, ENOENT for the modes, E2BIG where there is no room, and so on.
   */
  set(key: Data, value: Data | readonly Data[], mode: UpdateMode | number = 'any'): void {
    this.mayWrite('update')
    const flags = typeof mode === 'number' ? mode : MODES[mode]
    this.refuseLock(flags, 'update')
    const { memory } = this.kernel
    const { valueBytes } = this.map.user
    // One word mostly; what is refused is refused before anything is done either way.
    const bytes = typeof value === 'bigint' && !this.perCpu ? value : fromUserValue(this.info, value, valueBytes)
    const result = this.withKey(key, 'update', (buffers) => {
      putBytes(memory, buffers.value, bytes, valueBytes, this.valueName)
      return this.map.user.update(buffers.key, buffers.value, flags)
    })
    if (result !== 0) throw this.error(errnoName(result), 'update')
  }

  /** Whether there was such a key. Throws ErrnoError where the map deletes nothing (an array: EINVAL). */
  delete(key: Data): boolean {
    this.mayWrite('delete')
    const result = this.withKey(key, 'delete', (buffers) => this.map.delete(buffers.key))
    if (result === 0) return true
    if (result === -ERRNO.ENOENT) return false
    throw this.error(errnoName(result), 'delete')
  }

  /** Deletes a key and gives what stood there; undefined where it is absent. ENOTSUPP for arrays. */
  take(key: Data): Value | undefined {
    this.mayTake('lookup and delete')
    const bytes = this.found('lookup and delete', key, (buffers) => this.map.user.take(buffers.key, buffers.value))
    return bytes === undefined ? undefined : toUserValue(this.info, bytes)
  }

  has(key: Data): boolean {
    return this.getBytes(key) !== undefined
  }

  /** Every key with its value, in the order of bpf(2)'s next-key; what changes meanwhile may or may not be seen. */
  *entries(): Generator<[Data, Value], void> {
    for (const key of this.keys()) {
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  /** Every key: a number up to 4 bytes, a bigint of 8, else bytes. */
  *keys(): Generator<Data, void> {
    let given = 0
    for (let key = this.nextKey(undefined); key !== undefined; key = this.nextKey(key)) {
      // Who changes the map between keys may get more of them than it has.
      if (given++ === this.mostKeys) {
        blaming(this.kernel.integrity, () => this.assertEnd())
        given = 0
      }
      yield key
    }
  }

  private get mostKeys(): number {
    return this.info.maxEntries + SPARE_KEYS
  }

  /** While nobody changes anything, the keys of a map come to an end. */
  private assertEnd(): void {
    let key = this.nextKey(undefined)
    for (let left = this.mostKeys; key !== undefined; left--) {
      if (left === 0) throw new InternalError(`the keys of map ${this.name} have no end`)
      key = this.nextKey(key)
    }
  }

  /** The key behind this one, the first one for undefined or a key that is not there; undefined at the end. */
  nextKey(key: Data | undefined): Data | undefined {
    this.mayRead('next key')
    const { keySize } = this.info
    const found = this.withKey(key, 'next key', (buffers) => {
      const result = this.map.nextKey(key === undefined ? 0 : buffers.key, buffers.next)
      return result === 0 ? this.kernel.memory.u8.slice(buffers.next, buffers.next + keySize) : result
    })
    if (typeof found !== 'number') return toKey(found)
    if (found === -ERRNO.ENOENT) return undefined
    throw this.error(errnoName(found), 'next key')
  }

  /**
   * Up to `count` entries from `cursor` on, undefined for the start. The cursor that comes back is where the next
   * batch begins.
   * @throws ErrnoError ENOSPC where `count` is too small for one step of the cursor (a hash map's bucket)
   */
  batch(count: number, options: BatchOptions = {}): Batch {
    const take = options.take === true
    const operation = take ? 'lookup and delete batch' : 'lookup batch'
    if (take) this.mayTake(operation)
    else this.mayRead(operation)
    this.needBatch(take ? 'take' : 'lookup', operation)
    this.refuseLock(options.flags ?? 0, operation, true)
    const entries: [Data, Value][] = []
    if (count === 0) return { entries, cursor: options.cursor, done: false }
    const { u8 } = this.kernel.memory
    const { keySize } = this.info
    const { valueBytes } = this.map.user
    const put = (key: number, value: number): void => {
      const bytes = u8.slice(value, value + valueBytes)
      entries.push([toKey(u8.slice(key, key + keySize)), toUserValue(this.info, bytes)])
    }
    const read = (): BatchResult => this.map.user.readBatch({ cursor: options.cursor, count, take, put })
    const { result, cursor } = blaming(this.kernel.integrity, read)
    const done = result === -ERRNO.ENOENT
    if (result !== 0 && !done) throw this.error(errnoName(result), operation)
    return { entries, cursor, done }
  }

  /** Updates one after the other: how many. @throws BatchError at the first one refused */
  setBatch(entries: Iterable<readonly [Data, Data | readonly Data[]]>, flags = 0): number {
    this.mayWrite('update batch')
    this.needBatch('update', 'update batch')
    this.refuseLock(flags, 'update batch', true)
    return this.eachOf(entries, 'update batch', ([key, value]) => this.set(key, value, flags))
  }

  /** Deletes one after the other: how many. @throws BatchError at the first one refused, an absent one (ENOENT) too */
  deleteBatch(keys: Iterable<Data>, flags = 0): number {
    this.mayWrite('delete batch')
    this.needBatch('delete', 'delete batch')
    this.refuseLock(flags, 'delete batch', true)
    return this.eachOf(keys, 'delete batch', (key) => {
      if (!this.delete(key)) throw this.error('ENOENT', 'delete')
    })
  }

  /** No more writing from user space: afterwards `set`, `delete` and a second freeze throw EPERM. Programs still write. */
  freeze(): void {
    this.mayWrite('freeze')
    const result = this.map.freeze()
    if (result !== 0) throw this.error(errnoName(result), 'freeze')
  }

  private mayRead(operation: string): void {
    checkOpen(this.kernel)
    if ((this.info.flags & MAP_FLAGS.wronly) !== 0) throw this.error('EPERM', operation)
  }

  private mayWrite(operation: string): void {
    checkOpen(this.kernel)
    const readOnly = (this.info.flags & MAP_FLAGS.rdonly) !== 0 || this.map.isFrozen
    if (readOnly) throw this.error('EPERM', operation)
  }

  private mayTake(operation: string): void {
    this.mayRead(operation)
    this.mayWrite(operation)
  }

  /** No map has a spin lock in its values yet; batches take no other flag either. */
  private refuseLock(flags: number, operation: string, orAny = false): void {
    if (flags % 8 >= UpdateFlag.LOCK || (orAny && flags !== 0)) throw this.error('EINVAL', operation)
  }

  private needBatch(kind: BatchKind, operation: string): void {
    if (!this.map.user.batches.has(kind)) throw this.error('ENOTSUPP', operation)
  }

  private eachOf<T>(items: Iterable<T>, operation: string, work: (item: T) => void): number {
    let done = 0
    for (const item of items) {
      try {
        work(item)
      } catch (error) {
        if (!(error instanceof ErrnoError)) throw error
        throw new BatchError(error.errno, `map ${this.name}: ${operation}, after ${done}`, done)
      }
      done++
    }
    return done
  }

  /** What `read` left in the value's buffer; undefined for an absent key. */
  private found(operation: string, key: Data, read: (buffers: Buffers) => number): Uint8Array | undefined {
    const { u8 } = this.kernel.memory
    const found = this.withKey(key, operation, (buffers) => {
      const result = read(buffers)
      return result === 0 ? u8.slice(buffers.value, buffers.value + this.map.user.valueBytes) : result
    })
    return typeof found === 'number' ? this.absent(found, operation) : found
  }

  /** What an error number comes to: ENOENT is no error. */
  private absent(result: number, operation: string): undefined {
    if (result !== -ERRNO.ENOENT) throw this.error(errnoName(result), operation)
  }

  private error(errno: Errno, operation: string): ErrnoError {
    return new ErrnoError(errno, `map ${this.name}: ${operation}`)
  }

  /** Copies the key in, where there is one, and lends buffers for the rest. */
  private withKey<T>(key: Data | undefined, operation: string, work: (buffers: Buffers) => T): T {
    try {
      return this.withBuffers(key, operation, work)
    } catch (error) {
      throw blame(this.kernel.integrity, error)
    }
  }

  private withBuffers<T>(key: Data | undefined, operation: string, work: (buffers: Buffers) => T): T {
    const { keySize } = this.info
    if (keySize === 0 && key !== undefined) throw this.error('EINVAL', operation)
    const { memory, pages, userBuffers } = this.kernel
    const keyRoom = roundUp8(keySize)
    // An arena has neither; its operations get a buffer all the same.
    const bytes = 2 * keyRoom + Math.max(roundUp8(this.map.user.valueBytes), 8)
    const small = userBuffers.next + bytes <= USER_BUFFERS_END
    const at = small ? userBuffers.next : pages.borrowBytes(bytes)
    if (at === 0) throw this.error('ENOMEM', operation)
    if (small) userBuffers.next += bytes
    try {
      if (key !== undefined) putBytes(memory, at, key, keySize, this.keyName)
      return work({ key: at, next: at + keyRoom, value: at + 2 * keyRoom })
    } finally {
      if (small) {
        // What an operation does not write is zero, for the next one too.
        memory.u8.fill(0, at, at + bytes)
        userBuffers.next = at
      } else {
        pages.freeBytes(at, bytes)
      }
    }
  }
}
