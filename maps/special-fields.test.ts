import { describe, expect, test } from 'vitest'
import type { Btf, BtfType } from '../btf/types.ts'
import { ErrnoError } from '../errors/errors.ts'
import { checkValueType, specialField } from './special-fields.ts'

const INT: BtfType = { kind: 'int', name: 'int', size: 4, bits: 32, encoding: 'signed' }

/** A struct of one member of type `type`. */
const struct = (name: string, type: number): BtfType => ({
  kind: 'struct',
  name,
  size: 8,
  members: [{ name: 'member', type, offset: 0, bits: 0 }],
})

/** Types numbered from 1; the first one is asked about. */
const btf = (...types: BtfType[]): Btf => ({ types: [{ kind: 'void' }, ...types] })

const CASES: readonly [string, Btf, string | undefined][] = [
  ['an int', btf(INT), undefined],
  ['a struct of ints', btf(struct('item', 2), INT), undefined],
  ['a lock itself', btf(struct('bpf_spin_lock', 2), INT), 'bpf_spin_lock'],
  ['a timer in a struct', btf(struct('item', 2), struct('bpf_timer', 3), INT), 'bpf_timer'],
  [
    'a list head in an array behind a typedef',
    btf(
      struct('item', 2),
      { kind: 'typedef', name: 'heads', type: 3 },
      { kind: 'array', type: 4, indexType: 5, count: 2 },
      struct('bpf_list_head', 5),
      INT,
    ),
    'bpf_list_head',
  ],
  [
    'a kptr',
    btf(
      struct('item', 2),
      { kind: 'ptr', type: 3 },
      { kind: 'type_tag', name: 'kptr', type: 4 },
      struct('node', 5),
      INT,
    ),
    undefined,
  ],
  [
    'a kptr to a struct that is only declared',
    btf(
      struct('item', 2),
      { kind: 'ptr', type: 3 },
      { kind: 'type_tag', name: 'kptr', type: 4 },
      { kind: 'fwd', name: 'node', union: false },
    ),
    'kptr',
  ],
  [
    'a pointer into the arena',
    btf(
      struct('item', 2),
      { kind: 'ptr', type: 3 },
      { kind: 'type_tag', name: 'address_space', type: 4 },
      struct('node', 5),
      INT,
    ),
    undefined,
  ],
  [
    'a pointer to a struct with a lock',
    btf(struct('item', 2), { kind: 'ptr', type: 3 }, struct('bpf_spin_lock', 4), INT),
    undefined,
  ],
  [
    'global data with a lock',
    btf(
      { kind: 'datasec', name: '.bss', size: 4, vars: [{ type: 2, offset: 0, size: 4 }] },
      { kind: 'var', name: 'lock', type: 3, linkage: 'global' },
      struct('bpf_spin_lock', 4),
      INT,
    ),
    'bpf_spin_lock',
  ],
]

describe('special fields', () => {
  test.each(CASES)('%s', (_, types, expected) => {
    expect(specialField(types, 1)).toBe(expected)
    const attributes = {
      name: 'm',
      type: 'array',
      keySize: 4,
      valueSize: 8,
      maxEntries: 1,
      flags: 0,
      extra: 0n,
    } as const
    const check = (): void => checkValueType({ ...attributes, btf: types, valueTypeId: 1 })
    if (expected === undefined) expect(check).not.toThrow()
    else {
      expect(check).toThrow(ErrnoError)
      expect(check).toThrow(`harena does not implement ${expected} in map values: EOPNOTSUPP`)
    }
    expect(() => checkValueType({ ...attributes, btf: types, valueTypeId: 0 })).not.toThrow()
  })
})
