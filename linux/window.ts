/**
 * Memory that mmap(2) gave, and who still looks at it: a view of unmapped memory would end the process on its next
 * access, and one of memory that was mapped anew would show another's. So a mapping lives as long as any view of it.
 *
 *     mapped --close()--> closed, mapped for its views --the last view is gone--> unmapped
 *
 * When a closed mapping's address is wanted, the collector is asked whether its views are gone; where one is still
 * held, whoever wants the address is refused.
 */
import { queryObjects } from 'node:v8'
import { ErrnoError, InternalError } from '../errors/errors.ts'
import { errnoOf, libc, Syscall } from './libc.ts'
import type { Resource } from './resources.ts'

export class Window implements Resource {
  readonly start: bigint
  /** Bytes. */
  readonly length: bigint
  /** Views whose end the collector has not told of. */
  #views = 0
  /** Prototype of the buffers that are views, by which those that are left are found. */
  readonly #kind: typeof ArrayBuffer = class extends ArrayBuffer {}
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
    // A WeakRef would tell of its end too, but it keeps what it refers to until the turn of the event loop is over.
    Object.setPrototypeOf(buffer, this.#kind.prototype)
    this.#views += 1
    viewsGone.register(buffer, this)
    return buffer
  }

  /** Whether somebody holds a view: asks the collector where it has not told, which takes microseconds an object of the heap. */
  isHeld(): boolean {
    if (this.#views === 0) return false
    return queryObjects(this.#kind, { format: 'count' }) > 0
  }

  /** For the collector. */
  dropView(): void {
    this.#views -= 1
    if (this.#closed && this.#views === 0) this.unmap()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#views === 0) this.unmap()
  }

  /** The kernel has unmapped it: what lies there from now on is another's. */
  lose(): void {
    this.#closed = true
    mapped.delete(this)
  }

  /** A second call does nothing. */
  unmap(): void {
    if (!mapped.delete(this)) return
    const result = libc().munmap(this.start, this.length)
    if (result < 0) throw new InternalError(`munmap at 0x${this.start.toString(16)} answered ${result}`)
  }
}

/** Those that are to be unmapped some time. They belong to the process's address space, not to a machine. */
const mapped: Set<Window> = new Set()

const viewsGone: FinalizationRegistry<Window> = new FinalizationRegistry((window) => window.dropView())

function overlapping(start: bigint, length: bigint): Window[] {
  return [...mapped].filter((one) => one.start < start + length && start < one.start + one.length)
}

/**
 * Clears [start, start + length) of closed mappings that the collector has not come to. Returns whether there were any.
 * @throws ErrnoError EBUSY where a view is held
 */
export function reclaim(start: bigint, length: bigint): boolean {
  const found = overlapping(start, length).filter((one) => one.closed)
  for (const window of found) refuseIfHeld(window)
  for (const window of found) window.unmap()
  return found.length > 0
}

/** @throws ErrnoError EBUSY where a view of it is held */
function refuseIfHeld(window: Window): void {
  if (!window.isHeld()) return
  const place = `0x${window.start.toString(16)}`
  throw new ErrnoError('EBUSY', `mmap: a view of the mapping at ${place} is still held; let go of it, or copy it`)
}

/** A mapping that would straddle such an address the kernel moves up to it, even where it is to be fixed. */
const STRADDLED: bigint = 2n ** 32n

/**
 * Calls mmap(2) with MAP_FIXED for [start, start + length), and takes what it replaced from its windows.
 * @throws ErrnoError EBUSY where a view of what it would replace is held
 */
export function replacing(start: bigint, length: bigint, mmap: () => bigint): bigint {
  const straddles = start / STRADDLED < (start + length - 1n) / STRADDLED
  const moved = (start / STRADDLED + 1n) * STRADDLED
  for (const at of straddles ? [start, moved] : [start]) {
    reclaim(at, length)
    for (const window of overlapping(at, length)) refuseIfHeld(window)
  }
  const result = mmap()
  // The kernel splits no arena: what it replaces goes as a whole. Where the map itself refuses, it has already unmapped
  // what lay there.
  const lost = result >= 0n ? overlapping(result, length) : [...mapped].filter((one) => !isMapped(one.start))
  for (const window of lost) window.lose()
  return result
}

function isMapped(address: bigint): boolean {
  const page = new Uint8Array(8)
  const result = libc().syscall(Syscall.MINCORE, address, 1, libc().address(page))
  return result >= 0 || errnoOf(result) !== 'ENOMEM'
}
