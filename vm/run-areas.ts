/**
 * Pieces of kernel memory through which a compiled program and the host hand registers to each other, one for each run
 * that is on the way: a program may be entered again while it runs. They lie in the page that is never handed out
 * (memalloc/page-layout.ts), so that the machine's pages are the same whatever the engine; a run that is deeper in
 * others than that reaches gets its area from a page, which is kept until the machine closes.
 */
import { ErrnoError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { RUN_AREAS, RUN_AREAS_END } from '../memalloc/page-layout.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { PAGE_SIZE } from '../program/types.ts'

/** Bytes of one area: a cache line's multiple, so that runs do not share lines. */
export const RUN_AREA_BYTES = 128

export class RunAreas {
  readonly #kernel: Kernel
  readonly #spare: number[] = []
  /** From here on none was ever taken. */
  #next: number = RUN_AREAS

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** Offset of an area that nothing uses; contents unknown. @throws ErrnoError ENOMEM */
  take(): number {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    if (this.#next < RUN_AREAS_END) {
      this.#next += RUN_AREA_BYTES
      return this.#next - RUN_AREA_BYTES
    }
    const page = this.#kernel.pages.allocBytes(PAGE_SIZE, PageOwner.STACK)
    if (page === 0) throw new ErrnoError('ENOMEM', `no memory for ${PAGE_SIZE} bytes to run a program`)
    for (let at = page + PAGE_SIZE - RUN_AREA_BYTES; at > page; at -= RUN_AREA_BYTES) this.#spare.push(at)
    return page
  }

  give(at: number): void {
    this.#spare.push(at)
  }
}
