/** A map of the running kernel as user space holds it: the operations of bpf(2), and mmap of arenas. */
import type { Protection } from '../arena/mapping.ts'
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import type { MapAttributes } from '../maps/map.ts'
import { type Batch, BatchError, type BatchOptions } from '../maps/user.ts'
import { type Data, fromUserValue, isPerCpu, toBytes, toKey, toUserValue, type Value } from '../maps/values.ts'
import { keepAlive } from '../memory/pool.ts'
import { MAP_FLAGS, PAGE_SIZE } from '../program/types.ts'
import { mapBatch, mapDelete, mapFreeze, mapLookup, mapLookupAndDelete, mapNextKey, mapUpdate } from './bpf.ts'
import { createMap, type LinuxMapOptions } from './create-map.ts'
import { errnoOf, libc, refused } from './libc.ts'
import { LinuxMapping, PROTECTION, unsupported } from './mapping.ts'
import { possibleCpus } from './possible-cpus.ts'
import { presentPages } from './present-pages.ts'
import { Descriptor, type Resources } from './resources.ts'
import { reclaim, replacing, Window } from './window.ts'

/** What of arena/mmap.ts's MapRequest a live kernel takes: there is this one process only. */
export interface LinuxMapRequest {
  /** Where; absent for NULL. A hint unless `fixed`. */
  readonly address?: bigint
  /** Bytes. Default: max_entries pages. */
  readonly length?: number | bigint
  readonly offset?: number | bigint
  /** MAP_FIXED, which takes the address from the mapping that lies there; or MAP_FIXED_NOREPLACE. */
  readonly fixed?: boolean | 'noreplace'
  /** MAP_SHARED, the default; false is MAP_PRIVATE. */
  readonly shared?: boolean
  /** Default `rw`. */
  readonly protection?: Protection
}

/** What names the map and sizes its keys and values, as in MapInfo. */
export type LinuxMapInfo = Readonly<
  Pick<MapAttributes, 'name' | 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags' | 'extra' | 'btf'>
>

const PAGE = BigInt(PAGE_SIZE)

const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10
const MAP_FIXED_NOREPLACE = 0x100000

const UPDATE_MODES = { any: 0, noexist: 1, exist: 2 } as const

export class LinuxMap {
  readonly info: LinuxMapInfo
  readonly #descriptor: Descriptor
  readonly #resources: Resources
  #mapping: LinuxMapping | undefined

  /** BPF_MAP_CREATE; `resources` gets to close what is made. @throws ErrnoError */
  constructor(resources: Resources, attributes: MapAttributes, options: LinuxMapOptions = {}) {
    this.info = attributes
    this.#resources = resources
    this.#descriptor = resources.add(new Descriptor(createMap(attributes, options)))
  }

  get name(): string {
    return this.info.name
  }

  /** The descriptor, which is closed with the machine. @throws HarenaError when it is */
  get fd(): number {
    return this.#descriptor.fd
  }

  /**
   * The value under a key: a bigint when it has 1, 2, 4 or 8 bytes, else its bytes; of per-CPU maps an array of them,
   * by CPU. Undefined when absent.
   */
  get(key: Data): Value | undefined {
    const bytes = this.getBytes(key)
    return bytes === undefined ? undefined : toUserValue(this.info, bytes)
  }

  /** The value's bytes; of per-CPU maps those of all CPUs, each rounded up to 8. Undefined when absent. */
  getBytes(key: Data): Uint8Array | undefined {
    return this.#read('lookup', (value) => mapLookup(this.fd, this.#key(key), value))
  }

  /** Deletes a key and gives what stood there; undefined when absent. @throws ErrnoError ENOTSUPP for arrays */
  take(key: Data): Value | undefined {
    const bytes = this.#read('lookup and delete', (value) => mapLookupAndDelete(this.fd, this.#key(key), value))
    return bytes === undefined ? undefined : toUserValue(this.info, bytes)
  }

