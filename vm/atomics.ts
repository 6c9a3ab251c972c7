/**
 * Read-modify-write instructions on the bytes of a memory, for registers that are pairs of halves (RFC 9669, section
 * 5.3). One thread runs all simulated CPUs, so an operation is whole by not being interrupted.
 */
import { Op } from '../isa/table.ts'
import { fromBigInt, hi, toBigInt } from '../memory/int64.ts'
import type { Memory } from '../memory/memory.ts'

const { ADD, AND, OR, XOR, XCHG, CMPXCHG } = Op

/** `packed` as made by packAtomic; `at` is an offset in `memory` with all bytes of the operand inside it. */
export function atomic(memory: Memory, at: number, R: Int32Array, s: number, packed: number): void {
  const op = (packed >> 2) & 0xff
  const fetch = (packed & 2) !== 0
  if ((packed & 1) !== 0) atomic64(memory, at, R, s, op, fetch)
  else atomic32(memory, at, R, s, op, fetch)
}

/** Old values come back zero-extended. */
function atomic32(memory: Memory, at: number, R: Int32Array, s: number, op: number, fetch: boolean): void {
  const { view } = memory
  const old = view.getInt32(at, true)
  const operand = R[s]!
  switch (op) {
    case ADD:
      view.setInt32(at, (old + operand) | 0, true)
      break
    case AND:
      view.setInt32(at, old & operand, true)
      break
    case OR:
      view.setInt32(at, old | operand, true)
      break
    case XOR:
      view.setInt32(at, old ^ operand, true)
      break
    case XCHG:
      view.setInt32(at, operand, true)
      break
    case CMPXCHG:
      if (old === R[0]) view.setInt32(at, operand, true)
      R[0] = old
      R[1] = 0
      return
  }
  if (fetch) {
    R[s] = old
    R[s + 1] = 0
  }
}

/** One 64-bit load and one store; bigint, as these are rare. */
function atomic64(memory: Memory, at: number, R: Int32Array, s: number, op: number, fetch: boolean): void {
  const { view } = memory
  const old = view.getBigInt64(at, true)
  const operand = toBigInt(R[s]!, R[s + 1]!)
  switch (op) {
    case ADD:
      view.setBigInt64(at, old + operand, true)
      break
    case AND:
      view.setBigInt64(at, old & operand, true)
      break
    case OR:
      view.setBigInt64(at, old | operand, true)
      break
    case XOR:
      view.setBigInt64(at, old ^ operand, true)
      break
    case XCHG:
      view.setBigInt64(at, operand, true)
      break
    case CMPXCHG:
      if (old === toBigInt(R[0]!, R[1]!)) view.setBigInt64(at, operand, true)
      R[0] = fromBigInt(old)
      R[1] = hi
      return
  }
  if (fetch) {
    R[s] = fromBigInt(old)
    R[s + 1] = hi
  }
}
