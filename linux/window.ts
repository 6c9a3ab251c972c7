/**
 * Memory that mmap(2) gave, and who still looks at it: a view of unmapped memory would end the process on its next
 * access.
 *
 *     mapped --close()--> closed, mapped for its views --the last view is gone, or the address is wanted--> unmapped
 *        `--MAP_FIXED of another mapping at its address-----------------------------------------------------^
 *
 * Where the address is taken from it, the views that are left are detached: they have no bytes any more. Whether
 * somebody still holds them cannot be known then, as the collector comes when it likes.
 */
import { InternalError } from '../errors/errors.ts'
import { errnoOf, libc, Syscall } from './libc.ts'
import type { Resource } from './resources.ts'

export class Window implements Resource {
  readonly start: bigint
  /** Bytes. */
  readonly length: bigint
  readonly #views = new Set<WeakRef<ArrayBuffer>>()
  #closed = false

  constructor(start: bigint, length: bigint) {
    this.start = start
    this.length = length
    mapped.add(this)
  }

  /** Nobody but views may use it. */
  get closed(): boolean {
    return this.#closed
  }

  /** A live buffer onto `count` bytes, which keeps the memory. */
  view(at: bigint, count: number): ArrayBuffer {
    const buffer = libc().view(at, count)
    const ref = new WeakRef(buffer)
    this.#views.add(ref)
    viewsGone.register(buffer, { window: this, ref })
    return buffer
  }

  /** For the collector. */
  dropView(ref: WeakRef<ArrayBuffer>): void {
    this.#views.delete(ref)
    if (this.#closed && this.#views.size === 0) this.#unmap()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#views.size === 0) this.#unmap()
  }

  /** Takes the memory from the views that are left. */
  evict(): void {
    this.#detach()
    this.#unmap()
  }

  /** The kernel has unmapped it: what lies there from now on is another's. */
  lose(): void {
    this.#closed = true
    this.#detach()
    mapped.delete(this)
  }

  #detach(): void {
    for (const ref of this.#views) ref.deref()?.transfer()
    this.#views.clear()
  }

  #unmap(): void {
    if (!mapped.delete(this)) return
    const result = libc().munmap(this.start, this.length)
    if (result < 0) throw new InternalError(`munmap at 0x${this.start.toString(16)} answered ${result}`)
  }
}

/** Those that are to be unmapped some time. They belong to the process's address space, not to a machine. */
const mapped: Set<Window> = new Set()

const viewsGone: FinalizationRegistry<{ window: Window; ref: WeakRef<ArrayBuffer> }> = new FinalizationRegistry(
  ({ window, ref }) => window.dropView(ref),
)

function overlapping(start: bigint, length: bigint): Window[] {
  return [...mapped].filter((one) => one.start < start + length && start < one.start + one.length)
}

/** Clears [start, start + length) of what only views of closed machines keep there. Returns whether there was any. */
export function evictLingering(start: bigint, length: bigint): boolean {
  const found = overlapping(start, length).filter((one) => one.closed)
  for (const window of found) window.evict()
  return found.length > 0
}

/** Calls mmap(2) with MAP_FIXED for [start, start + length), and takes what it replaced from its windows. */
export function replacing(start: bigint, length: bigint, mmap: () => bigint): bigint {
  evictLingering(start, length)
  const result = mmap()
  // The kernel moves arenas that would straddle 4 GiB, even so. It splits none: what it replaces goes as a whole. Where
  // the map itself refuses, it has already unmapped what lay there.
  const lost = result >= 0n ? overlapping(result, length) : [...mapped].filter((one) => !isMapped(one.start))
  for (const window of lost) window.lose()
  return result
}

function isMapped(address: bigint): boolean {
  const page = new Uint8Array(8)
  const result = libc().syscall(Syscall.MINCORE, address, 1, libc().address(page))
  return result >= 0 || errnoOf(result) !== 'ENOMEM'
}
