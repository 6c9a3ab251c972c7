/** bpf_mem_alloc's size classes and watermarks (Linux 6.18). */

/** Unit sizes by class index: the order is Linux's. */
export const BPF_SIZES = [96, 192, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] as const

/** In front of each object: its home cache while it is in use, the list's link while it is free. */
export const HEADER_BYTES = 8

/** Largest request, without and with the per-CPU form. */
export const MAX_REQUEST: number = 4096 - HEADER_BYTES
export const MAX_PERCPU_REQUEST = 4096

/** Class index for a request of `bytes`, -1 where there is none. */
export function sizeClass(bytes: number, percpu: boolean): number {
  const unit = percpu ? bytes : bytes + HEADER_BYTES
  if (!(bytes > 0 && unit <= 4096)) return -1
  let best = -1
  for (let index = 0; index < BPF_SIZES.length; index++) {
    const size = BPF_SIZES[index]!
    if (size >= unit && (best < 0 || size < BPF_SIZES[best]!)) best = index
  }
  return best
}

export interface Watermarks {
  /** Below: refill. Above: trim. */
  readonly low: number
  readonly high: number
  /** Objects a refill adds. */
  readonly batch: number
  /** Objects each CPU gets when the cache is made. */
  readonly prefill: number
}

export function watermarksOf(unit: number, percpu: boolean): Watermarks {
  if (percpu) return { low: 1, high: 3, batch: 1, prefill: 1 }
  const [low, high] = unit <= 256 ? [32, 96] : [atLeast(1, 8192 / unit), atLeast(3, 24576 / unit)]
  return { low, high, batch: batchOf(low, high), prefill: unit <= 256 ? 4 : 1 }
}

/** Three quarters of the way from low to high, in whole quarters. */
export function batchOf(low: number, high: number): number {
  return Math.max(Math.floor((high - low) / 4) * 3, 1)
}

function atLeast(least: number, value: number): number {
  return Math.max(Math.floor(value), least)
}
