/**
 * Pieces of kernel memory through which a compiled program and the host hand registers to each other, one for each run
 * that is on the way: a program may be entered again while it runs. Taken from pages that are kept until the machine
 * closes.
 */
import { ErrnoError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'

/** Bytes of one area: a cache line's multiple, so that runs do not share lines. */
export const RUN_AREA_BYTES = 128

const PAGE_BYTES = 4096

export class RunAreas {
  readonly #kernel: Kernel
  readonly #spare: number[] = []

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** Offset of an area that nothing uses; contents unknown. @throws ErrnoError ENOMEM */
  take(): number {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    const page = this.#kernel.pages.allocBytes(PAGE_BYTES, PageOwner.STACK)
    if (page === 0) throw new ErrnoError('ENOMEM', `no memory for ${PAGE_BYTES} bytes to run a program`)
    for (let at = page + PAGE_BYTES - RUN_AREA_BYTES; at > page; at -= RUN_AREA_BYTES) this.#spare.push(at)
    return page
  }

  give(at: number): void {
    this.#spare.push(at)
  }
}
