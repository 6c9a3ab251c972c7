import { afterEach, describe, expect, test } from 'vitest'
import type { Btf, BtfType } from '../btf/types.ts'
import { BASE, closeTestKernels, makeArena } from './fixture.ts'
import type { ArenaMapping } from './mapping.ts'
import type { ArrayView, StructView } from './struct-view.ts'

afterEach(closeTestKernels)

const int = (name: string, size: number, encoding: 'none' | 'signed' | 'bool' = 'none'): BtfType => ({
  kind: 'int',
  name,
  size,
  bits: size * 8,
  encoding,
})

/** Types by id: 1 u8, 2 u32, 3 u64, 4 s32, 5 s64, 6 item *, 7 u8[16], 8 u64_t, 9 item, … */
const BTF: Btf = {
  types: [
    { kind: 'void' },
    int('u8', 1),
    int('u32', 4),
    int('u64', 8),
    int('s32', 4, 'signed'),
    int('s64', 8, 'signed'),
    { kind: 'ptr', type: 9 },
    { kind: 'array', type: 1, indexType: 2, count: 16 },
    { kind: 'typedef', name: 'u64_t', type: 3 },
    {
      kind: 'struct',
      name: 'item',
      size: 16,
      members: [
        { name: 'next', type: 6, offset: 0, bits: 0 },
        { name: 'value', type: 8, offset: 64, bits: 0 },
      ],
    },
    { kind: 'array', type: 9, indexType: 2, count: 2 },
    {
      kind: 'union',
      name: '',
      size: 8,
      members: [
        { name: 'whole', type: 3, offset: 0, bits: 0 },
        { name: 'half', type: 2, offset: 0, bits: 0 },
      ],
    },
    { kind: 'enum', name: 'color', size: 4, signed: true, values: [] },
    { kind: 'float', name: 'double', size: 8 },
    {
      kind: 'struct',
      name: 'big',
      size: 128,
      members: [
        { name: 'name', type: 7, offset: 0, bits: 0 },
        { name: 'items', type: 10, offset: 128, bits: 0 },
        { name: '', type: 11, offset: 384, bits: 0 },
        { name: 'color', type: 12, offset: 448, bits: 0 },
        { name: 'small', type: 4, offset: 480, bits: 0 },
        { name: 'wide', type: 5, offset: 512, bits: 0 },
        { name: 'ratio', type: 13, offset: 576, bits: 0 },
        { name: 'low', type: 2, offset: 640, bits: 3 },
        { name: 'mid', type: 4, offset: 643, bits: 10 },
        { name: 'high', type: 3, offset: 653, bits: 40 },
        { name: 'first', type: 9, offset: 768, bits: 0 },
      ],
    },
  ],
}

const user = (): ArenaMapping => makeArena({}, { btf: BTF }).mmap()

interface Item {
  next: bigint
  value: bigint
}

describe('struct', () => {
  test('fields read and write the arena', () => {
    const memory = user()
    const item = memory.struct<Item>('item', BASE + 64n)
    item.next = BASE
    item.value = 7n
    expect([memory.u64(BASE + 64n), memory.u64(BASE + 72n)]).toEqual([BASE, 7n])
    memory.setU64(BASE + 72n, 8n)
    expect({ ...item }).toEqual({ next: BASE, value: 8n })
    expect(memory.struct<Item>(9, BASE + 64n).value).toBe(8n)
  })

  test('numbers up to 32 bits, bigints above; signed, enum, float, unnamed union', () => {
    const memory = user()
    const big = memory.struct('big', BASE)
    Object.assign(big, { whole: 0x1_0000_0005n, color: -3, small: -4, wide: -5n, ratio: 2.5 })
    expect([big.whole, big.half, big.color, big.small, big.wide, big.ratio]).toEqual([
      0x1_0000_0005n,
      5,
      -3,
      -4,
      -5n,
      2.5,
    ])
    expect(memory.s32(BASE + 56n)).toBe(-3)
  })

  test('bit fields leave their neighbours alone', () => {
    const big = user().struct('big', BASE)
    Object.assign(big, { low: 5, mid: -7, high: 0xab_cdef_0123n })
    expect([big.low, big.mid, big.high]).toEqual([5, -7, 0xab_cdef_0123n])
    big.mid = 511
    expect([big.low, big.mid, big.high]).toEqual([5, 511, 0xab_cdef_0123n])
    big.low = 15
    expect([big.low, big.mid]).toEqual([7, 511])
  })

  test('nested structs and arrays', () => {
    const memory = user()
    const big = memory.struct('big', BASE)
    const items = big.items as ArrayView
    const second = items[1] as StructView
    second.value = 9n
    expect(memory.u64(BASE + 16n + 16n + 8n)).toBe(9n)
    expect([items.length, items[2]]).toEqual([2, undefined])
    expect([...items].map((item) => (item as StructView).value)).toEqual([0n, 9n])
    big.first = { next: 1n, value: 2n }
    expect({ ...(big.first as StructView) }).toEqual({ next: 1n, value: 2n })
    const name = big.name as ArrayView
    name[15] = 200
    expect(memory.u8(BASE + 15n)).toBe(200)
    expect(() => {
      name[16] = 1
    }).toThrow(TypeError)
  })

  test('faults as any access does', () => {
    expect(() => user().struct<Item>('item', BASE - 16n).value).toThrow(/segmentation fault/)
  })

  test.each<[string, (memory: ArenaMapping) => unknown, RegExp]>([
    ['an unknown struct', (memory) => memory.struct('nothing', BASE), /has no struct nothing/],
    ['an id that is no struct', (memory) => memory.struct(1, BASE), /has no struct 1/],
    ['no BTF', () => makeArena().mmap().struct('item', BASE), /no BTF/],
    ['a field that does not exist', (memory) => Object.assign(memory.struct('item', BASE), { x: 1 }), /not extensible/],
    ['a string', (memory) => Object.assign(memory.struct('item', BASE), { value: 'x' }), /takes a number/],
  ])('%s', (_name, call, message) => {
    expect(() => call(user())).toThrow(message)
  })
})

describe('list', () => {
  /** Nodes at 64, 128, …, each pointing to the next. */
  const chain = (memory: ArenaMapping, values: readonly bigint[]): bigint => {
    let head = 0n
    for (const [index, value] of [...values.entries()].reverse()) {
      const at = BASE + 64n * BigInt(index + 1)
      Object.assign(memory.struct('item', at), { next: head, value })
      head = at
    }
    return head
  }

  test('walks to NULL', () => {
    const memory = user()
    const head = chain(memory, [1n, 2n, 3n])
    expect([...memory.list<Item>(head, 'item', 'next')].map((item) => item.value)).toEqual([1n, 2n, 3n])
    expect([...memory.list(0n, 'item', 'next')]).toEqual([])
  })

  test('stops at a cycle, at the limit, at a field that is no pointer', () => {
    const memory = user()
    const head = chain(memory, [1n, 2n, 3n])
    expect(() => [...memory.list(head, 'item', 'next', 2)]).toThrow(/more than 2 nodes/)
    expect([...memory.list(head, 'item', 'next', 3)].length).toBe(3)
    memory.struct<Item>('item', BASE + 192n).next = head
    expect(() => [...memory.list(head, 'item', 'next')]).toThrow(/comes back to its node/)
    expect(() => [...memory.list(head, 'item', 'nothing')]).toThrow(/no pointer/)
  })
})
