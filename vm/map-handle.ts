/** A map of a machine as user space holds it: the operations of bpf(2), and mmap of arenas. */
import type { ArenaMapping } from '../arena/mapping.ts'
import type { MapRequest } from '../arena/mmap.ts'
import { ErrnoError } from '../errors/errors.ts'
import { ArenaMap } from '../maps/arena-map.ts'
import type { BpfMap } from '../maps/map.ts'
import { type Batch, type BatchOptions, type UpdateMode, UserMap } from '../maps/user.ts'
import type { Data, Value } from '../maps/values.ts'
import { checkOpen, type Kernel } from '../memalloc/kernel.ts'
import type { MapInfo } from '../program/loadable.ts'

export class MapHandle {
  /** What programs are bound to. */
  readonly map: BpfMap
  readonly #kernel: Kernel
  readonly #user: UserMap

  constructor(kernel: Kernel, map: BpfMap) {
    this.map = map
    this.#kernel = kernel
    this.#user = new UserMap(kernel, map)
  }

  get name(): string {
    return this.map.info.name
  }

  get info(): MapInfo {
    return this.map.info
  }

  /**
   * The value under a key: a bigint when it has 1, 2, 4 or 8 bytes, else its bytes; of per-CPU maps an array of them,
   * by CPU. Undefined when absent.
   */
  get(key: Data): Value | undefined {
    return this.#user.get(key)
  }

  /** The value's bytes, copied, of per-CPU maps those of all CPUs, each rounded up to 8; undefined when absent. */
  getBytes(key: Data): Uint8Array | undefined {
    return this.#user.getBytes(key)
  }

  /**
   * Of a per-CPU map: an array of values by CPU, or one for all.
   * @throws ErrnoError EEXIST (`noexist`), ENOENT (`exist`), E2BIG, … as bpf(2)
   */
  set(key: Data, value: Data | readonly Data[], mode: UpdateMode | number = 'any'): void {
    this.#user.set(key, value, mode)
  }

  /** Whether there was such a key. @throws ErrnoError where the map deletes nothing, as an array */
  delete(key: Data): boolean {
    return this.#user.delete(key)
  }

  has(key: Data): boolean {
    return this.#user.has(key)
  }

  /** Keys and values, in the order of bpf(2). */
  entries(): Generator<[Data, Value], void> {
    return this.#user.entries()
  }

  keys(): Generator<Data, void> {
    return this.#user.keys()
  }

  /** Deletes a key and gives what stood there; undefined when absent. @throws ErrnoError ENOTSUPP for arrays */
  take(key: Data): Value | undefined {
    return this.#user.take(key)
  }

  /**
   * Up to `count` entries from where the batch before ended; `take` deletes them.
   * @throws ErrnoError ENOSPC where `count` is too small for the next bucket of a hash map
   */
  batch(count: number, options: BatchOptions = {}): Batch {
    return this.#user.batch(count, options)
  }

  /** How many were updated. @throws BatchError at the first one refused, with the number of those before it */
  setBatch(entries: Iterable<readonly [Data, Data | readonly Data[]]>, flags = 0): number {
    return this.#user.setBatch(entries, flags)
  }

  /** How many were deleted. @throws BatchError at the first one refused or absent, with the number of those before it */
  deleteBatch(keys: Iterable<Data>, flags = 0): number {
    return this.#user.deleteBatch(keys, flags)
  }

  /** Ends writing from user space (BPF_MAP_FREEZE). */
  freeze(): void {
    checkOpen(this.#kernel)
    this.#user.freeze()
  }

  /**
   * The user-space mapping of an arena: without a request the one that loading made, however often it is called.
   * @throws ErrnoError as mmap(2); EOPNOTSUPP for maps of other types
   */
  mmap(request?: MapRequest): ArenaMapping {
    checkOpen(this.#kernel)
    if (this.map instanceof ArenaMap) return this.map.arena.mmap(request)
    throw new ErrnoError(
      'EOPNOTSUPP',
      `map ${this.name}: harena maps arenas into user space, not ${this.info.type} maps`,
    )
  }
}
