/**
 * The random numbers of the CPUs (bpf_get_prandom_u32) with their state in kernel memory, where compiled code draws them
 * too. It moves there when a program that asks for it is first compiled.
 */
import type { Cpu } from '../cpu/cpu.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'

/** Bytes from one CPU's state to the next: a cache line. */
export const RANDOM_STRIDE = 64

/** Words of a generator's state. */
const WORDS = 4

export class RandomStates {
  readonly #kernel: Kernel
  readonly #cpus: readonly Cpu[]
  #at = 0

  constructor(kernel: Kernel, cpus: readonly Cpu[]) {
    this.#kernel = kernel
    this.#cpus = cpus
  }

  /** Offset of CPU 0's state; 0 where there is no memory for it. */
  at(): number {
    if (this.#at !== 0) return this.#at
    const { memory, pages } = this.#kernel
    const at = pages.allocBytes(RANDOM_STRIDE * this.#cpus.length, PageOwner.OTHER)
    if (at === 0) return 0
    for (const { id, random } of this.#cpus) {
      const byte = at + RANDOM_STRIDE * id
      random.moveTo(new Uint32Array(memory.buffer, byte, WORDS))
    }
    this.#at = at
    return at
  }
}
