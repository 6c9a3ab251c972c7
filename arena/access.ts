/**
 * Kernel-side access to arena memory, exactly as BPF code on Linux sees it (6.18, x86-64).
 *
 * The address is the low 32 bits of the base register plus the instruction's signed offset. The sum does not wrap:
 * below 0 and from 2^32 on lie guard pages, which are always absent. An access is done when every page that it
 * touches is present. Otherwise a load gives 0, a store is dropped whole, and an atomic is skipped with its registers
 * untouched; a load-acquire counts as an atomic there. The fast paths of the engines read the page table themselves
 * (page-table.ts) and come here for the rest.
 */
import type { Memory } from '../memory/memory.ts'
import type { PageTable } from './page-table.ts'

/** What an access needs of an arena. */
export interface ArenaPages {
  readonly memory: Memory
  readonly table: PageTable
}

const LIMIT = 2 ** 32

/**
 * Where an access of `size` bytes (1 to 4096) at `base` (a register's low half, signed or not) plus `offset` lies in
 * the arena's memory; -1 when any of its pages is absent.
 */
export function resolve(arena: ArenaPages, base: number, offset: number, size: number): number {
  const at = (base >>> 0) + offset
  if (at < 0 || at + size > LIMIT) return -1
  const { bytes, base: table } = arena.table
  if ((bytes[table + (at >>> 12)]! & 1) === 0) return -1
  if ((bytes[table + ((at + size - 1) >>> 12)]! & 1) === 0) return -1
  return at
}

/** A load of 1, 2 or 4 bytes: the value without sign, 0 where absent. */
export function load(arena: ArenaPages, base: number, offset: number, size: number): number {
  const at = resolve(arena, base, offset, size)
  return at < 0 ? 0 : readAt(arena.memory, at, size)
}

/** A load of 8 bytes into `out[index]` (low half) and `out[index + 1]` (high half); zeros where absent. */
export function load64(arena: ArenaPages, base: number, offset: number, out: Int32Array, index: number): void {
  const at = resolve(arena, base, offset, 8)
  out[index] = at < 0 ? 0 : arena.memory.view.getInt32(at, true)
  out[index + 1] = at < 0 ? 0 : arena.memory.view.getInt32(at + 4, true)
}

/** A store of 1, 2, 4 or 8 bytes; `high` matters for 8 only. Dropped whole where a page is absent. */
export function store(arena: ArenaPages, base: number, offset: number, size: number, low: number, high: number): void {
  const at = resolve(arena, base, offset, size)
  if (at >= 0) writeAt(arena.memory, at, size, low, high)
}

/** What an atomic does with the old value and its operand. */
export const Atomic = { ADD: 0, OR: 1, AND: 2, XOR: 3, EXCHANGE: 4, COMPARE_EXCHANGE: 5 } as const
export type Atomic = (typeof Atomic)[keyof typeof Atomic]

/** Registers of an atomic, as halves. `expected` is r0 of a compare-and-exchange; `old` receives what was there. */
export interface AtomicOperands {
  low: number
  high: number
  expectedLow: number
  expectedHigh: number
  oldLow: number
  oldHigh: number
}

/**
 * An atomic of 4 or 8 bytes; alignment does not matter. False when skipped: then nothing changed, registers included.
 * True: `operands.old*` holds the former value, zero-extended; the caller puts it where the instruction says.
 */
export function atomic(
  arena: ArenaPages,
  op: Atomic,
  base: number,
  offset: number,
  size: 4 | 8,
  operands: AtomicOperands,
): boolean {
  const at = resolve(arena, base, offset, size)
  if (at < 0) return false
  const { view } = arena.memory
  const oldLow = view.getInt32(at, true)
  const oldHigh = size === 8 ? view.getInt32(at + 4, true) : 0
  operands.oldLow = oldLow
  operands.oldHigh = oldHigh
  const { low, high } = operands
  switch (op) {
    case Atomic.ADD: {
      const sum = (oldLow >>> 0) + (low >>> 0)
      writeAt(arena.memory, at, size, sum | 0, (oldHigh + high + (sum >= LIMIT ? 1 : 0)) | 0)
      return true
    }
    case Atomic.OR:
      writeAt(arena.memory, at, size, oldLow | low, oldHigh | high)
      return true
    case Atomic.AND:
      writeAt(arena.memory, at, size, oldLow & low, oldHigh & high)
      return true
    case Atomic.XOR:
      writeAt(arena.memory, at, size, oldLow ^ low, oldHigh ^ high)
      return true
    case Atomic.EXCHANGE:
      writeAt(arena.memory, at, size, low, high)
      return true
    case Atomic.COMPARE_EXCHANGE: {
      const same = oldLow === (operands.expectedLow | 0) && (size === 4 || oldHigh === (operands.expectedHigh | 0))
      if (same) writeAt(arena.memory, at, size, low, high)
      return true
    }
    default:
      op satisfies never
      return false
  }
}

/**
 * A load-acquire of 1, 2, 4 or 8 bytes into `out[index]` and `out[index + 1]`, zero-extended. False when a page is
 * absent: unlike a plain load it then leaves the register as it was. (A store-release is a plain store.)
 */
export function loadAcquire(
  arena: ArenaPages,
  base: number,
  offset: number,
  size: number,
  out: Int32Array,
  index: number,
): boolean {
  const at = resolve(arena, base, offset, size)
  if (at < 0) return false
  out[index] = readAt(arena.memory, at, Math.min(size, 4))
  out[index + 1] = size === 8 ? arena.memory.view.getInt32(at + 4, true) : 0
  return true
}

function readAt(memory: Memory, at: number, size: number): number {
  if (size === 1) return memory.u8[at]!
  return size === 2 ? memory.view.getUint16(at, true) : memory.view.getUint32(at, true)
}

function writeAt(memory: Memory, at: number, size: number, low: number, high: number): void {
  if (size === 1) memory.u8[at] = low
  else if (size === 2) memory.view.setUint16(at, low, true)
  else {
    memory.view.setInt32(at, low, true)
    if (size === 8) memory.view.setInt32(at + 4, high, true)
  }
}
