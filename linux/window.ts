/**
 * Memory that mmap(2) gave, and who still looks at it. It is unmapped when it is closed and the last view of it is
 * gone: a view of unmapped memory would end the process on its next access.
 */
import { InternalError } from '../errors/errors.ts'
import { libc } from './libc.ts'
import type { Resource } from './resources.ts'

export class Window implements Resource {
  readonly start: bigint
  /** Bytes. */
  readonly length: bigint
  /** ArrayBuffers onto it that the collector has not taken yet. */
  #views = 0
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

  /** Whether the address range is taken. */
  get mapped(): boolean {
    return this.#mapped
  }

  /** A live buffer onto `count` bytes, which keeps the memory. */
  view(at: bigint, count: number): ArrayBuffer {
    const buffer = libc().view(at, count)
    this.#views++
    viewsGone.register(buffer, this)
    return buffer
  }

  /** For the collector. */
  dropView(): void {
    this.#views--
    this.#release()
  }

  close(): void {
    this.#closed = true
    this.#release()
  }

  #release(): void {
    if (!this.#closed || this.#views > 0 || !this.#mapped) return
    this.#mapped = false
    const result = libc().munmap(this.start, this.length)
    if (result < 0) throw new InternalError(`munmap at 0x${this.start.toString(16)} answered ${result}`)
  }
}

const viewsGone: FinalizationRegistry<Window> = new FinalizationRegistry((window) => window.dropView())
