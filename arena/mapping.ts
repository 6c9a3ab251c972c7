/**
 * A user mapping of an arena: how a user process reads and writes it.
 *
 * Accesses fault as on Linux: an absent page is faulted in, or the access ends in a SegmentationFault. All mappings
 * show the arena's one memory, and the page table says what is there: a page that BPF frees is gone from all of them.
 * Whether a present page was touched through this very mapping cannot be observed, so nothing is kept of it.
 *
 * Not modelled, as there is nothing to see: a child of fork has no mapping of the arena, which is what a new
 * UserProcess has; mremap always fails (EFAULT to grow, EINVAL to move); madvise(MADV_DONTNEED) frees no page, and
 * the next access finds it again.
 */
import { type Errno, ErrnoError, SegmentationFault } from '../errors/errors.ts'
import { keepAlive } from '../memory/pool.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { Arena } from './arena.ts'
import { hex } from './creation.ts'
import type { UserProcess } from './process.ts'
import { listOf, type StructView, structView } from './struct-view.ts'

/** Rights of a mapping: none, read, write, execute. Linux gives an arena no executable mapping. */
export type Protection = 'none' | 'r' | 'rw' | 'rx' | 'rwx'

export function isExecutable(protection: Protection): boolean {
  return protection === 'rx' || protection === 'rwx'
}

const SEGV_MAPERR = 1
const SEGV_ACCERR = 2

/** Addresses are user addresses, 64-bit values little-endian bigints; nothing need be aligned. */
export class ArenaMapping {
  readonly arena: Arena
  readonly process: UserProcess
  /** First address. */
  readonly start: bigint
  /** First address behind it. */
  readonly end: bigint
  #protection: Protection
  readonly #mayWrite: boolean
  #unmapped = false

  /** For mmap.ts, which has checked everything. */
  constructor(arena: Arena, process: UserProcess, start: bigint, bytes: bigint, protection: Protection) {
    this.arena = arena
    this.process = process
    this.start = start
    this.end = start + bytes
    this.#protection = protection
    this.#mayWrite = protection === 'rw'
    arena.mappings.add(this)
    process.add(this)
  }

  /** Bytes that it spans. */
  get length(): number {
    return Number(this.end - this.start)
  }

  /** Pages of the arena that have memory, whoever allocated them. */
  residentPages(): number {
    return this.arena.residentPages()
  }

  /** Page numbers within this mapping that have memory, ascending. */
  *presentPages(): Generator<number, void> {
    const low = Number(this.start & 0xffff_ffffn) / PAGE_SIZE
    const count = this.length / PAGE_SIZE
    for (let page = 0; page < count; page++) {
      if (this.arena.table.has(low + page)) yield page
    }
  }

  get protection(): Protection {
    return this.#protection
  }

  get unmapped(): boolean {
    return this.#unmapped
  }

