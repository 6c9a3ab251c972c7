/**
 * Where maps keep what, for compiled code that works on them by itself: plain numbers, good for the life of the map.
 * Only maps whose common case is simple say so. Whoever goes by a layout does a whole operation as the map would, with
 * nothing in between, or leaves all of it to the map.
 */
import type { ClassLayout } from '../memalloc/class-layout.ts'

export type MapLayout = ArrayLayout | PerCpuArrayLayout | HashLayout

/** array.ts */
export interface ArrayLayout {
  readonly kind: 'array'
  /** Offset of value 0, and bytes from one to the next. */
  readonly values: number
  readonly stride: number
  readonly valueSize: number
  readonly maxEntries: number
  /** An update copies the value and does nothing else. */
  readonly plain: boolean
}

/** percpu-array.ts */
export interface PerCpuArrayLayout {
  readonly kind: 'percpu-array'
  /** Words, eight bytes apart, with the offset of CPU 0's value; CPU n's lies n times `cpuStride` behind. */
  readonly areas: number
  readonly cpuStride: number
  readonly cpus: number
  readonly maxEntries: number
}

/** hash-table.ts */
export interface TableLayout {
  readonly firstBucket: number
  /** The bits of a hash that are the bucket's number. */
  readonly bucketMask: number
  /** Elements that a chain may have. */
  readonly longest: number
  readonly keySize: number
  /** lookup3's initial value. */
  readonly seed: number
  /** Words of CPU 0, and bytes from one CPU's to the next. */
  readonly cpuWords: number
  readonly cpuWordsStride: number
}

/** hash.ts */
export interface HashLayout extends TableLayout {
  readonly kind: 'hash'
  /** Offset of the value in an element; of per-CPU maps, of the word with the offset of CPU 0's value. */
  readonly valueOffset: number
  readonly valueSize: number
  /** Bytes from one CPU's value to the next; 0 where values are not per CPU. */
  readonly cpuStride: number
  readonly cpus: number
  /** Undefined where only look-ups are simple. */
  readonly elements: ElementLayout | undefined
}

export type ElementLayout =
  /** Preallocated; free ones on the CPUs' lists (memalloc/freelist.ts), `list` being CPU 0's. */
  | { readonly kind: 'freelist'; readonly list: number; readonly lineBytes: number }
  /** From bpf_mem_alloc. */
  | { readonly kind: 'mem-alloc'; readonly class: ClassLayout; readonly counter: CounterLayout }

/** How many elements the map has, and may have (element-counter.ts). */
export type CounterLayout =
  /** `at`: the common word; `perCpu`: CPUs count in words of their own, too. */
  | { readonly kind: 'words'; readonly at: number; readonly limit: number; readonly perCpu: boolean }
  /** What is in use of the class. */
  | { readonly kind: 'class'; readonly limit: number }
