/**
 * What every map type offers: to programs by offsets in kernel memory, to user space through user.ts, to the verifier
 * as MapInfo.
 *
 * A map is an object of its own page in kernel memory, whose address is the map's, and whatever that points to:
 *
 *     0     4          8            12            16      20   24       28
 *     type  key size   value size   max entries   flags   id   frozen   values: offset in kernel memory
 *
 * A handle over the same memory can be rebuilt from these words.
 */
import type { Btf } from '../btf/types.ts'
import { ERRNO, type Errno, ErrnoError, InternalError } from '../errors/errors.ts'
import { type Kernel, kernelAddress } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS, MAP_TYPES, type MapType, PAGE_SIZE } from '../program/types.ts'
import type { ElementUsage } from './elements.ts'
import type { MapLayout } from './layout.ts'

/** What bpf(2) BPF_MAP_CREATE takes. A MapSpec of an object is one. */
export interface MapAttributes {
  readonly name: string
  readonly type: MapType
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** MAP_FLAGS, or-ed. */
  readonly flags: number
  /** map_extra. */
  readonly extra: bigint
  /** With the flag `numa_node`: node 0, the only one, or -1 for any. */
  readonly numaNode?: number
  readonly btf?: Btf | undefined
  /** Types of key and value in `btf`, 0 for none. */
  readonly keyTypeId?: number
  readonly valueTypeId?: number
}

/** Flags of an update (BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK). */
export const UpdateFlag = { ANY: 0, NOEXIST: 1, EXIST: 2, LOCK: 4 } as const

/**
 * Operations take offsets of key and value in kernel memory, of any alignment, and return 0 or a negative error
 * number. They are what helpers 1 to 3 do; who may call them is the verifier's and user.ts's business.
 */
export interface BpfMap {
  readonly info: MapInfo
  /** What bpf(2) does otherwise than programs. */
  readonly user: UserOperations
  /**
   * Offset of the value (of per-CPU maps: the current CPU's), 0 where the key is absent. It stays good for as long as
   * the map type promises.
   */
  lookup(key: number): number
  /** Offset of the value of one CPU (helper 195); 0 for absent keys, CPUs, and maps that are not per CPU. */
  lookupPerCpu(key: number, cpu: number): number
  /** `flags`: UpdateFlag, or-ed; a number beyond 2^53 may be rounded. */
  update(key: number, value: number, flags: number): number
  delete(key: number): number
  /** Writes the key behind `key` to `next`; the first one when `key` is 0 (no key) or not in the map. */
  nextKey(key: number, next: number): number
  /** Ends writing from user space. */
  freeze(): number
  readonly isFrozen: boolean
  /** Offsets of the objects in the `kptr` fields of its values; absent where values can have none. */
  heldObjects?(): readonly number[]
  /** What elements on demand take; undefined where an instance of bpf_mem_alloc tells. */
  elementUsage?(): ElementUsage | undefined
  /** For compiled code; absent where only the map itself knows its way about. Undefined in debug mode. */
  layout?(): MapLayout | undefined
  /** Gives back its memory. */
  destroy(): void
}

/** The operations of bpf(2) that are not those of the helpers. Values are copied: nobody gets to hold one. */
export interface UserOperations {
  /** Bytes that a value has here: of per-CPU maps one value a CPU, each rounded up to 8 bytes. */
  readonly valueBytes: number
  /** Copies the value to `out`. */
  read(key: number, out: number): number
  update(key: number, value: number, flags: number): number
  /** Copies the value to `out`, and deletes it. */
  take(key: number, out: number): number
  /** Which batches there are; the others are ENOTSUPP. */
  readonly batches: ReadonlySet<BatchKind>
  /** A batch of look-ups from `cursor` on, undefined for the start; `take` deletes what it hands out. */
  readBatch(request: BatchRequest): BatchResult
}

export type BatchKind = 'lookup' | 'take' | 'update' | 'delete'

export const NO_BATCHES: ReadonlySet<BatchKind> = new Set()
export const ALL_BATCHES: ReadonlySet<BatchKind> = new Set(['lookup', 'take', 'update', 'delete'])

export interface BatchRequest {
  /** What the batch before gave, 32 bits; undefined for the start. */
  readonly cursor: number | undefined
  /** Entries that there is room for. */
  readonly count: number
  readonly take: boolean
  /** Is given offsets of key and value; the value's are `valueBytes`. */
  readonly put: (key: number, value: number) => void
}

export interface BatchResult {
  /** 0 when there may be more, -ENOENT at the end, -ENOSPC when one step of the cursor does not fit. */
  readonly result: number
  /** Where the next batch starts; undefined where Linux writes none. */
  readonly cursor: number | undefined
}

/** PCPU_MIN_UNIT_SIZE: largest value of per-CPU maps. */
export const MAX_PER_CPU_VALUE: number = 32 * 1024

// Words of the map object.
const TYPE = 0
const KEY_SIZE = 4
const VALUE_SIZE = 8
const MAX_ENTRIES = 12
const FLAGS = 16
const ID = 20
const FROZEN = 24
const VALUES = 28

/** The page that is a map's identity. */
export class MapObject {
  readonly offset: number
  private readonly kernel: Kernel

