/**
 * A user mapping of a live arena: the accessors of arena/mapping.ts over memory that the kernel's programs write.
 *
 * Every access goes through /proc/self/mem, so that one that faults throws SegmentationFault where the processor
 * would end the process. Only `view` gives plain memory.
 */
import { isExecutable, type Protection } from '../arena/mapping.ts'
import { listOf, type StructView, structView, type UserMemory } from '../arena/struct-view.ts'
import type { Btf } from '../btf/types.ts'
import { ErrnoError, HarenaError, SegmentationFault } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { libc, refused } from './libc.ts'
import { readMemory, writeMemory } from './process-memory.ts'
import type { Window } from './window.ts'

const SEGV_MAPERR = 1
const SEGV_ACCERR = 2

/** PROT_* of mmap(2). */
export const PROTECTION: Readonly<Record<Protection, number>> = { none: 0, r: 1, rw: 3, rx: 5, rwx: 7 }

/** What the mapping must know of its arena. */
export interface MappedArena {
  readonly name: string
  readonly segvOnFault: boolean
  readonly btf: Btf | undefined
  /** @throws HarenaError when the machine is closed */
  readonly assertOpen: () => void
  /** Page numbers within the mapping that have memory. */
  readonly present: (start: bigint, pages: number) => number[]
}

/** Addresses are user addresses, 64-bit values little-endian bigints; nothing need be aligned. */
export class LinuxMapping implements UserMemory {
  readonly arena: MappedArena
  /** First address. */
  readonly start: bigint
  /** First address behind it. */
  readonly end: bigint
  readonly #window: Window
  readonly #mayWrite: boolean
  #protection: Protection
  /** Bytes on their way from and to memory. */
  readonly #bytes = new Uint8Array(new ArrayBuffer(8))
  readonly #view = new DataView(this.#bytes.buffer)

  /** For map.ts, which has mapped the window. */
  constructor(arena: MappedArena, window: Window, protection: Protection) {
    this.arena = arena
    this.start = window.start
    this.end = window.start + window.length
    this.#protection = protection
    this.#mayWrite = protection === 'rw'
    this.#window = window
  }

  /** Bytes that it spans. */
  get length(): number {
    return Number(this.end - this.start)
  }

  get protection(): Protection {
    return this.#protection
  }

  get unmapped(): boolean {
    return this.#window.closed
  }

  /** Pages of the arena that have memory, whoever allocated them. */
  residentPages(): number {
    return this.#present().length
  }

  /** Page numbers within this mapping that have memory, ascending. */
  *presentPages(): Generator<number, void> {
    yield* this.#present()
  }

