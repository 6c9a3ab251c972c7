/** Keys and values as words: compared and copied without a call, where they are short. */
import { Wasm } from '../wasm/opcodes.ts'
import type { Code, Expr } from './code.ts'

/** Up to which words are compared or copied one by one. */
const SHORT = 64

interface Piece {
  readonly offset: number
  readonly bytes: 1 | 2 | 4 | 8
}

const LOAD = { 1: Wasm.I64_LOAD8_U, 2: Wasm.I64_LOAD16_U, 4: Wasm.I64_LOAD32_U, 8: Wasm.I64_LOAD } as const
const STORE = { 1: Wasm.I64_STORE8, 2: Wasm.I64_STORE16, 4: Wasm.I64_STORE32, 8: Wasm.I64_STORE } as const

/** The largest powers of two in order. */
function pieces(size: number): Piece[] {
  const found: Piece[] = []
  for (let offset = 0; offset < size; ) {
    const bytes = ([8, 4, 2, 1] as const).find((candidate) => candidate <= size - offset)!
    found.push({ offset, bytes })
    offset += bytes
  }
  return found
}

/** Leaves by `leave` where the bytes at a + aOffset and b differ. */
export function leaveUnlessEqual(
  c: Code,
  size: number,
  a: { readonly local: number; readonly offset: number },
  b: number,
  leave: (condition: Expr) => void,
): void {
  if (size > SHORT) {
    leaveUnlessEqualLong(c, size, a, b, leave)
    return
  }
  for (const { offset, bytes } of pieces(size)) {
    const own = c.load(LOAD[bytes], c.get(a.local), a.offset + offset, false)
    leave(c.op(Wasm.I64_NE, own, c.load(LOAD[bytes], c.get(b), offset, false)))
  }
}

function leaveUnlessEqualLong(
  c: Code,
  size: number,
  a: { readonly local: number; readonly offset: number },
  b: number,
  leave: (condition: Expr) => void,
): void {
  const at = c.local32()
  const words = Math.floor(size / 8) * 8
  const pair = (code: Wasm, offset: number): Expr => {
    const own = c.load(code, c.add(c.get(a.local), c.get(at)), a.offset + offset, false)
    return c.op(Wasm.I64_NE, own, c.load(code, c.add(c.get(b), c.get(at)), offset, false))
  }
  c.set(at, c.i32(0))
  c.loop((again) => {
    leave(pair(Wasm.I64_LOAD, 0))
    again(c.op(Wasm.I32_LT_U, c.tee(at, c.add(c.get(at), c.i32(8))), c.i32(words)))
  })
  for (const { offset, bytes } of pieces(size - words)) leave(pair(LOAD[bytes], offset))
}

/** Copies `size` bytes, as if all were read before the first is written. */
export function copyBytes(
  c: Code,
  size: number,
  to: { readonly local: number; readonly offset: number },
  from: number,
): void {
  if (size > SHORT) {
    c.copy(c.add(c.get(to.local), c.i32(to.offset)), c.get(from), size)
    return
  }
  const all = pieces(size)
  for (const { offset, bytes } of all) {
    c.w.get(to.local)
    c.load(LOAD[bytes], c.get(from), offset, false)()
  }
  for (const { offset, bytes } of all.reverse()) c.w.access(STORE[bytes], c.memory, to.offset + offset, false)
}

/** Writes zeros to `size` bytes from a multiple of 8 on. */
export function clearBytes(c: Code, size: number, at: { readonly local: number; readonly offset: number }): void {
  if (size > 2 * SHORT) {
    c.clear(c.add(c.get(at.local), c.i32(at.offset)), size)
    return
  }
  for (const { offset, bytes } of pieces(size)) {
    c.store(STORE[bytes], c.get(at.local), at.offset + offset, c.i64(0), false)
  }
}
