/**
 * A memory group: what maps and caches of one owner may use together. Bytes are charged before they are allocated, by
 * one addition, so that no context has to wait; over the limit the addition is taken back.
 *
 *     group     used: u32 | limit: u32     both in units of 8 bytes; limit 0 for none
 */
import { InternalError } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'

/** Bytes of a group in kernel memory. */
export const GROUP_BYTES = 8
const UNIT = 8

export class MemoryGroup {
  readonly name: string
  readonly at: number
  private readonly steps: Steps

  /** `at`: GROUP_BYTES of kernel memory, zero or a group's already. */
  constructor(steps: Steps, at: number, name: string) {
    this.steps = steps
    this.at = at
    this.name = name
  }

  /** Bytes, rounded down to 8; 0 for none. */
  setLimit(bytes: number): void {
    this.steps.store32(this.at + 4, Math.floor(bytes / UNIT))
  }

  /** Bytes in use. */
  get used(): number {
    return (this.steps.load32(this.at) >>> 0) * UNIT
  }

  /** Counts bytes, rounded up to 8; false, and nothing counted, where the limit would be passed. */
  charge(bytes: number): boolean {
    const units = Math.ceil(bytes / UNIT)
    const limit = this.steps.load32(this.at + 4) >>> 0
    const before = this.steps.add32(this.at, units) >>> 0
    if (limit === 0 || before + units <= limit) return true
    this.steps.add32(this.at, -units)
    return false
  }

  /** Takes back a charge of the same bytes. */
  uncharge(bytes: number): void {
    const units = Math.ceil(bytes / UNIT)
    if (this.steps.add32(this.at, -units) >>> 0 < units) {
      throw new InternalError(`group ${this.name} was uncharged ${bytes} bytes more than it has`)
    }
  }
}
