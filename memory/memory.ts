/**
 * One 4 GiB WebAssembly memory and its views. An arena has one, a machine's kernel memory is another.
 *
 * Made with one page and grown at once: asking for all pages at creation costs a full garbage collection, growing
 * costs nothing, and as the memory never grows again no view ever goes stale. The operating system commits what is
 * touched.
 */
import { HarenaError } from '../errors/errors.ts'

/** WebAssembly pages of 64 KiB in 4 GiB. */
const WASM_PAGES = 65_536

/** Bytes in every memory. */
export const MEMORY_BYTES: number = 2 ** 32

/** Upper half of a kernel address; the lower half is the offset in kernel memory. */
export const KERNEL_HIGH: number = 0xffff8880 | 0

/** Kernel address of offset 0. */
export const KERNEL_BASE: bigint = 0xffff_8880_0000_0000n

export class Memory {
  readonly wasm: WebAssembly.Memory
  readonly buffer: ArrayBufferLike
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly i64: BigInt64Array
  readonly view: DataView

  constructor(wasm: WebAssembly.Memory) {
    this.wasm = wasm
    this.buffer = wasm.buffer
    this.u8 = new Uint8Array(this.buffer)
    this.u16 = new Uint16Array(this.buffer)
    this.i32 = new Int32Array(this.buffer)
    this.i64 = new BigInt64Array(this.buffer)
    this.view = new DataView(this.buffer)
  }

  /** Whether other threads may have it too, which a module that imports it has to know. */
  get shared(): boolean {
    return typeof SharedArrayBuffer !== 'undefined' && this.buffer instanceof SharedArrayBuffer
  }
}

/** A fresh memory, all zero. Callers take one from the pool (pool.ts) instead. */
export function makeMemory(): Memory {
  try {
    const wasm = new WebAssembly.Memory({ initial: 1, maximum: WASM_PAGES, shared: canShare() })
    wasm.grow(WASM_PAGES - 1)
    return new Memory(wasm)
  } catch (cause) {
    throw new HarenaError('cannot reserve 4 GiB of address space for a memory; close machines that are done', { cause })
  }
}

/** Shared memories need cross-origin isolation in a browser; Node always has them. */
function canShare(): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && Reflect.get(globalThis, 'crossOriginIsolated') !== false
}
