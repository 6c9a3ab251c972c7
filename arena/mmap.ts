/**
 * mmap(2) of an arena: which requests are refused, with what, and where the others go (Linux 6.18).
 *
 * The first mapping of an arena without map_extra fixes the user window, address and length, for ever and for all
 * processes. Every later one must ask for exactly that.
 */
import { type Errno, ErrnoError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { Arena } from './arena.ts'
import { crossesFourGib, FOUR_GIB, hex } from './creation.ts'
import { ArenaMapping, isExecutable, type Protection } from './mapping.ts'
import { WINDOW_PAGES } from './page-table.ts'
import { USER_END, type UserProcess } from './process.ts'

export interface MapRequest {
  /** Where; absent for NULL. A hint unless `fixed`. */
  readonly address?: bigint
  /** Bytes; rounded up to pages. Default: the window, or max_entries pages while there is none. */
  readonly length?: number | bigint
  /** Must be 0. */
  readonly offset?: number | bigint
  /** MAP_FIXED (what lies there is unmapped), or MAP_FIXED_NOREPLACE. */
  readonly fixed?: boolean | 'noreplace'
  /** MAP_SHARED, the default; false is MAP_PRIVATE, which is refused. */
  readonly shared?: boolean
  /** Default `rw`. The executable ones are refused. */
  readonly protection?: Protection
  /** Who maps; default: the machine's one process. */
  readonly process?: UserProcess
}

const PAGE = BigInt(PAGE_SIZE)
const PLACES_TRIED = 4096

/** Throws ErrnoError as mmap(2) fails. */
export function mapArena(arena: Arena, request: MapRequest): ArenaMapping {
  const process = request.process ?? arena.process
  const protection = request.protection ?? 'rw'
  const bytes = checkedLength(arena, request)
  const start = place(arena, request, process, bytes)
  if (request.fixed === 'noreplace' && process.overlapping(start, bytes).length > 0) {
    refuse(arena, 'EEXIST', `something is mapped at ${hex(start)}`)
  }
  if (isExecutable(protection)) refuse(arena, 'EPERM', 'an arena cannot be executable')
  const replaced = process.overlapping(start, bytes)
  if (replaced.some((one) => one.start < start || one.end > start + bytes)) {
    refuse(arena, 'EINVAL', `part of another arena's mapping lies at ${hex(start)}, and it cannot be split`)
  }
  if (request.shared === false) refuse(arena, 'EINVAL', 'an arena cannot be mapped private')
  if (protection === 'rw' && arena.frozen) refuse(arena, 'EPERM', 'it is frozen: no writable mappings')
  if (arena.userStart !== undefined && arena.userStart !== start) {
    refuse(arena, 'EBUSY', `something is mapped at ${hex(arena.userStart)}`)
  }
  for (const mapping of replaced) mapping.unmap()
  if (protection === 'rw') arena.everWritable = true
  if (arena.userStart === undefined) arena.setWindow(start, Number(bytes / PAGE))
  return new ArenaMapping(arena, process, start, bytes, protection)
}

/** The length in bytes, whole pages. */
function checkedLength(arena: Arena, request: MapRequest): bigint {
  const pages = arena.userStart === undefined ? arena.spec.maxEntries : arena.windowPages
  const length = BigInt(request.length ?? pages * PAGE_SIZE)
  if (length <= 0n) refuse(arena, 'EINVAL', `length ${length}`)
  if (BigInt(request.offset ?? 0) !== 0n) refuse(arena, 'EINVAL', `offset ${request.offset}, must be 0`)
  const bytes = roundUp(length, PAGE)
  if (bytes > FOUR_GIB) refuse(arena, 'E2BIG', `length ${length} is more than 4 GiB`)
  if (arena.userStart === undefined) return bytes
  const window = BigInt(arena.windowPages) * PAGE
  if (bytes > window) refuse(arena, 'E2BIG', `length ${length} is more than the window's ${window}`)
  if (bytes < window) refuse(arena, 'EINVAL', `length ${length} is less than the window's ${window}`)
  return bytes
}

/** The address, as the kernel's search for one would end. */
function place(arena: Arena, request: MapRequest, process: UserProcess, bytes: bigint): bigint {
  const address = request.address ?? 0n
  const fixed = (request.fixed ?? false) !== false
  if (address < 0n || address >> 64n !== 0n) refuse(arena, 'EINVAL', `address ${address} is no 64-bit number`)
  if (arena.userStart !== undefined && address !== arena.userStart) {
    refuse(arena, 'EINVAL', `address ${hex(address)}, but the window is at ${hex(arena.userStart)}`)
  }
  if (fixed) {
    // Linux lets root do it, and then takes the window at 0 for none at all.
    if (address === 0n) refuse(arena, 'EPERM', 'address 0 is not for mapping')
    const start = crossesFourGib(address, bytes) ? roundUp(address, FOUR_GIB) : address
    // A window above what user space can address can be created, but never mapped.
    if (start + bytes > USER_END) refuse(arena, 'ENOMEM', `no room at ${hex(start)}`)
    if (address % PAGE !== 0n) refuse(arena, 'EINVAL', `address ${hex(address)} is not page aligned`)
    return start
  }
  // Linux looks for twice the length, so that there is a place within one aligned 4 GiB in any case.
  const hint = address - (address % PAGE)
  const room = hint !== 0n && hint + bytes * 2n <= USER_END && process.overlapping(hint, bytes * 2n).length === 0
  if (room) return crossesFourGib(hint, bytes) ? roundUp(hint, FOUR_GIB) : hint
  return search(arena, process, bytes)
}

/**
 * A random free place within one aligned 4 GiB, high in user space as on Linux. Its low half is not 0 unless the
 * arena is 4 GiB: the object there would cast to NULL.
 */
function search(arena: Arena, process: UserProcess, bytes: bigint): bigint {
  const room = WINDOW_PAGES - Number(bytes / PAGE)
  for (let tried = 0; tried < PLACES_TRIED; tried++) {
    const high = 0x7000 + ((arena.random() >>> 0) % 0xfff)
    const page = room === 0 ? 0 : 1 + ((arena.random() >>> 0) % room)
    const start = (BigInt(high) << 32n) | BigInt(page * PAGE_SIZE)
    if (process.overlapping(start, bytes).length === 0) return start
  }
  return refuse(arena, 'ENOMEM', 'no room in the address space')
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit
}

function refuse(arena: Arena, errno: Errno, why: string): never {
  throw new ErrnoError(errno, `mmap of arena ${arena.spec.name}: ${why}`)
}