  /** Writes down what a map is; ENOMEM where no page is left. */
  constructor(kernel: Kernel, attributes: MapAttributes, values: number) {
    this.kernel = kernel
    this.offset = kernel.pages.alloc(0, PageOwner.MAP)
    if (this.offset === 0) throw refusal(attributes, 'ENOMEM', 'no memory for the map')
    kernel.ids.map++
    const words: readonly (readonly [number, number])[] = [
      [TYPE, MAP_TYPES[attributes.type]],
      [KEY_SIZE, attributes.keySize],
      [VALUE_SIZE, attributes.valueSize],
      [MAX_ENTRIES, attributes.maxEntries],
      [FLAGS, attributes.flags],
      [ID, kernel.ids.map],
      [VALUES, values],
    ]
    for (const [at, value] of words) kernel.steps.store32(this.offset + at, value)
  }

  get id(): number {
    return this.kernel.steps.load32(this.offset + ID)
  }

  get isFrozen(): boolean {
    return this.kernel.steps.load32(this.offset + FROZEN) !== 0
  }

  freeze(): void {
    this.kernel.steps.store32(this.offset + FROZEN, 1)
  }

  destroy(): void {
    this.kernel.pages.free(this.offset)
  }
}

/** What of MapInfo depends on the map's type and changes while it lives. */
export interface LiveInfo {
  readonly valueAddress: () => bigint
  readonly userStart?: () => bigint | undefined
  readonly frozen?: () => Uint8Array | undefined
}

/** The verifier's view of a map. */
export function makeMapInfo(attributes: MapAttributes, object: MapObject, live: LiveInfo): MapInfo {
  return {
    id: object.id,
    name: attributes.name,
    type: attributes.type,
    keySize: attributes.keySize,
    valueSize: attributes.valueSize,
    maxEntries: attributes.maxEntries,
    flags: attributes.flags,
    extra: attributes.extra,
    btf: attributes.btf,
    keyTypeId: attributes.keyTypeId ?? 0,
    valueTypeId: attributes.valueTypeId ?? 0,
    address: kernelAddress(object.offset),
    get valueAddress() {
      return live.valueAddress()
    },
    get userStart() {
      return live.userStart?.()
    },
    get frozen() {
      return live.frozen?.()
    },
  }
}

/** A creation refused: names the map and says what is wrong with it. */
export function refusal(attributes: MapAttributes, errno: Errno, why: string): ErrnoError {
  return new ErrnoError(errno, `map ${attributes.name}: ${why}`)
}

/** Whether a NUMA node is asked for: -1 with the flag means none. */
export function hasNumaNode({ flags, numaNode = 0 }: MapAttributes): boolean {
  return (flags & MAP_FLAGS.numa_node) !== 0 && numaNode !== -1
}

/** What is refused before the map type is asked: map_extra, and a NUMA node that is not there (EINVAL). */
export function checkCommon(attributes: MapAttributes): void {
  if (attributes.extra !== 0n) throw refusal(attributes, 'EINVAL', `map type ${attributes.type} takes no extra`)
  if (hasNumaNode(attributes) && attributes.numaNode !== undefined && attributes.numaNode !== 0) {
    throw refusal(attributes, 'EINVAL', `there is no NUMA node ${attributes.numaNode}`)
  }
}

/** Refuses a map that is larger than what may still be used, before the first byte of it is allocated (ENOMEM). */
export function assertRoom(kernel: Kernel, attributes: MapAttributes, pieces: readonly number[]): void {
  // The page of the map itself, and whole pages for each piece.
  const pages = pieces.reduce((sum, bytes) => sum + Math.ceil(bytes / PAGE_SIZE), 1)
  const { used, limit } = kernel.pages.statistics()
  const ofGroup = kernel.group?.room ?? Infinity
  if (used + pages > limit || pages * PAGE_SIZE > ofGroup) {
    throw refusal(attributes, 'ENOMEM', `${pages} pages are more than may still be used`)
  }
}

/** Bytes in a value or key, rounded up to 8 bytes. */
export function roundUp8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** Refuses flags that the type does not take, and access flags that contradict each other (EINVAL). */
export function checkFlags(attributes: MapAttributes, allowed: number): void {
  const { flags } = attributes
  const unknown = flags & ~allowed
  if (unknown !== 0) {
    const names = (Object.keys(MAP_FLAGS) as (keyof typeof MAP_FLAGS)[]).filter((name) => unknown & MAP_FLAGS[name])
    const what = names.length > 0 ? names.join('|') : `0x${(unknown >>> 0).toString(16)}`
    throw refusal(attributes, 'EINVAL', `map type ${attributes.type} does not take the flag ${what}`)
  }
  const both = (a: keyof typeof MAP_FLAGS, b: keyof typeof MAP_FLAGS): void => {
    if ((flags & MAP_FLAGS[a]) !== 0 && (flags & MAP_FLAGS[b]) !== 0) {
      throw refusal(attributes, 'EINVAL', `the flags ${a} and ${b} exclude each other`)
    }
  }
  both('rdonly', 'wronly')
  both('rdonly_prog', 'wronly_prog')
}

/** The name of a negative error number. */
export function errnoName(result: number): Errno {
  const found = (Object.keys(ERRNO) as Errno[]).find((name) => ERRNO[name] === -result)
  if (found === undefined) throw new InternalError(`a map operation returned ${result}`)
  return found
}