  #read(operation: string, read: (value: Uint8Array) => number): Uint8Array | undefined {
    const value = new Uint8Array(this.#valueBytes())
    const result = read(value)
    if (result >= 0) return value.subarray(0, this.#isPerCpu() ? value.length : this.info.valueSize)
    this.#assertAbsent(result, operation)
    return undefined
  }

  /**
   * Of a per-CPU map: an array of values by CPU, or one for all.
   * @throws ErrnoError EEXIST (`noexist`), ENOENT (`exist`), E2BIG, … as bpf(2)
   */
  set(key: Data, value: Data | readonly Data[], mode: keyof typeof UPDATE_MODES | number = 'any'): void {
    const flags = typeof mode === 'number' ? mode : UPDATE_MODES[mode]
    const result = mapUpdate(this.fd, this.#key(key), padded(this.#value(value)), flags)
    if (result < 0) throw this.#error(result, 'update')
  }

  /** Whether there was such a key. @throws ErrnoError where the map deletes nothing, as an array */
  delete(key: Data): boolean {
    const result = mapDelete(this.fd, this.#key(key))
    if (result >= 0) return true
    this.#assertAbsent(result, 'delete')
    return false
  }

  has(key: Data): boolean {
    return this.getBytes(key) !== undefined
  }

  /** Keys and values, in the order of bpf(2). */
  *entries(): Generator<[Data, Value], void> {
    for (const key of this.keys()) {
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  /**
   * Up to `count` entries from where the batch before ended; `take` deletes them.
   * @throws ErrnoError ENOSPC where `count` is too small for the next bucket of a hash map
   */
  batch(count: number, options: BatchOptions = {}): Batch {
    const { info } = this
    const size = this.#batchValueBytes()
    const keys = new Uint8Array(Math.max(8, count * info.keySize))
    const values = new Uint8Array(Math.max(8, count * size))
    const cursor = options.cursor === undefined ? undefined : padded(toBytes(options.cursor, 4, 'a cursor'))
    // No cursor is as large: it shows whether one was written.
    const next = new Uint8Array(8).fill(0xff)
    const { flags = 0, take = false } = options
    const kind = take ? 'take' : 'lookup'
    const done = mapBatch({ fd: this.fd, kind, count, keys, values, flags, cursor, next })
    const atEnd = done.result < 0 && errnoOf(done.result) === 'ENOENT'
    if (done.result < 0 && !atEnd) throw this.#error(done.result, `${kind} batch`)
    const entries = Array.from({ length: count === 0 ? 0 : done.count }, (_, i): [Data, Value] => [
      toKey(keys.slice(i * info.keySize, (i + 1) * info.keySize)),
      toUserValue(info, values.slice(i * size, (i + 1) * size)),
    ])
    const after = new DataView(next.buffer).getUint32(0, true)
    const written = after === 2 ** 32 - 1 ? undefined : after
    return { entries, cursor: count === 0 ? options.cursor : written, done: atEnd }
  }

  /** How many were updated. @throws BatchError at the first one refused, with the number of those before it */
  setBatch(entries: Iterable<readonly [Data, Data | readonly Data[]]>, flags = 0): number {
    const all = [...entries]
    const values = concat(all.map(([, value]) => this.#value(value)))
    return this.#change('update', concat(all.map(([key]) => this.#key(key))), values, all.length, flags)
  }

  /** How many were deleted. @throws BatchError at the first one refused or absent, with the number of those before it */
  deleteBatch(keys: Iterable<Data>, flags = 0): number {
    const all = [...keys]
    return this.#change('delete', concat(all.map((key) => this.#key(key))), undefined, all.length, flags)
  }

  #change(
    kind: 'update' | 'delete',
    keys: Uint8Array,
    values: Uint8Array | undefined,
    count: number,
    flags: number,
  ): number {
    const done = mapBatch({ fd: this.fd, kind, count, keys: padded(keys), values: values && padded(values), flags })
    if (done.result >= 0) return done.count
    const refusal = this.#error(done.result, `${kind} batch`)
    // The count is left as it was where the batch was not begun.
    if (!(refusal instanceof ErrnoError) || done.count === count) throw refusal
    throw new BatchError(refusal.errno, refusal.what, done.count)
  }

  *keys(): Generator<Data, void> {
    for (let key = this.#nextKey(undefined); key !== undefined; key = this.#nextKey(key)) yield toKey(key)
  }

  #nextKey(key: Uint8Array | undefined): Uint8Array | undefined {
    const next = new Uint8Array(Math.max(this.info.keySize, 8))
    const result = mapNextKey(this.fd, key, next)
    if (result >= 0) return next.subarray(0, this.info.keySize)
    this.#assertAbsent(result, 'next key')
    return undefined
  }

  /** Ends writing from user space (BPF_MAP_FREEZE). */
  freeze(): void {
    const result = mapFreeze(this.fd)
    if (result < 0) throw this.#error(result, 'freeze')
  }

  /**
   * The user-space mapping of an arena: without a request the one that loading made, however often it is called.
   * @throws ErrnoError as mmap(2); EBUSY where a view of what lies there is held; EOPNOTSUPP for maps of other types
   */
  mmap(request?: LinuxMapRequest): LinuxMapping {
    const fd = this.fd
    if (this.info.type !== 'arena') {
      throw new ErrnoError(
        'EOPNOTSUPP',
        `map ${this.name}: harena maps arenas into user space, not ${this.info.type} maps`,
      )
    }
    if (request === undefined && this.#mapping !== undefined && !this.#mapping.unmapped) return this.#mapping
    const mapping = this.#map(fd, request ?? defaultRequest(this.info))
    keepAlive(mapping, this)
    if (request === undefined) this.#mapping = mapping
    return mapping
  }

  #map(fd: number, request: LinuxMapRequest): LinuxMapping {
    const { info } = this
    const resources = this.#resources
    const arena = {
      name: info.name,
      segvOnFault: (info.flags & MAP_FLAGS.segv_on_fault) !== 0,
      btf: info.btf,
      assertOpen: () => {
        if (resources.closed) throw new HarenaError(`arena ${info.name} is closed`)
      },
      present: (start: bigint, pages: number) => presentPages(fd, start, pages),
    }
    return new LinuxMapping(arena, resources.add(mapArena(info, fd, request)), request.protection ?? 'rw')
  }

  #isPerCpu(): boolean {
    return isPerCpu(this.info.type)
  }

  /** As bpf(2) takes it. */
  #value(value: Data | readonly Data[]): Uint8Array {
    return fromUserValue(this.info, value, this.#batchValueBytes())
  }

  /** Bytes from one value to the next in a batch. */
  #batchValueBytes(): number {
    return this.#isPerCpu() ? this.#valueBytes() : this.info.valueSize
  }

  #valueBytes(): number {
    const rounded = Math.max(8, Math.ceil(this.info.valueSize / 8) * 8)
    return this.#isPerCpu() ? rounded * possibleCpus() : rounded
  }

  #key(key: Data): Uint8Array {
    return this.info.keySize === 0
      ? toBytes(key, 8, 'a key')
      : toBytes(key, this.info.keySize, `a key of map ${this.name}`)
  }

  /** The answer that there is no such key is none of the errors. @throws ErrnoError for any other */
  #assertAbsent(result: number, operation: string): void {
    if (errnoOf(result) !== 'ENOENT') throw this.#error(result, operation)
  }

  #error(result: number, operation: string): HarenaError {
    return refused(result, `map ${this.name}: ${operation}`)
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A buffer that lies at a fixed address; 8 bytes at least, as the kernel may round sizes up. */
function padded(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(Math.max(8, Math.ceil(bytes.length / 8) * 8))
  copy.set(bytes)
  return copy
}

/** Where libbpf maps an arena: at map_extra, else where the kernel likes. */
function defaultRequest({ extra }: LinuxMapInfo): LinuxMapRequest {
  return extra === 0n ? {} : { address: extra, fixed: 'noreplace' }
}

function mapArena(info: LinuxMapInfo, fd: number, request: LinuxMapRequest): Window {
  if ('process' in request) throw unsupported('map an arena into another process')
  const { address = 0n, offset = 0, fixed = false, shared = true, protection = 'rw' } = request
  const length = BigInt(request.length ?? info.maxEntries * PAGE_SIZE)
  const place = fixed === 'noreplace' ? MAP_FIXED_NOREPLACE : fixed ? MAP_FIXED : 0
  const flags = (shared ? MAP_SHARED : MAP_PRIVATE) | place
  const attempt = (): bigint => libc().mmap(address, length, PROTECTION[protection], flags, fd, BigInt(offset))
  let at = place === MAP_FIXED ? replacing(address, length, attempt) : attempt()
  if (at < 0n && isTaken(at) && reclaim(address, length)) at = attempt()
  if (at < 0n) throw mmapRefused(info, address, at)
  return new Window(at, ((length + PAGE - 1n) / PAGE) * PAGE)
}

function isTaken(result: bigint): boolean {
  const errno = errnoOf(Number(result))
  return errno === 'EEXIST' || errno === 'EBUSY'
}

function mmapRefused(info: LinuxMapInfo, address: bigint, result: bigint): HarenaError {
  const why = isTaken(result) ? `: something is mapped at 0x${address.toString(16)}` : ''
  return refused(Number(result), `mmap of arena ${info.name}${why}`)
}
