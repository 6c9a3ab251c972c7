/**
 * The value of a map of global data. Mapped into this process: its bytes, as programs see them at the same moment. Where
 * the kernel maps none, because fields of the value are its own (kptrs, locks), they are copied by bpf(2).
 */
import { HarenaError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { mapLookup, mapUpdate } from './bpf.ts'
import { errnoOf, libc, refused } from './libc.ts'
import { PROTECTION } from './mapping.ts'
import type { Resource } from './resources.ts'
import { Window } from './window.ts'

const MAP_SHARED = 1
const FIRST = new Uint8Array(4)

export class DataMap implements Resource {
  /** Frozen maps are mapped read-only, as the kernel wants it. */
  readonly writable: boolean
  readonly #name: string
  readonly #fd: number
  readonly #size: number
  readonly #bytes: Uint8Array | undefined
  readonly #window: Window | undefined
  #closed: string | undefined

  /** Maps the first value of an array with the flag mmapable, of `size` bytes. @throws ErrnoError */
  constructor(name: string, fd: number, size: number, writable: boolean) {
    this.writable = writable
    this.#name = name
    this.#fd = fd
    this.#size = size
    const length = BigInt(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE)
    const at = libc().mmap(0n, length, PROTECTION[writable ? 'rw' : 'r'], MAP_SHARED, fd, 0n)
    if (at < 0n && errnoOf(Number(at)) === 'ENOTSUPP') return
    if (at < 0n) throw refused(Number(at), `mmap of map ${name}`)
    this.#window = new Window(at, length)
    // No view that keeps the memory: nobody else gets to see this one.
    this.#bytes = new Uint8Array(libc().view(at, size))
  }

  /** The bytes: live, or a copy; not to be kept. @throws HarenaError when the machine is closed */
  get bytes(): Uint8Array {
    this.#assertOpen()
    if (this.#bytes !== undefined) return this.#bytes
    const copy = new Uint8Array(Math.ceil(this.#size / 8) * 8)
    const result = mapLookup(this.#fd, FIRST, copy)
    if (result < 0) throw refused(result, `map ${this.#name}: lookup`)
    return copy.subarray(0, this.#size)
  }

  /** @throws ErrnoError */
  write(offset: number, bytes: Uint8Array): void {
    const value = this.bytes
    value.set(bytes, offset)
    if (this.#bytes !== undefined) return
    const result = mapUpdate(this.#fd, FIRST, new Uint8Array(value.buffer), 0)
    if (result < 0) throw refused(result, `map ${this.#name}: update`)
  }

  close(why = 'the machine'): void {
    this.#closed ??= why
    this.#window?.close()
  }

  #assertOpen(): void {
    if (this.#closed !== undefined || this.#window?.closed === true)
      throw new HarenaError(`${this.#closed ?? 'the machine'} is closed`)
  }
}
