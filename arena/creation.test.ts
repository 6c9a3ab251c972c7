/** BPF_MAP_CREATE of arenas as Linux 6.18 answered: spec/arena-edge-cases.md (j). */
import { describe, expect, test } from 'vitest'
import { MAP_FLAGS } from '../program/types.ts'
import { type ArenaSpec, checkArenaSpec } from './creation.ts'

const OK: ArenaSpec = { name: 'a', keySize: 0, valueSize: 0, maxEntries: 1, flags: MAP_FLAGS.mmapable, extra: 0n }
const B = 1n << 44n
const LAST = B + (1n << 32n) - 4096n

const withFlags = (...flags: number[]): Partial<ArenaSpec> => ({
  flags: flags.reduce((all, flag) => all | flag, MAP_FLAGS.mmapable),
})

const CASES: readonly (readonly [name: string, change: Partial<ArenaSpec>, errno?: string])[] = [
  ['max_entries 1, mmapable, map_extra 0', {}],
  ['no mmapable', { flags: 0 }, 'EINVAL'],
  ['key_size 4', { keySize: 4 }, 'EINVAL'],
  ['value_size 4', { valueSize: 4 }, 'EINVAL'],
  ['value_size 4096', { valueSize: 4096 }, 'EINVAL'],
  ['max_entries 0', { maxEntries: 0 }, 'EINVAL'],
  ['max_entries 2^20', { maxEntries: 2 ** 20 }],
  ['max_entries 2^20 + 1', { maxEntries: 2 ** 20 + 1 }, 'E2BIG'],
  ['max_entries 0xffffffff', { maxEntries: 0xffffffff }, 'E2BIG'],
  ['map_extra 2^44 + 1', { extra: B + 1n }, 'EINVAL'],
  ['map_extra 2^44 + 2048', { extra: B + 2048n }, 'EINVAL'],
  ['map_extra 4096', { extra: 4096n }],
  ['2 pages that end at a 4 GiB boundary', { maxEntries: 2, extra: LAST - 4096n }],
  ['2 pages across it', { maxEntries: 2, extra: LAST }, 'ERANGE'],
  ['2^20 pages at 2^44 + 4096', { maxEntries: 2 ** 20, extra: B + 4096n }, 'ERANGE'],
  ['map_extra 0xfffffffffffff000', { extra: 0xffff_ffff_ffff_f000n }],
  ['map_extra 1 << 63', { extra: 1n << 63n }],
  ['map_extra 1 << 47', { extra: 1n << 47n }],
  ['segv_on_fault', withFlags(MAP_FLAGS.segv_on_fault)],
  ['no_user_conv', withFlags(MAP_FLAGS.no_user_conv)],
  ['both', withFlags(MAP_FLAGS.segv_on_fault, MAP_FLAGS.no_user_conv)],
  ...Object.entries(MAP_FLAGS)
    .filter(([name]) => !['mmapable', 'segv_on_fault', 'no_user_conv'].includes(name))
    .map(([name, flag]) => [name, withFlags(flag), 'EINVAL'] as const),
  ['1 << 31', withFlags(1 << 31), 'EINVAL'],
  // The order of the checks.
  ['too large and unaligned', { maxEntries: 2 ** 20 + 1, extra: 5n }, 'EINVAL'],
  ['too large and across', { maxEntries: 2 ** 20 + 1, extra: LAST }, 'E2BIG'],
]

describe('creation', () => {
  for (const [name, change, errno] of CASES) {
    test(name, () => {
      const check = (): void => checkArenaSpec({ ...OK, ...change })
      if (errno === undefined) expect(check).not.toThrow()
      else expect(check).toThrow(expect.objectContaining({ errno }))
    })
  }
})