  #present(): number[] {
    this.#assertMapped(this.start)
    return this.arena.present(this.start, this.length / PAGE_SIZE)
  }

  /**
   * munmap(2) of the mapping, its views aside: they keep the memory, and the address, for as long as somebody holds them.
   * A second call does nothing.
   */
  unmap(): void {
    this.#window.close()
  }

  /** mprotect(2) of the whole mapping. @throws ErrnoError EACCES for execution, and for writing unless mapped so */
  protect(protection: Protection): void {
    if (protection === this.#protection) return
    this.#assertMapped(this.start)
    const what = `mprotect of arena ${this.arena.name}`
    if (isExecutable(protection)) throw new ErrnoError('EACCES', `${what}: an arena cannot be executable`)
    if (protection === 'rw' && !this.#mayWrite) throw new ErrnoError('EACCES', `${what}: it was not mapped writable`)
    const result = libc().mprotect(this.start, this.end - this.start, PROTECTION[protection])
    if (result < 0) throw refused(result, what)
    this.#protection = protection
  }

  u8(at: bigint): number {
    return this.#load(at, 1).getUint8(0)
  }
  u16(at: bigint): number {
    return this.#load(at, 2).getUint16(0, true)
  }
  u32(at: bigint): number {
    return this.#load(at, 4).getUint32(0, true)
  }
  u64(at: bigint): bigint {
    return this.#load(at, 8).getBigUint64(0, true)
  }
  s8(at: bigint): number {
    return this.#load(at, 1).getInt8(0)
  }
  s16(at: bigint): number {
    return this.#load(at, 2).getInt16(0, true)
  }
  s32(at: bigint): number {
    return this.#load(at, 4).getInt32(0, true)
  }
  s64(at: bigint): bigint {
    return this.#load(at, 8).getBigInt64(0, true)
  }
  f32(at: bigint): number {
    return this.#load(at, 4).getFloat32(0, true)
  }
  f64(at: bigint): number {
    return this.#load(at, 8).getFloat64(0, true)
  }

  // Values are taken modulo the width: signed and unsigned ones store the same bytes.
  setU8(at: bigint, value: number): void {
    this.#view.setUint8(0, value)
    this.#store(at, 1)
  }
  setU16(at: bigint, value: number): void {
    this.#view.setUint16(0, value, true)
    this.#store(at, 2)
  }
  setU32(at: bigint, value: number): void {
    this.#view.setUint32(0, value, true)
    this.#store(at, 4)
  }
  setU64(at: bigint, value: bigint): void {
    this.#view.setBigUint64(0, value, true)
    this.#store(at, 8)
  }
  setS8(at: bigint, value: number): void {
    this.setU8(at, value)
  }
  setS16(at: bigint, value: number): void {
    this.setU16(at, value)
  }
  setS32(at: bigint, value: number): void {
    this.setU32(at, value)
  }
  setS64(at: bigint, value: bigint): void {
    this.setU64(at, value)
  }
  setF32(at: bigint, value: number): void {
    this.#view.setFloat32(0, value, true)
    this.#store(at, 4)
  }
  setF64(at: bigint, value: number): void {
    this.#view.setFloat64(0, value, true)
    this.#store(at, 8)
  }

  /** A copy of `count` bytes. */
  bytes(at: bigint, count: number): Uint8Array {
    const copy = new Uint8Array(count)
    this.#read(at, copy)
    return copy
  }

  /** Copies bytes in. Where a page faults, what lies before it has been written, as by memcpy. */
  write(at: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#assertMapped(at)
    if (this.#protection !== 'rw') this.#forbidden(at, 'the mapping is read-only')
    const room = Math.min(bytes.length, Number(this.end - at))
    const done = writeMemory(at, bytes.subarray(0, room))
    if (done < bytes.length) this.#absent(at + BigInt(done))
  }

  /**
   * A live window onto `count` bytes, for speed: plain memory. An access to it faults pages in and, unlike those on
   * harena's own engines, ends the process where the kernel answers SIGSEGV. So with segv_on_fault all its pages must
   * be there now (else: SegmentationFault), and stay while the view is used. The memory lives as long as a view of it,
   * its machine closed or not: meanwhile other mappings are refused its address (EBUSY). Copy what is to outlive that.
   * Its buffer is not to be transferred: what becomes of it then cannot be followed.
   */
  view(at: bigint, count: number): Uint8Array<ArrayBufferLike> {
    this.#assertMapped(at)
    if (count === 0) return new Uint8Array()
    this.#assertMapped(at + BigInt(count) - 1n)
    if (this.#protection === 'none') this.#forbidden(at, 'the mapping allows no access')
    if (this.arena.segvOnFault) {
      const pages = (at + BigInt(count) - 1n) / BigInt(PAGE_SIZE) - at / BigInt(PAGE_SIZE)
      for (let page = 0n; page <= pages; page++) {
        const start = at / BigInt(PAGE_SIZE) + page
        this.u8(page === 0n ? at : start * BigInt(PAGE_SIZE))
      }
    }
    return new Uint8Array(this.#window.view(at, count))
  }

  /** As ArenaMapping.struct. @throws HarenaError where there is no such type */
  struct<T extends object = StructView>(type: string | number, at: bigint): T {
    return structView(this, this.arena.btf, type, at) as T
  }

  /** As ArenaMapping.list. @throws HarenaError for a list that comes back to a node, or is longer than `limit` */
  list<T extends object = StructView>(
    head: bigint,
    type: string | number,
    next: string,
    limit = 10_000_000,
  ): Generator<T, void, undefined> {
    return listOf(this, this.arena.btf, head, type, next, limit) as Generator<T, void, undefined>
  }

  #load(at: bigint, size: number): DataView {
    this.#read(at, this.#bytes.subarray(0, size))
    return this.#view
  }

  #store(at: bigint, size: number): void {
    this.write(at, this.#bytes.subarray(0, size))
  }

  #read(at: bigint, into: Uint8Array): void {
    if (into.length === 0) return
    this.#assertMapped(at)
    // The kernel reads for its caller whatever the protection says.
    if (this.#protection === 'none') this.#forbidden(at, 'the mapping allows no access')
    const room = Math.min(into.length, Number(this.end - at))
    const done = readMemory(at, into.subarray(0, room))
    if (done < into.length) this.#absent(at + BigInt(done))
  }

  #assertMapped(at: bigint): void {
    this.arena.assertOpen()
    if (!(at >= this.start && at < this.end)) this.#outside(at)
    if (this.#window.closed) throw new SegmentationFault(at, SEGV_MAPERR, `${this.#who()}: the mapping is unmapped`)
  }

  #absent(at: bigint): never {
    if (at >= this.end) this.#outside(at)
    const why = this.arena.segvOnFault ? 'the page is absent and the arena has segv_on_fault' : 'no page to be had'
    throw new SegmentationFault(at, SEGV_MAPERR, `${this.#who()}: ${why}`)
  }

  #outside(at: bigint): never {
    const range = `0x${this.start.toString(16)} to 0x${this.end.toString(16)}`
    throw new SegmentationFault(at, SEGV_MAPERR, `${this.#who()}: outside of the mapping ${range}`)
  }

  #forbidden(at: bigint, why: string): never {
    throw new SegmentationFault(at, SEGV_ACCERR, `${this.#who()}: ${why}`)
  }

  #who(): string {
    return `arena ${this.arena.name}`
  }
}

/** A request that only a simulated machine can meet. */
export function unsupported(what: string): HarenaError {
  return new HarenaError(`engine linux cannot ${what}`)
}
