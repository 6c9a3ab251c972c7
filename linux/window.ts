/**
 * Memory that mmap(2) gave, and who still looks at it: a view of unmapped memory would end the process on its next
 * access.
 *
 *     mapped --close()--> closed, mapped for its views --the last view is gone, or the address is wanted--> unmapped
 *
 * In the latter case the views that are left are detached: they have no bytes any more.
 */
import { InternalError } from '../errors/errors.ts'
import { libc } from './libc.ts'
import type { Resource } from './resources.ts'

export class Window implements Resource {
  readonly start: bigint
  /** Bytes. */
  readonly length: bigint
  readonly #views = new Set<WeakRef<ArrayBuffer>>()
  #closed = false
  #mapped = true

  constructor(start: bigint, length: bigint) {
    this.start = start
    this.length = length
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
    else lingering.add(this)
  }

  /** Takes the memory from the views that are left. */
  detach(): void {
    for (const ref of this.#views) ref.deref()?.transfer()
    this.#views.clear()
    this.#unmap()
  }

  #unmap(): void {
    if (!this.#mapped) return
    this.#mapped = false
    lingering.delete(this)
    const result = libc().munmap(this.start, this.length)
    if (result < 0) throw new InternalError(`munmap at 0x${this.start.toString(16)} answered ${result}`)
  }
}

/** Closed ones that views keep mapped. They belong to the process's address space, not to a machine. */
const lingering: Set<Window> = new Set()

const viewsGone: FinalizationRegistry<{ window: Window; ref: WeakRef<ArrayBuffer> }> = new FinalizationRegistry(
  ({ window, ref }) => window.dropView(ref),
)

/** Clears [start, start + length) of what only views of closed machines keep there. Returns whether there was any. */
export function evictLingering(start: bigint, length: bigint): boolean {
  const found = [...lingering].filter((one) => one.start < start + length && start < one.start + one.length)
  for (const window of found) window.detach()
  return found.length > 0
}
