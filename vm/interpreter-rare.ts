/**
 * The operations that the interpreter's main switch leaves out: division, byte swaps, narrow sign extension, atomics,
 * and all accesses of unverified programs. None of them jumps.
 */
import { InternalError } from '../errors/errors.ts'
import { bswap16, bswap32, hi, sdiv, srem, udiv, urem } from '../memory/int64.ts'
import {
  atomicArena,
  atomicChecked,
  loadAcquireArena,
  loadAcquireChecked,
  loadArena,
  loadChecked,
  loadFrom,
  storeChecked,
} from './access.ts'
import { atomic } from './atomics.ts'
import { EngineOp, STRIDE } from './engine-ops.ts'
import type { RunState } from './state.ts'

// biome-ignore format: a list of names
const {
  DIV64, SDIV64, MOD64, SMOD64, DIV32, SDIV32, MOD32, SMOD32, MOVSX64_8, MOVSX64_16, MOVSX32_8, MOVSX32_16, LE16, LE32,
  BSWAP16, BSWAP32, BSWAP64, LDXS16_A, LDXS8_A, LDXS16_K, LDXS8_K, ATOMIC_K, ATOMIC_A, ATOMIC_C, LOAD_ACQUIRE_A,
  LOAD_ACQUIRE_C, LOAD_C, STORE_C,
} = EngineOp

/** Executes the operation at word `pc`. */
export function executeRare(op: number, code: Int32Array, pc: number, R: Int32Array, state: RunState): void {
  const a = code[pc + 1]!
  const b = code[pc + 2]!
  const c = code[pc + 3]!
  switch (op) {
    case DIV64:
      set64(R, a, udiv(R[a]!, R[a + 1]!, R[b]!, R[b + 1]!))
      break
    case SDIV64:
      set64(R, a, sdiv(R[a]!, R[a + 1]!, R[b]!, R[b + 1]!))
      break
    case MOD64:
      set64(R, a, urem(R[a]!, R[a + 1]!, R[b]!, R[b + 1]!))
      break
    case SMOD64:
      set64(R, a, srem(R[a]!, R[a + 1]!, R[b]!, R[b + 1]!))
      break
    case DIV32:
      set32(R, a, R[b] === 0 ? 0 : (R[a]! >>> 0) / (R[b]! >>> 0))
      break
    case SDIV32:
      set32(R, a, R[b] === 0 ? 0 : R[a]! / R[b]!)
      break
    case MOD32:
      set32(R, a, R[b] === 0 ? R[a]! : (R[a]! >>> 0) % (R[b]! >>> 0))
      break
    case SMOD32:
      set32(R, a, R[b] === 0 ? R[a]! : R[a]! % R[b]!)
      break
    case MOVSX64_8:
      setSigned(R, a, (R[b]! << 24) >> 24)
      break
    case MOVSX64_16:
      setSigned(R, a, (R[b]! << 16) >> 16)
      break
    case MOVSX32_8:
      set32(R, a, (R[b]! << 24) >> 24)
      break
    case MOVSX32_16:
      set32(R, a, (R[b]! << 16) >> 16)
      break
    case LE16:
      set32(R, a, R[a]! & 0xffff)
      break
    case LE32:
      set32(R, a, R[a]!)
      break
    case BSWAP16:
      set32(R, a, bswap16(R[a]!))
      break
    case BSWAP32:
      set32(R, a, bswap32(R[a]!))
      break
    case BSWAP64: {
      const low = R[a]!
      R[a] = bswap32(R[a + 1]!)
      R[a + 1] = bswap32(low)
      break
    }
    case LDXS16_A:
      loadArena(state, R, a, R[b]!, c, 2, true)
      break
    case LDXS8_A:
      loadArena(state, R, a, R[b]!, c, 1, true)
      break
    case LDXS16_K:
      loadFrom(state.kernel, (R[b]! + c) >>> 0, R, a, 2, true)
      break
    case LDXS8_K:
      loadFrom(state.kernel, (R[b]! + c) >>> 0, R, a, 1, true)
      break
    case ATOMIC_K:
      atomic(state.kernel, (R[a]! + (c >> 16)) >>> 0, R, b, c)
      break
    case ATOMIC_A:
      atomicArena(state, R, b, R[a]!, c)
      break
    case ATOMIC_C:
      atomicChecked(state, R, a, b, c, pc / STRIDE)
      break
    case LOAD_ACQUIRE_A:
      loadAcquireArena(state, R, a, R[b]!, c >> 16, c & 15)
      break
    case LOAD_ACQUIRE_C:
      loadAcquireChecked(state, R, a, b, c, pc / STRIDE)
      break
    case LOAD_C:
      loadChecked(state, R, a, b, c, pc / STRIDE)
      break
    case STORE_C:
      storeChecked(state, R, a, b, c, pc / STRIDE)
      break
    default:
      // The second half of an LD_IMM64, or what the verifier never reached.
      throw new InternalError(`no instruction starts at slot ${pc / STRIDE}`)
  }
}

/** The low half given, the high one where int64.ts left it. */
function set64(R: Int32Array, a: number, low: number): void {
  R[a] = low
  R[a + 1] = hi
}

/** A 32-bit result: zero-extended. A fraction is cut off. */
function set32(R: Int32Array, a: number, value: number): void {
  R[a] = value
  R[a + 1] = 0
}

function setSigned(R: Int32Array, a: number, value: number): void {
  R[a] = value
  R[a + 1] = value >> 31
}
