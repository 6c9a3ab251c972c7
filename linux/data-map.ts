/** The value of a map of global data, mapped into this process: its bytes, as programs see them at the same moment. */
import { HarenaError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { libc, refused } from './libc.ts'
import { PROTECTION } from './mapping.ts'
import type { Resource } from './resources.ts'
import { Window } from './window.ts'

const MAP_SHARED = 1

export class DataMap implements Resource {
  /** Frozen maps are mapped read-only, as the kernel wants it. */
  readonly writable: boolean
  readonly #bytes: Uint8Array
  readonly #window: Window

  /** Maps the first value of an array with the flag mmapable, of `size` bytes. @throws ErrnoError */
  constructor(name: string, fd: number, size: number, writable: boolean) {
    this.writable = writable
    const length = BigInt(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE)
    const at = libc().mmap(0n, length, PROTECTION[writable ? 'rw' : 'r'], MAP_SHARED, fd, 0n)
    if (at < 0n) throw refused(Number(at), `mmap of map ${name}`)
    this.#window = new Window(at, length)
    // No view that keeps the memory: nobody else gets to see this one.
    this.#bytes = new Uint8Array(libc().view(at, size))
  }

  /** The live bytes, not to be kept. @throws HarenaError when the machine is closed */
  get bytes(): Uint8Array {
    if (this.#window.closed) throw new HarenaError('the machine is closed')
    return this.#bytes
  }

  close(): void {
    this.#window.close()
  }
}
