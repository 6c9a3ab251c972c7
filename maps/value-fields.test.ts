import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Btf } from '../btf/types.ts'
import type { MapType } from '../program/types.ts'
import { Rig } from './fixture.ts'

// struct value { before: u64; p: ptr item kptr; after: u64 }, struct item { n: u64 }
const ITEM = 5
const BTF: Btf = {
  types: [
    { kind: 'void' },
    {
      kind: 'struct',
      name: 'value',
      size: 24,
      members: [
        { name: 'before', type: 2, offset: 0, bits: 0 },
        { name: 'p', type: 4, offset: 64, bits: 0 },
        { name: 'after', type: 2, offset: 128, bits: 0 },
      ],
    },
    { kind: 'int', name: 'u64', size: 8, bits: 64, encoding: 'none' },
    { kind: 'type_tag', name: 'kptr', type: ITEM },
    { kind: 'ptr', type: 3 },
    { kind: 'struct', name: 'item', size: 8, members: [{ name: 'n', type: 2, offset: 0, bits: 0 }] },
  ],
}

const VALUE = Uint8Array.from({ length: 24 }, (_, i) => i + 1)
/** What user space sees: the pointer never. */
const SEEN = VALUE.map((byte, i) => (i >= 8 && i < 16 ? 0 : byte))

let rig: Rig | undefined

function open(type: MapType, flags = 0): Rig {
  rig = new Rig({ type, flags, valueSize: 24, maxEntries: 4, btf: BTF, valueTypeId: 1 })
  return rig
}

beforeEach(() => {
  rig = undefined
})
afterEach(() => rig?.close())

/** Puts a new object into the field of a key's value on the current CPU; gives the value's place. */
function fill(rig: Rig, key: number): number {
  const { objects } = rig.kernel
  const value = rig.at(key)
  const old = objects.exchange(value + 8, objects.allocate(BTF, ITEM))
  if (old !== 0) objects.drop(old)
  return value
}

const NO_PREALLOC = 1
const HASHES: readonly (readonly [string, MapType, number])[] = [
  ['hash', 'hash', 0],
  ['hash on demand', 'hash', NO_PREALLOC],
  ['LRU hash', 'lru_hash', 0],
  ['per-CPU hash', 'percpu_hash', 0],
  ['per-CPU hash on demand', 'percpu_hash', NO_PREALLOC],
]

describe.each(HASHES)('kptr fields of a %s', (_, type, flags) => {
  test('user space writes and reads around them', () => {
    const rig = open(type, flags)
    rig.user.set(1, VALUE)
    expect(rig.user.getBytes(1)!.slice(0, 24)).toEqual(SEEN)
    fill(rig, 1)
    expect(rig.user.getBytes(1)!.slice(0, 24)).toEqual(SEEN)
    expect(rig.kernel.objects.count).toBe(1)
  })

  test('objects go with their elements', () => {
    const rig = open(type, flags)
    for (const key of [1, 2, 3]) {
      rig.user.set(key, VALUE)
      fill(rig, key)
    }
    expect(rig.kernel.objects.count).toBe(3)
    rig.user.delete(1)
    expect(rig.kernel.objects.count).toBe(2)
    rig.user.take(2)
    expect(rig.kernel.objects.count).toBe(1)
    rig.map.destroy()
    expect(rig.kernel.objects.count).toBe(0)
  })

  test('an element that is used again has no object', () => {
    const rig = open(type, flags)
    for (let key = 0; key < 12; key++) {
      rig.user.set(key, VALUE)
      const value = fill(rig, key)
      expect(rig.kernel.objects.isObject(rig.kernel.steps.load32(value + 8) >>> 0)).toBe(true)
      if (type !== 'lru_hash') rig.user.delete(key)
    }
    // An LRU map has thrown some out: at most its four entries are left.
    expect(rig.kernel.objects.count).toBeLessThanOrEqual(type === 'lru_hash' ? 4 : 0)
  })
})

describe('an update of a key that is there', () => {
  test.each([
    ['hash', 0, 0],
    ['hash', NO_PREALLOC, 0],
    ['lru_hash', 0, 0],
    ['array', 0, 0],
    ['percpu_array', 0, 0],
    // In place, and what the field holds stays.
    ['percpu_hash', 0, 1],
    ['percpu_hash', NO_PREALLOC, 1],
  ] as const)('of a %s with flags %i leaves %i objects', (type, flags, left) => {
    const rig = open(type, flags)
    rig.user.set(1, VALUE)
    fill(rig, 1)
    rig.user.set(1, VALUE)
    expect(rig.kernel.objects.count).toBe(left)
    expect(rig.user.getBytes(1)!.slice(0, 24)).toEqual(SEEN)
  })
})

test.each(['array', 'percpu_array'] as const)('the objects of an %s go with the map', (type) => {
  const rig = open(type)
  for (const key of [0, 3]) fill(rig, key)
  expect(rig.kernel.objects.count).toBe(2)
  rig.map.destroy()
  expect(rig.kernel.objects.count).toBe(0)
})
