/**
 * A map as user space has it: what bpf(2) does with a map's file descriptor, keys and values copied in and out.
 *
 * Order of refusals, as observed on Linux 6.18: rights of the descriptor (EPERM), the lock flag (EINVAL), a key for a
 * map that has none (EINVAL), then the map's own answer.
 */
import { ERRNO, ErrnoError } from '../errors/errors.ts'
import { checkOpen, type Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { type BpfMap, errnoName, UpdateFlag } from './map.ts'
import { type Data, toBytes, toKey, toValue } from './values.ts'

export type UpdateMode = 'any' | 'noexist' | 'exist'

const MODES: Readonly<Record<UpdateMode, number>> = {
  any: UpdateFlag.ANY,
  noexist: UpdateFlag.NOEXIST,
  exist: UpdateFlag.EXIST,
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

  constructor(kernel: Kernel, map: BpfMap) {
    this.kernel = kernel
    this.map = map
  }

  get info(): MapInfo {
    return this.map.info
  }

  get name(): string {
    return this.map.info.name
  }

  /** The value: a bigint when it has 1, 2, 4 or 8 bytes, else its bytes, copied. Undefined where the key is absent. */
  get(key: Data): bigint | Uint8Array | undefined {
    const bytes = this.getBytes(key)
    return bytes === undefined ? undefined : toValue(bytes)
  }

  /** The value's bytes, copied; undefined where the key is absent. */
  getBytes(key: Data): Uint8Array | undefined {
    this.mayRead('lookup')
    const { memory } = this.kernel
    return this.withKey(key, 'lookup', ({ key: at }) => {
      const value = this.map.lookup(at)
      return value === 0 ? undefined : memory.u8.slice(value, value + this.info.valueSize)
    })
  }

  /** Throws ErrnoError: EEXIST, ENOENT for the modes, E2BIG where there is no room, and so on. */
  set(key: Data, value: Data, mode: UpdateMode | number = 'any'): void {
    this.mayWrite('update')
    const flags = typeof mode === 'number' ? mode : MODES[mode]
    // No map has a spin lock in its values yet.
    if (flags % 8 >= UpdateFlag.LOCK) throw this.error('EINVAL', 'update')
    const bytes = toBytes(value, this.info.valueSize, `a value of map ${this.name}`)
    const result = this.withKey(key, 'update', (buffers) => {
      this.kernel.memory.u8.set(bytes, buffers.value)
      return this.map.update(buffers.key, buffers.value, flags)
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

  has(key: Data): boolean {
    return this.getBytes(key) !== undefined
  }

  /** Every key with its value, in the order of bpf(2)'s next-key; what changes meanwhile may or may not be seen. */
  *entries(): Generator<[Data, bigint | Uint8Array], void> {
    for (const key of this.keys()) {
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  /** Every key: a number up to 4 bytes, a bigint of 8, else bytes. */
  *keys(): Generator<Data, void> {
    for (let key = this.nextKey(undefined); key !== undefined; key = this.nextKey(key)) yield key
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

  private error(errno: ErrnoError['errno'], operation: string): ErrnoError {
    return new ErrnoError(errno, `map ${this.name}: ${operation}`)
  }

  /** Copies the key in, where there is one, and lends buffers for the rest. */
  private withKey<T>(key: Data | undefined, operation: string, work: (buffers: Buffers) => T): T {
    const { keySize, valueSize } = this.info
    if (keySize === 0 && key !== undefined) throw this.error('EINVAL', operation)
    const keyBytes = key === undefined ? undefined : toBytes(key, keySize, `a key of map ${this.name}`)
    const { memory, pages } = this.kernel
    const keyRoom = Math.ceil(keySize / 8) * 8
    // An arena has neither; its operations get a buffer all the same.
    const bytes = 2 * keyRoom + Math.max(valueSize, 8)
    const at = pages.allocBytes(bytes, PageOwner.OTHER)
    if (at === 0) throw this.error('ENOMEM', operation)
    try {
      if (keyBytes !== undefined) memory.u8.set(keyBytes, at)
      return work({ key: at, next: at + keyRoom, value: at + 2 * keyRoom })
    } finally {
      pages.freeBytes(at, bytes)
    }
  }
}
