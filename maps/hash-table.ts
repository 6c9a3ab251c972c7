/**
 * Buckets and chains of a hash map, in kernel memory.
 *
 *     control    words that hash.ts keeps, and two words a CPU            element   0 next | 8 free-list link | 16 LRU node
 *     buckets    first  lock  first  lock  ...                                     32 owner | 40 hash | 48 key, value
 *                  |
 *                  v
 *                element -> element -> end mark of the bucket: 2 * bucket + 1
 *
 * New elements go to the head of their chain. Look-ups take no lock: an element may be taken out and put into another
 * chain while somebody stands on it, so a walk that arrives at the end mark of another bucket starts again. Whoever
 * changes a chain holds the bucket's lock with interrupts off; an NMI that wants the same lock gets an error number.
 */
import type { Locks } from '../cpu/locks.ts'
import type { Processors } from '../cpu/processors.ts'
import { InternalError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { copyBytes, load32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import { hashKey } from './key-hash.ts'
import type { TableLayout } from './layout.ts'
import { roundUp8 } from './map.ts'

/** Bytes of an element before its key. */
export const HEAD_BYTES = 48

// Offsets in an element's head.
export const NEXT = 0
/** Not over NEXT: somebody may still stand on a freed element, and has to find the end of the chain. */
export const FREE_LINK = 8
export const LRU_NODE = 16
export const OWNER = 32
export const HASH = 40

/** Bytes of control before the words of the CPUs. */
const CPU_WORDS = 64
/** A cache line: CPUs that count each for itself are not to take the line from one another. */
const CPU_BYTES = 64
export const BUCKET_BYTES = 8
/** In a bucket. */
export const BUCKET_LOCK = 4

/** Word of control: the number of elements (element-counter.ts). */
export const COUNT = 0

export interface TableShape {
  readonly maxEntries: number
  readonly keySize: number
  /** lookup3's initial value. */
  readonly seed: number
}

/** Buckets: the next power of two of the number of entries. */
export function bucketCount(maxEntries: number): number {
  return maxEntries <= 1 ? 1 : 2 ** (32 - Math.clz32(maxEntries - 1))
}

/**
 * Elements that a chain may have: all of the map's, and as many that are on their way out or in. An unchecked program
 * can bend a chain into a ring.
 */
function longestChain(buckets: number): number {
  return 2 * buckets + 1024
}

export function tableBytes(maxEntries: number, cpus: number): number {
  return CPU_WORDS + CPU_BYTES * cpus + BUCKET_BYTES * bucketCount(maxEntries)
}

export class HashTable {
  /** Offset of the control words; 0 where there was no memory. */
  readonly control: number
  readonly buckets: number
  readonly keyBytes: number
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly steps: Steps
  private readonly locks: Locks
  private readonly processors: Processors
  private readonly firstBucket: number
  private readonly keySize: number
  private readonly seed: number
  private readonly bytes: number
  /** No chain is longer: what is longer has no end. */
  private readonly longest: number

  constructor(kernel: Kernel, shape: TableShape) {
    this.kernel = kernel
    this.memory = kernel.memory
    this.steps = kernel.steps
    this.locks = kernel.locks
    this.processors = kernel.processors
    this.keySize = shape.keySize
    this.keyBytes = roundUp8(shape.keySize)
    this.seed = shape.seed
    this.buckets = bucketCount(shape.maxEntries)
    this.longest = longestChain(this.buckets)
    const cpus = this.processors.cpus.length
    this.bytes = tableBytes(shape.maxEntries, cpus)
    this.control = kernel.pages.allocBytes(this.bytes, PageOwner.MAP)
    this.firstBucket = this.control + CPU_WORDS + CPU_BYTES * cpus
    if (this.control === 0) return
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      this.steps.store32(this.firstBucket + BUCKET_BYTES * bucket, 2 * bucket + 1)
    }
  }

  destroy(): void {
    this.kernel.pages.freeBytes(this.control, this.bytes)
  }

  /** Two words of this CPU. */
  cpuWords(cpu: number): number {
    return this.control + CPU_WORDS + CPU_BYTES * cpu
  }

  /** For compiled code. */
  get layout(): TableLayout {
    const { firstBucket, buckets, longest, keySize, seed, control } = this
    const cpuWords = control + CPU_WORDS
    return { firstBucket, bucketMask: buckets - 1, longest, keySize, seed, cpuWords, cpuWordsStride: CPU_BYTES }
  }

  hashOf(key: number): number {
    return hashKey(this.memory, key, this.keySize, this.seed)
  }

  bucketOf(hash: number): number {
    // Signed: and-ing with the largest mask there is, 2^31 - 1, clears the sign.
    return hash & (this.buckets - 1)
  }

  /** Turns interrupts off and takes the bucket's lock: -EDEADLK, -ETIMEDOUT, or what `unlock` needs, from 0 up. */
  lock(bucket: number): number {
    const { current } = this.processors
    const wereOff = current.irqSave()
    const result = this.locks.resilientLock(this.firstBucket + BUCKET_BYTES * bucket + BUCKET_LOCK, 'bucket')
    if (result === 0) return wereOff ? 1 : 0
    current.irqRestore(wereOff)
    return result
  }

  /** Gives the lock up; interrupts are on again where they were, and what waited for them has run. */
  unlock(bucket: number, flags: number): void {
    this.locks.unlock(this.firstBucket + BUCKET_BYTES * bucket + BUCKET_LOCK)
    this.processors.current.irqRestore(flags === 1)
  }

  /** The element of this key, 0 where there is none. For those who hold the lock. */
  find(bucket: number, hash: number, key: number): number {
    const at = this.search(bucket, hash, key)
    return (at & 1) === 0 ? at : 0
  }

  /** As `find`, without the lock. */
  findUnlocked(hash: number, key: number): number {
    const bucket = this.bucketOf(hash)
    // An element may be moved to another chain while somebody stands on it.
    for (let tries = 0; tries < this.longest; tries++) {
      const at = this.search(bucket, hash, key)
      if ((at & 1) === 0) return at
      if (at >>> 1 === bucket) return 0
    }
    throw endless()
  }

  /** The element of this key in the chain, or the mark at whose end the search came. */
  private search(bucket: number, hash: number, key: number): number {
    let at = this.steps.load32(this.firstBucket + BUCKET_BYTES * bucket) >>> 0
    for (let left = this.longest; (at & 1) === 0; left--) {
      if (this.steps.load32(at + HASH) === hash && this.sameKey(at, key)) return at
      if (left === 0) throw endless()
      at = this.steps.load32(at + NEXT) >>> 0
    }
    return at
  }

  /** Puts an element at the head of its chain. */
  link(bucket: number, element: number): void {
    const head = this.firstBucket + BUCKET_BYTES * bucket
    this.steps.store32(element + NEXT, this.steps.load32(head))
    this.steps.store32(head, element)
  }

  /** Takes an element out of its chain, whose link it keeps for those who stand on it; false where it is not in it. */
  unlink(bucket: number, element: number): boolean {
    let link = this.firstBucket + BUCKET_BYTES * bucket
    for (let left = this.longest; ; left--) {
      const at = this.steps.load32(link) >>> 0
      if (at === element) break
      if ((at & 1) !== 0) return false
      if (left === 0) throw endless()
      link = at + NEXT
    }
    this.steps.store32(link, this.steps.load32(element + NEXT))
    return true
  }

  /** First element of the first chain that has one, from this bucket on; 0 for none. */
  firstFrom(bucket: number): number {
    for (let at = bucket; at < this.buckets; at++) {
      const first = this.steps.load32(this.firstBucket + BUCKET_BYTES * at) >>> 0
      if ((first & 1) === 0) return first
    }
    return 0
  }

  /** The element behind this one in the order of buckets and chains; 0 at the end. */
  after(element: number): number {
    const next = this.steps.load32(element + NEXT) >>> 0
    return (next & 1) === 0 ? next : this.firstFrom(this.bucketOf(this.steps.load32(element + HASH)) + 1)
  }

  isEmpty(bucket: number): boolean {
    return (this.steps.load32(this.firstBucket + BUCKET_BYTES * bucket) & 1) !== 0
  }

  /** The elements of a chain, from its head on. For those who hold the lock. */
  chain(bucket: number): number[] {
    const elements: number[] = []
    let at = this.steps.load32(this.firstBucket + BUCKET_BYTES * bucket) >>> 0
    for (; (at & 1) === 0; at = this.steps.load32(at + NEXT) >>> 0) {
      if (elements.length === this.longest) throw endless()
      elements.push(at)
    }
    return elements
  }

  /** Writes key and hash of an element that is in no chain yet. */
  setKey(element: number, hash: number, key: number): void {
    copyBytes(this.memory, element + HEAD_BYTES, key, this.keySize)
    this.steps.store32(element + HASH, hash)
  }

  private sameKey(element: number, key: number): boolean {
    const { memory, keySize } = this
    const own = element + HEAD_BYTES
    let at = 0
    for (; at + 4 <= keySize; at += 4) {
      if (memory.i32[(own + at) >>> 2] !== load32(memory, key + at)) return false
    }
    for (; at < keySize; at++) if (memory.u8[own + at] !== memory.u8[key + at]) return false
    return true
  }
}

function endless(): InternalError {
  return new InternalError('a chain of a hash map has no end')
}
