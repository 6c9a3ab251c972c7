/** A user process, as far as arenas see one: an address space that mappings lie in. */
import type { ArenaMapping } from './mapping.ts'

/** From here on no user address lies (x86-64: 47 bits but for one page). */
export const USER_END: bigint = (1n << 47n) - 4096n

/** Identity is what matters: one object a process. */
export class UserProcess {
  readonly name: string
  readonly #mappings = new Set<ArenaMapping>()

  constructor(name: string) {
    this.name = name
  }

  /** What is mapped in [start, start + bytes). */
  overlapping(start: bigint, bytes: bigint): ArenaMapping[] {
    return [...this.#mappings].filter((one) => one.start < start + bytes && start < one.end)
  }

  add(mapping: ArenaMapping): void {
    this.#mappings.add(mapping)
  }

  remove(mapping: ArenaMapping): void {
    this.#mappings.delete(mapping)
  }
}
