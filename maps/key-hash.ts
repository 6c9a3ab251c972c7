/**
 * The hash of keys: Jenkins' lookup3 ("hashword" for sizes that are multiples of 4, "hashlittle" for the others; Bob
 * Jenkins, 2006, public domain). Linux takes the same one, so maps with the flag `zero_seed` have the kernel's order.
 */
import { load32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'

const GOLDEN = 0xdeadbeef

/** 32 bits, signed. `size` bytes at any offset; `seed` is lookup3's initial value. */
export function hashKey(memory: Memory, at: number, size: number, seed: number): number {
  let a = (GOLDEN + size + seed) | 0
  let b = a
  let c = a
  let left = size
  let from = at
  for (; left > 12; left -= 12, from += 12) {
    a = (a + load32(memory, from)) | 0
    b = (b + load32(memory, from + 4)) | 0
    c = (c + load32(memory, from + 8)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
  }
  if (left === 0) return c
  a = (a + tail(memory, from, left)) | 0
  if (left > 4) b = (b + tail(memory, from + 4, left - 4)) | 0
  if (left > 8) c = (c + tail(memory, from + 8, left - 8)) | 0
  return finish(a, b, c)
}

function finish(a0: number, b0: number, c0: number): number {
  let c = ((c0 ^ b0) - rotate(b0, 14)) | 0
  let a = ((a0 ^ c) - rotate(c, 11)) | 0
  let b = ((b0 ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  return ((c ^ b) - rotate(b, 24)) | 0
}

/** The next four bytes, or as many as are left, as a little-endian number. */
function tail(memory: Memory, at: number, left: number): number {
  if (left >= 4) return load32(memory, at)
  let word = memory.u8[at]!
  if (left > 1) word |= memory.u8[at + 1]! << 8
  if (left > 2) word |= memory.u8[at + 2]! << 16
  return word
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
