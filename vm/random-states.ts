/**
 * The random numbers of the CPUs (bpf_get_prandom_u32) with their state in kernel memory, where compiled code draws them
 * too. It moves there when a program that asks for it is first compiled; that may be under any lock, so there is room
 * for it from the start.
 */
import type { Cpu } from '../cpu/cpu.ts'
import { CPU_LIST_BYTES, CPU_LISTS, CPU_RANDOM } from '../memalloc/page-layout.ts'
import type { Memory } from '../memory/memory.ts'

/** Bytes from one CPU's state to the next. */
export const RANDOM_STRIDE: number = CPU_LIST_BYTES

/** Words of a generator's state. */
const WORDS = 4

export class RandomStates {
  readonly #memory: Memory
  readonly #cpus: readonly Cpu[]
  #moved = false

  constructor(memory: Memory, cpus: readonly Cpu[]) {
    this.#memory = memory
    this.#cpus = cpus
  }

  /** Offset of CPU 0's state. */
  at(): number {
    const first = CPU_LISTS + CPU_RANDOM
    if (this.#moved) return first
    for (const { id, random } of this.#cpus) {
      random.moveTo(new Uint32Array(this.#memory.buffer, first + RANDOM_STRIDE * id, WORDS))
    }
    this.#moved = true
    return first
  }
}
