/** A global variable of a loaded object: bytes in the only value of its data map. */
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import type { BpfMap } from '../maps/map.ts'
import { type Data, toBytes, toValue } from '../maps/values.ts'
import { checkOpen, type Kernel } from '../memalloc/kernel.ts'
import { MEMORY_BYTES } from '../memory/memory.ts'
import type { GlobalSpec } from '../program/object.ts'
import { MAP_FLAGS } from '../program/types.ts'

export class Global {
  readonly spec: GlobalSpec
  readonly #kernel: Kernel
  readonly #map: BpfMap
  readonly #at: number

  constructor(kernel: Kernel, map: BpfMap, spec: GlobalSpec) {
    this.spec = spec
    this.#kernel = kernel
    this.#map = map
    this.#at = Number(map.info.valueAddress % BigInt(MEMORY_BYTES)) + spec.offset
  }

  get name(): string {
    return this.spec.name
  }

  get size(): number {
    return this.spec.size
  }

  /** The value, unsigned. @throws HarenaError when it has not 1, 2, 4 or 8 bytes: then `bytes` is the way. */
  get(): bigint {
    const value = toValue(this.bytes())
    if (typeof value === 'bigint') return value
    throw new HarenaError(`global ${this.name} has ${this.size} bytes: use bytes()`)
  }

  /** Its bytes, copied. */
  bytes(): Uint8Array {
    checkOpen(this.#kernel)
    return this.#kernel.memory.u8.slice(this.#at, this.#at + this.size)
  }

  /** Writes a number in as many bytes as it has, or exactly that many bytes. @throws ErrnoError EPERM when read only */
  set(value: Data): void {
    const bytes = toBytes(value, this.size, `global ${this.name}`)
    checkOpen(this.#kernel)
    if (this.#map.isFrozen || (this.#map.info.flags & MAP_FLAGS.rdonly) !== 0) {
      throw new ErrnoError('EPERM', `global ${this.name} is read only`)
    }
    this.#kernel.memory.u8.set(bytes, this.#at)
  }
}
