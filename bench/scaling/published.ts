/** The figures of 2016 with which preallocation was introduced (Linux 4.6), in million operations a second and CPU. */
import type { SupplyName } from '../../maps/supplies.ts'

export const CPU_COUNTS: readonly number[] = [1, 4, 8, 32]

export interface Algorithm {
  readonly elements: SupplyName
  readonly name: string
  /** By CPU_COUNTS; undefined where nothing was published. */
  readonly published: readonly (number | undefined)[]
}

const none = undefined

/** The table's columns, and bpf_mem_alloc, of which there were no figures then. */
export const ALGORITHMS: readonly Algorithm[] = [
  { elements: 'prealloc', name: 'per-CPU free list', published: [2.6, 2.0, 1.5, 0.49] },
  { elements: 'ida-nolock', name: 'percpu_ida, no lock', published: [2.3, 1.8, none, none] },
  { elements: 'tags', name: 'tags, a word a line', published: [2.4, 1.7, 0.8, none] },
  { elements: 'ida', name: 'percpu_ida', published: [2.1, 1.5, 0.7, none] },
  // With one CPU the table says "the same" as for a word a line.
  { elements: 'tags-packed', name: 'tags, packed', published: [2.4, 1.1, none, none] },
  { elements: 'kmalloc', name: 'kmalloc', published: [1.8, 0.7, 0.4, 0.13] },
  { elements: 'one-lock', name: 'list with one lock', published: [2.3, 0.2, none, none] },
  { elements: 'bpf_mem_alloc', name: 'bpf_mem_alloc', published: [none, none, none, none] },
]
