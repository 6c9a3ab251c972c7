/** A global variable of a loaded object: bytes in the only value of its data map. */
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import { type Data, toBytes, toValue } from '../maps/values.ts'
import type { GlobalSpec } from '../program/object.ts'
import type { DataMap } from './data-map.ts'

export class LinuxGlobal {
  readonly spec: GlobalSpec
  readonly #data: DataMap

  constructor(data: DataMap, spec: GlobalSpec) {
    this.spec = spec
    this.#data = data
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
    return this.#data.bytes.slice(this.spec.offset, this.spec.offset + this.size)
  }

  /** Writes a number in as many bytes as it has, or exactly that many bytes. @throws ErrnoError EPERM when read only */
  set(value: Data): void {
    const bytes = toBytes(value, this.size, `global ${this.name}`)
    if (!this.#data.writable) throw new ErrnoError('EPERM', `global ${this.name} is read only`)
    this.#data.write(this.spec.offset, bytes)
  }
}
