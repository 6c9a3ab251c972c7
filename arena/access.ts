/**
 * Kernel-side access to arena memory, exactly as BPF code on Linux sees it (6.18, x86-64).
 *
 * The address is the low 32 bits of the base register plus the instruction's signed offset. The sum does not wrap:
 * below 0 and from 2^32 on lie guard pages, which are always absent. An access is done when every page that it
 * touches is present. Otherwise a load gives 0, a store is dropped whole, and an atomic is skipped with its registers
 * untouched; a load-acquire counts as an atomic there. Nothing is ever allocated by an access. The fast paths of the
 * engines read the page table themselves (page-table.ts) and come here for the rest.
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
