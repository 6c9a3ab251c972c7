/**
 * Little-endian loads and stores at any byte offset of a memory. Aligned accesses go through the typed arrays (one
 * access of that width, so another thread never sees half of it); unaligned ones through the DataView.
 *
 * 32-bit values are signed numbers; a 64-bit value is two of them, or a bigint at the public edge. An offset outside
 * of the memory is a RangeError on the unaligned path and undefined on the aligned one: callers have checked.
 */
import type { Memory } from './memory.ts'

export function load8(memory: Memory, at: number): number {
  return memory.u8[at]!
}

export function load16(memory: Memory, at: number): number {
  return (at & 1) === 0 ? memory.u16[at >>> 1]! : memory.view.getUint16(at, true)
}

export function load32(memory: Memory, at: number): number {
  return (at & 3) === 0 ? memory.i32[at >>> 2]! : memory.view.getInt32(at, true)
}

/** Lower half into `out[index]`, upper half into `out[index + 1]`. */
export function loadHalves(memory: Memory, at: number, out: Int32Array, index: number): void {
  out[index] = load32(memory, at)
  out[index + 1] = load32(memory, at + 4)
}

/** Unsigned. */
export function load64(memory: Memory, at: number): bigint {
  return (at & 7) === 0 ? BigInt.asUintN(64, memory.i64[at / 8]!) : memory.view.getBigUint64(at, true)
}

export function store8(memory: Memory, at: number, value: number): void {
  memory.u8[at] = value
}

export function store16(memory: Memory, at: number, value: number): void {
  if ((at & 1) === 0) memory.u16[at >>> 1] = value
  else memory.view.setUint16(at, value, true)
}

export function store32(memory: Memory, at: number, value: number): void {
  if ((at & 3) === 0) memory.i32[at >>> 2] = value
  else memory.view.setInt32(at, value, true)
}

/** Two 32-bit stores: not for memory that another thread may watch. */
export function storeHalves(memory: Memory, at: number, low: number, high: number): void {
  store32(memory, at, low)
  store32(memory, at + 4, high)
}

/** Takes the value modulo 2^64. */
export function store64(memory: Memory, at: number, value: bigint): void {
  if ((at & 7) === 0) memory.i64[at / 8] = value
  else memory.view.setBigInt64(at, BigInt.asIntN(64, value), true)
}

/** Bytes up to which a loop over words beats the call of a built-in. */
const SHORT = 64

/** Copies bytes inside the memory, as if all were read before the first is written. */
export function copyBytes(memory: Memory, to: number, from: number, bytes: number): void {
  // Disjoint, or to a lower place: words copied in ascending order never overwrite one still to be read.
  if (bytes > SHORT || ((to | from) & 3) !== 0 || (to > from && to < from + bytes)) {
    memory.u8.copyWithin(to, from, from + bytes)
    return
  }
  const { i32 } = memory
  const words = bytes >>> 2
  const source = from >>> 2
  const target = to >>> 2
  for (let word = 0; word < words; word++) i32[target + word] = i32[source + word]!
  for (let byte = words << 2; byte < bytes; byte++) memory.u8[to + byte] = memory.u8[from + byte]!
}

/** Writes zeros to `bytes` bytes from an offset that is a multiple of 4 on. */
export function zeroBytes(memory: Memory, at: number, bytes: number): void {
  if (bytes > SHORT) {
    memory.u8.fill(0, at, at + bytes)
    return
  }
  const { i32 } = memory
  const first = at >>> 2
  const words = bytes >>> 2
  for (let word = 0; word < words; word++) i32[first + word] = 0
  for (let byte = words << 2; byte < bytes; byte++) memory.u8[at + byte] = 0
}
