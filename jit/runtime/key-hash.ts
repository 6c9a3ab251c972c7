/** maps/key-hash.ts for keys of one size: Jenkins' lookup3. */
import { Wasm } from '../wasm/opcodes.ts'
import type { Code, Expr } from './code.ts'

const GOLDEN = 0xdeadbeef

/** Rounds of 12 bytes that are written out; more are a loop. */
const UNROLLED = 4

/** What a register is taken from, by how much another one is rotated into it, and what that one then gets: in order. */
const ROUND = [
  ['a', 'c', 4, 'b'],
  ['b', 'a', 6, 'c'],
  ['c', 'b', 8, 'a'],
  ['a', 'c', 16, 'b'],
  ['b', 'a', 19, 'c'],
  ['c', 'b', 4, 'a'],
] as const

const FINISH = [
  ['c', 'b', 14],
  ['a', 'c', 11],
  ['b', 'a', 25],
  ['c', 'b', 16],
  ['a', 'c', 4],
  ['b', 'a', 14],
  ['c', 'b', 24],
] as const

/** Gives a local with the hash of the `size` bytes at `key`. */
export function hashOf(c: Code, key: number, size: number, seed: number): number {
  const r = { a: c.local32(), b: c.local32(), c: c.local32() }
  const initial = c.i32(GOLDEN + size + seed)
  for (const local of [r.a, r.b, r.c]) c.set(local, initial)
  if (size === 0) return r.c
  const rounds = Math.ceil(size / 12) - 1
  let from = key
  let offset = 0
  if (rounds > UNROLLED) {
    from = c.local32()
    const last = c.add(c.get(key), c.i32(12 * rounds))
    c.set(from, c.get(key))
    c.loop((again) => {
      mix(c, r, from, 0)
      again(c.op(Wasm.I32_NE, c.tee(from, c.add(c.get(from), c.i32(12))), last))
    })
  } else for (; offset < 12 * rounds; offset += 12) mix(c, r, from, offset)
  const left = size - 12 * rounds
  for (const [at, local] of [r.a, r.b, r.c].entries()) {
    if (left > 4 * at) c.set(local, c.add(c.get(local), tail(c, from, offset + 4 * at, left - 4 * at)))
  }
  for (const [to, other, by] of FINISH) {
    c.set(r[to], c.sub(c.xor(c.get(r[to]), c.get(r[other])), rotated(c, r[other], by)))
  }
  return r.c
}

interface Registers {
  readonly a: number
  readonly b: number
  readonly c: number
}

function mix(c: Code, r: Registers, from: number, offset: number): void {
  for (const [at, local] of [r.a, r.b, r.c].entries()) {
    c.set(local, c.add(c.get(local), c.load(Wasm.I32_LOAD, c.get(from), offset + 4 * at, false)))
  }
  for (const [to, other, by, next] of ROUND) {
    c.set(r[to], c.xor(c.sub(c.get(r[to]), c.get(r[other])), rotated(c, r[other], by)))
    c.set(r[other], c.add(c.get(r[other]), c.get(r[next])))
  }
}

/** The next four bytes, or as many as are left. */
function tail(c: Code, from: number, offset: number, left: number): Expr {
  if (left >= 4) return c.load(Wasm.I32_LOAD, c.get(from), offset, false)
  if (left === 1) return c.load(Wasm.I32_LOAD8_U, c.get(from), offset)
  const two = c.load(Wasm.I32_LOAD16_U, c.get(from), offset, false)
  if (left === 2) return two
  const third = c.load(Wasm.I32_LOAD8_U, c.get(from), offset + 2)
  return c.any(two, c.op(Wasm.I32_SHL, third, c.i32(16)))
}

function rotated(c: Code, local: number, by: number): Expr {
  return c.op(Wasm.I32_ROTL, c.get(local), c.i32(by))
}
