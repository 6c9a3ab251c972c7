import { describe, expect, test } from 'vitest'
import type { BtfType } from '../btf/types.ts'
import type { MapInfo } from '../program/loadable.ts'
import { refuseSpecialFields } from './memory-fields.ts'

const U64: BtfType = { kind: 'int', name: 'u64', size: 8, bits: 64, encoding: 'none' }

function struct(name: string, ...types: number[]): BtfType {
  const members = types.map((type, i) => ({ name: `m${i}`, type, offset: 64 * i, bits: 0 }))
  return { kind: 'struct', name, size: 8 * types.length, members }
}

function map(types: readonly BtfType[], valueTypeId: number): MapInfo {
  const rest = {
    flags: 0,
    extra: 0n,
    keyTypeId: 0,
    address: 0n,
    valueAddress: 0n,
    userStart: undefined,
    frozen: undefined,
  }
  const sizes = { keySize: 4, valueSize: 16, maxEntries: 1 }
  return {
    id: 1,
    name: 'm',
    type: 'array',
    ...sizes,
    ...rest,
    btf: { types: [{ kind: 'void' }, ...types] },
    valueTypeId,
  }
}

describe('maps whose values hold more than data', () => {
  test.each<[string, BtfType[], number, string | undefined]>([
    ['plain data', [U64, struct('item', 1, 1)], 2, undefined],
    ['no type', [struct('bpf_spin_lock')], 0, undefined],
    ['a lock', [struct('bpf_spin_lock'), struct('item', 1)], 2, 'bpf_spin_lock'],
    [
      'a timer deep inside',
      [struct('bpf_timer'), struct('inner', 1), { kind: 'array', type: 2, indexType: 0, count: 2 }, struct('item', 3)],
      4,
      'bpf_timer',
    ],
    [
      'a pointer to an object of the program',
      [struct('task'), { kind: 'type_tag', name: 'kptr', type: 1 }, { kind: 'ptr', type: 2 }, struct('item', 3)],
      4,
      undefined,
    ],
    [
      'a pointer of another kind',
      [struct('task'), { kind: 'type_tag', name: 'percpu_kptr', type: 1 }, { kind: 'ptr', type: 2 }, struct('item', 3)],
      4,
      'percpu_kptr',
    ],
    ['a pointer like any other', [struct('task'), { kind: 'ptr', type: 1 }, struct('item', 2)], 3, undefined],
    [
      'behind a typedef, in a section of globals',
      [
        struct('bpf_rb_root'),
        { kind: 'typedef', name: 't', type: 1 },
        { kind: 'var', name: 'v', type: 2, linkage: 'global' },
        { kind: 'datasec', name: '.bss', size: 8, vars: [{ type: 3, offset: 0, size: 8 }] },
      ],
      4,
      'bpf_rb_root',
    ],
  ])('%s', (_name, types, id, field) => {
    const check = (): void => refuseSpecialFields(map(types, id))
    if (field === undefined) expect(check).not.toThrow()
    else expect(check).toThrow(`harena does not implement ${field} in map values`)
  })

  test('types that nest for ever end the search', () => {
    expect(() => refuseSpecialFields(map([struct('a', 1)], 1))).not.toThrow()
  })
})
