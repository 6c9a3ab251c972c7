/** The rules for creating an arena, in the order in which Linux 6.18 checks them. */
import { type Errno, ErrnoError } from '../errors/errors.ts'
import { MAP_FLAGS, PAGE_SIZE } from '../program/types.ts'

/** What BPF_MAP_CREATE says of an arena. */
export interface ArenaSpec {
  readonly name: string
  /** 0 for an arena, as is valueSize. */
  readonly keySize: number
  readonly valueSize: number
  /** Size in pages, 1 to 2^20. */
  readonly maxEntries: number
  /** MAP_FLAGS, or-ed; mmapable is required. */
  readonly flags: number
  /** map_extra: the user address asked for, 0n for none. Page aligned; the arena must not cross 4 GiB from there. */
  readonly extra: bigint
}

const KNOWN_FLAGS: number = MAP_FLAGS.mmapable | MAP_FLAGS.segv_on_fault | MAP_FLAGS.no_user_conv
export const FOUR_GIB: bigint = 1n << 32n

/** Throws ErrnoError with EINVAL, E2BIG or ERANGE for an arena that Linux would not create. */
export function checkArenaSpec(spec: ArenaSpec): void {
  const { keySize, valueSize, maxEntries, flags, extra } = spec
  if (keySize !== 0) refuse(spec, 'EINVAL', `key size is ${keySize}, must be 0`)
  if (valueSize !== 0) refuse(spec, 'EINVAL', `value size is ${valueSize}, must be 0`)
  if (maxEntries === 0) refuse(spec, 'EINVAL', 'max_entries is 0; it is the size in pages')
  if ((flags & MAP_FLAGS.mmapable) === 0) refuse(spec, 'EINVAL', 'flag mmapable is missing')
  const unknown = (flags & ~KNOWN_FLAGS) >>> 0
  if (unknown !== 0) refuse(spec, 'EINVAL', `flags 0x${unknown.toString(16)} do not go with an arena`)
  if (extra % BigInt(PAGE_SIZE) !== 0n) refuse(spec, 'EINVAL', `map_extra ${hex(extra)} is not page aligned`)
  const bytes = BigInt(maxEntries) * BigInt(PAGE_SIZE)
  if (bytes > FOUR_GIB) refuse(spec, 'E2BIG', `${maxEntries} pages are more than 4 GiB`)
  if (crossesFourGib(extra, bytes)) {
    refuse(spec, 'ERANGE', `${maxEntries} pages at ${hex(extra)} cross a 4 GiB boundary`)
  }
}

/** Do the `bytes` bytes at `start` lie in more than one aligned 4 GiB? */
export function crossesFourGib(start: bigint, bytes: bigint): boolean {
  return start >> 32n !== (start + bytes - 1n) >> 32n
}

function refuse(spec: ArenaSpec, errno: Errno, why: string): never {
  throw new ErrnoError(errno, `arena ${spec.name}: ${why}`)
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}
