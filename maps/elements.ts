/**
 * Where the elements of hash maps come from. A supply hands out elements of one size whose contents are whatever was
 * left there; every one of them behaves the same to the map above, apart from what it says about itself:
 *
 *     fixed     as many as the map may have exist from the start: an empty supply means a full map (E2BIG)
 *     on demand the map counts; an empty supply means that there is no memory just now (ENOMEM)
 */
import type { ClassLayout } from '../memalloc/class-layout.ts'
import type { Kernel } from '../memalloc/kernel.ts'

export interface ElementSupply {
  readonly fixed: boolean
  /** Of an on-demand supply: the map counts in one word, as all maps did before Linux 6.1. Default false. */
  readonly oneCounter?: boolean
  /** Whether so many elements are in use. Absent where an on-demand supply does not know: then the map counts. */
  readonly hasInUse?: ((count: number) => boolean) | undefined
  /** An element: its offset, 0 where there is none. In any context, interrupts off or on. */
  take(): number
  /**
   * For who may sleep and holds no lock: as `take`, by the machine's policy for that. Absent where it would be the same.
   */
  readonly takeAhead?: (() => number) | undefined
  /** Takes an element back that is in no chain any more. Somebody without a lock may still look at it. */
  give(element: number): void
  /**
   * What was taken and is not back, elements that wait for readers among them. Absent where elements exist from the
   * start, and where an instance of bpf_mem_alloc tells.
   */
  readonly usage?: (() => ElementUsage) | undefined
  /** For compiled code; absent where only the supply knows its way about. */
  readonly layout?: SupplyLayout | undefined
  /** Gives all memory back; of an on-demand supply every element was given back before. */
  destroy(): void
}

export interface ElementUsage {
  readonly objects: number
  /** With their per-CPU memory, and what the supply has in hand. */
  readonly bytes: number
}

export type SupplyLayout =
  /** Free elements on the CPUs' lists (memalloc/freelist.ts), linked at FREE_LINK; `list` is CPU 0's. */
  | { readonly kind: 'freelist'; readonly list: number; readonly lineBytes: number }
  | { readonly kind: 'mem-alloc'; readonly class: ClassLayout }

export interface SupplyRequest {
  readonly name: string
  /** Bytes of an element, a multiple of 8. */
  readonly size: number
  /** Of a fixed supply: how many. */
  readonly count: number
  /** Bytes of per-CPU memory that each element has beside it, 0 for none, and the word that holds where. */
  readonly perCpuSize: number
  readonly areaOffset: number
  /** 32 random bits, of the machine; absent where nothing is left to chance. */
  readonly random?: (() => number) | undefined
}

/** Undefined where there is no memory. */
export type MakeSupply = (kernel: Kernel, request: SupplyRequest) => ElementSupply | undefined