  /** munmap(2) of the mapping; a part of it is EINVAL. The arena keeps its pages. A second call does nothing. */
  unmap(address: bigint = this.start, length: bigint = this.end - this.start): void {
    if (this.#unmapped) return
    if (!this.#whole(address, length)) this.#refuse('EINVAL', 'munmap', 'an arena mapping cannot be split')
    this.#unmapped = true
    this.arena.mappings.delete(this)
    this.process.remove(this)
  }

  /** mprotect(2). EINVAL for a part of the mapping; EACCES for execution, and for writing unless mapped so. */
  protect(protection: Protection, address: bigint = this.start, length: bigint = this.end - this.start): void {
    if (protection === this.#protection) return
    if (isExecutable(protection)) this.#refuse('EACCES', 'mprotect', 'an arena cannot be executable')
    if (protection === 'rw' && !this.#mayWrite) this.#refuse('EACCES', 'mprotect', 'it was not mapped writable')
    if (!this.#whole(address, length)) this.#refuse('EINVAL', 'mprotect', 'an arena mapping cannot be split')
    this.#protection = protection
  }

  u8(at: bigint): number {
    return this.arena.memory.u8[this.#locate(at, 1, false)]!
  }
  u16(at: bigint): number {
    return this.arena.memory.view.getUint16(this.#locate(at, 2, false), true)
  }
  u32(at: bigint): number {
    return this.arena.memory.view.getUint32(this.#locate(at, 4, false), true)
  }
  u64(at: bigint): bigint {
    return this.arena.memory.view.getBigUint64(this.#locate(at, 8, false), true)
  }
  s8(at: bigint): number {
    return this.arena.memory.view.getInt8(this.#locate(at, 1, false))
  }
  s16(at: bigint): number {
    return this.arena.memory.view.getInt16(this.#locate(at, 2, false), true)
  }
  s32(at: bigint): number {
    return this.arena.memory.view.getInt32(this.#locate(at, 4, false), true)
  }
  s64(at: bigint): bigint {
    return this.arena.memory.view.getBigInt64(this.#locate(at, 8, false), true)
  }
  f32(at: bigint): number {
    return this.arena.memory.view.getFloat32(this.#locate(at, 4, false), true)
  }
  f64(at: bigint): number {
    return this.arena.memory.view.getFloat64(this.#locate(at, 8, false), true)
  }

  // Values are taken modulo the width: signed and unsigned ones store the same bytes.
  setU8(at: bigint, value: number): void {
    this.arena.memory.u8[this.#locate(at, 1, true)] = value
  }
  setU16(at: bigint, value: number): void {
    this.arena.memory.view.setUint16(this.#locate(at, 2, true), value, true)
  }
  setU32(at: bigint, value: number): void {
    this.arena.memory.view.setUint32(this.#locate(at, 4, true), value, true)
  }
  setU64(at: bigint, value: bigint): void {
    this.arena.memory.view.setBigUint64(this.#locate(at, 8, true), value, true)
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
    this.arena.memory.view.setFloat32(this.#locate(at, 4, true), value, true)
  }
  setF64(at: bigint, value: number): void {
    this.arena.memory.view.setFloat64(this.#locate(at, 8, true), value, true)
  }

  /** A copy of `count` bytes. */
  bytes(at: bigint, count: number): Uint8Array {
    const copy = new Uint8Array(count)
    if (count > 0) {
      const from = this.#locate(at, count, false)
      copy.set(this.arena.memory.u8.subarray(from, from + count))
    }
    return copy
  }

  /** Copies bytes in. Where a page faults, what lies before it has been written, as by memcpy. */
  write(at: bigint, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const address = at + BigInt(done)
      const inPage = PAGE_SIZE - (lowHalf(address) % PAGE_SIZE)
      const count = Math.min(inPage, bytes.length - done)
      this.arena.memory.u8.set(bytes.subarray(done, done + count), this.#locate(address, count, true))
      done += count
    }
  }

  /**
   * A live window onto `count` bytes, for speed: no faults, no rights, and absent pages read as zero. Writing to a
   * page that is absent is the user's mistake; its next allocation zeroes it again. Outside the mapping: a
   * SegmentationFault.
   */
  view(at: bigint, count: number): Uint8Array<ArrayBufferLike> {
    this.#assertMapped(at)
    if (count > 0) this.#assertMapped(at + BigInt(count) - 1n)
    const from = lowHalf(at)
    if (count > 0) this.arena.noteView(from >>> 12, (from + count - 1) >>> 12)
    const view = this.arena.memory.u8.subarray(from, from + count)
    keepAlive(view, this)
    return view
  }

  /**
   * The struct at an address, by its name or type id in the arena's BTF. Fields are properties that read and write
   * through the mapping: numbers up to 32 bits, bigints for 64 bits and pointers, views for structs and arrays.
   * Throws HarenaError where there is no such type.
   */
  struct<T extends object = StructView>(type: string | number, at: bigint): T {
    return structView(this, this.arena.btf, type, at) as T
  }

  /**
   * The structs of a linked list: from `head`, along the pointer field `next`, to NULL. Throws HarenaError for a list
   * that comes back to a node, or is longer than `limit`.
   */
  list<T extends object = StructView>(
    head: bigint,
    type: string | number,
    next: string,
    limit = 10_000_000,
  ): Generator<T, void, undefined> {
    return listOf(this, this.arena.btf, head, type, next, limit) as Generator<T, void, undefined>
  }

  /** Makes an access of `size` bytes possible and returns its offset in the arena's memory; or faults. */
  #locate(at: bigint, size: number, write: boolean): number {
    this.#assertMapped(at)
    if (this.#protection === 'none') this.#fault(at, SEGV_ACCERR, 'the mapping allows no access')
    if (write && this.#protection !== 'rw') this.#fault(at, SEGV_ACCERR, 'the mapping is read-only')
    const low = lowHalf(at)
    // Page by page, upwards: what an access touched before it faulted stays.
    for (let index = low >>> 12; index * PAGE_SIZE < low + size; index++) {
      const from = Math.max(low, index * PAGE_SIZE)
      const address = at + BigInt(from - low)
      if (address >= this.end) this.#assertMapped(address)
      if (this.arena.faultIn(index)) continue
      const why = this.arena.segvOnFault ? 'the page is absent and the arena has segv_on_fault' : 'no page to be had'
      this.#fault(address, SEGV_MAPERR, why)
    }
    return low
  }

  #assertMapped(at: bigint): void {
    if (this.arena.closed) this.arena.assertOpen()
    if (this.#unmapped) this.#fault(at, SEGV_MAPERR, 'the mapping is unmapped')
    if (at >= this.start && at < this.end) return
    this.#fault(at, SEGV_MAPERR, `outside of the mapping ${hex(this.start)} to ${hex(this.end)}`)
  }

  #fault(at: bigint, code: 1 | 2, why: string): never {
    throw new SegmentationFault(at, code, `arena ${this.arena.spec.name}: ${why}`)
  }

  #whole(address: bigint, length: bigint): boolean {
    return address <= this.start && address + length > this.end - 4096n
  }

  #refuse(errno: Errno, call: string, why: string): never {
    throw new ErrnoError(errno, `${call} of arena ${this.arena.spec.name}: ${why}`)
  }
}

function lowHalf(address: bigint): number {
  return Number(BigInt.asUintN(32, address))
}
