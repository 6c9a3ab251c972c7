import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BtfBuilder } from './build.ts'
import { BtfError, decodeBtf } from './decode.ts'
import { encodeBtf } from './encode.ts'
import { findType, resolveType, sizeOf, structLayout, structLayoutOf } from './layout.ts'
import type { Btf, BtfType } from './types.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Types whose references stay below `count`. */
function anyType(count: number): fc.Arbitrary<BtfType> {
  const id = fc.nat(count - 1)
  const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.]{0,12}$/)
  const u32 = fc.nat(0xffffffff)
  const linkage = fc.constantFrom('static', 'global', 'extern')
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 4 })
  const member = (bits: fc.Arbitrary<number>) => fc.record({ name, type: id, offset: fc.nat(0xffffff), bits })
  const values = (min: bigint, max: bigint) => list(fc.record({ name, value: fc.bigInt({ min, max }) }))
  return fc.oneof(
    fc.record({
      kind: fc.constant('int'),
      name,
      size: fc.constantFrom(1, 2, 4, 8),
      bits: fc.nat(128),
      encoding: fc.constantFrom('none', 'signed', 'char', 'bool'),
    }),
    fc.record({ kind: fc.constantFrom('ptr', 'volatile', 'const', 'restrict'), type: id }),
    fc.record({ kind: fc.constant('array'), type: id, indexType: id, count: u32 }),
    fc.record({ kind: fc.constantFrom('struct', 'union'), name, size: u32, members: list(member(fc.nat(64))) }),
    fc.record({
      kind: fc.constant('enum'),
      name,
      size: fc.constant(4),
      signed: fc.constant(true),
      values: values(-(1n << 31n), (1n << 31n) - 1n),
    }),
    fc.record({
      kind: fc.constant('enum'),
      name,
      size: fc.constant(8),
      signed: fc.constant(false),
      values: values(0n, (1n << 64n) - 1n),
    }),
    fc.record({ kind: fc.constant('fwd'), name, union: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('typedef', 'type_tag'), name, type: id }),
    fc.record({ kind: fc.constantFrom('func', 'var'), name, type: id, linkage }),
    fc.record({ kind: fc.constant('func_proto'), type: id, params: list(fc.record({ name, type: id })) }),
    fc.record({
      kind: fc.constant('datasec'),
      name,
      size: u32,
      vars: list(fc.record({ type: id, offset: u32, size: u32 })),
    }),
    fc.record({ kind: fc.constant('float'), name, size: fc.constantFrom(4, 8) }),
    fc.record({ kind: fc.constant('decl_tag'), name, type: id, component: fc.integer({ min: -1, max: 9 }) }),
  ) as fc.Arbitrary<BtfType>
}

const anyBtf: fc.Arbitrary<Btf> = fc
  .integer({ min: 1, max: 12 })
  .chain((count) => fc.array(anyType(count + 1), { minLength: count, maxLength: count }))
  .map((types) => ({ types: [{ kind: 'void' }, ...types] }))

describe('encodeBtf and decodeBtf', () => {
  test('are opposites', () => {
    fc.assert(
      fc.property(anyBtf, (btf) => {
        expect(decodeBtf(encodeBtf(btf))).toEqual(btf)
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 300 : 3000 },
    )
  })

  test('a small one, byte by byte', () => {
    const btf: Btf = {
      types: [
        { kind: 'void' },
        { kind: 'int', name: 'int', size: 4, bits: 32, encoding: 'signed' },
        { kind: 'struct', name: 's', size: 4, members: [{ name: 'a', type: 1, offset: 0, bits: 0 }] },
      ],
    }
    const header = '9feb0100' + '18000000' + '00000000' + '28000000' + '28000000' + '09000000'
    const int = '01000000' + '00000001' + '04000000' + '20000001'
    const struct = '05000000' + '01000004' + '04000000' + '07000000' + '01000000' + '00000000'
    expect(hex(encodeBtf(btf))).toBe(header + int + struct + hex(new TextEncoder().encode('\0int\0s\0a\0')))
  })

  test('the running kernel’s own BTF comes back the same', (ctx) => {
    const file = '/sys/kernel/btf/vmlinux'
    if (!existsSync(file)) ctx.skip(`${file} is not there`)
    const btf = decodeBtf(readFileSync(file))
    const again = decodeBtf(encodeBtf(btf))
    expect(again.types.length).toBe(btf.types.length)
    const differs = btf.types.findIndex((type, id) => !same(type, again.types[id]))
    expect(differs).toBe(-1)
    expect(structLayout(btf, 'bpf_spin_lock')).toMatchObject({ size: 4, fields: [{ name: 'val', offset: 0, size: 4 }] })
  })
})

function same(a: unknown, b: unknown): boolean {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part))
  return text(a) === text(b)
}

describe('decodeBtf refuses', () => {
  const good = encodeBtf({
    types: [
      { kind: 'void' },
      { kind: 'ptr', type: 0 },
      { kind: 'int', name: 'u8', size: 1, bits: 8, encoding: 'none' },
    ],
  })
  const changed = (at: number, ...bytes: number[]): Uint8Array => {
    const copy = good.slice()
    copy.set(bytes, at)
    return copy
  }

  test.each([
    ['nothing', new Uint8Array(), 'BTF of 0 bytes is shorter than its header'],
    ['another magic', changed(0, 0x7f), 'BTF begins with 0xeb7f, not 0xeb9f'],
    ['another version', changed(2, 2), 'BTF has version 2, not 1'],
    ['missing strings', good.slice(0, -1), `BTF of ${good.length - 1} bytes ends before its types or strings do`],
    ['an unknown kind', changed(31, 31), 'BTF type 1 is of kind 31, which nobody knows'],
    ['a reference to nothing', changed(32, 3), 'BTF type 1 refers to type 3; there are 2'],
    ['a name outside the strings', changed(36, 200), 'BTF type 2 has its name at 200, where no string is'],
    ['a cut type', changed(12, 24), 'BTF type 2 is cut short'],
    ['an odd integer', changed(51, 3), 'BTF type 2 is an integer with the encoding 0x3000008'],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeBtf(bytes)).toThrow(BtfError)
    expect(() => decodeBtf(bytes)).toThrow(message)
  })

  test('wild bytes, or reads them, but never fails otherwise', () => {
    const wild = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 6 }), (changes) => {
        const bytes = good.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          decodeBtf(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(BtfError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('layout', () => {
  const btf: Btf = {
    types: [
      { kind: 'void' },
      { kind: 'int', name: 'u32', size: 4, bits: 32, encoding: 'none' },
      { kind: 'typedef', name: 'word', type: 1 },
      { kind: 'const', type: 2 },
      { kind: 'array', type: 3, indexType: 1, count: 3 },
      { kind: 'array', type: 4, indexType: 1, count: 2 },
      {
        kind: 'struct',
        name: 'word',
        size: 40,
        members: [
          { name: 'a', type: 5, offset: 0, bits: 0 },
          { name: 'low', type: 1, offset: 192, bits: 4 },
          { name: 'next', type: 7, offset: 256, bits: 0 },
        ],
      },
      { kind: 'ptr', type: 6 },
      { kind: 'typedef', name: 'loop', type: 8 },
    ],
  }

  test('finds types by name and kind', () => {
    expect(findType(btf, 'word')).toBe(2)
    expect(findType(btf, 'word', 'struct')).toBe(6)
    expect(findType(btf, 'nothing')).toBeUndefined()
  })

  test('looks through typedefs and qualifiers', () => {
    expect(resolveType(btf, 3)).toEqual({ id: 1, type: btf.types[1] })
  })

  test.each([
    [1, 4],
    [3, 4],
    [4, 12],
    [5, 24],
    [6, 40],
    [7, 8],
  ])('type %i has %i bytes', (id, size) => {
    expect(sizeOf(btf, id)).toBe(size)
  })

  test('gives the members of structs in bytes', () => {
    const layout = structLayout(btf, 'word')
    expect(layout).toEqual({
      id: 6,
      name: 'word',
      size: 40,
      fields: [
        { name: 'a', type: 5, offset: 0, size: 24 },
        { name: 'next', type: 7, offset: 32, size: 8 },
      ],
    })
    expect(structLayoutOf(btf, 6)).toEqual(layout)
  })

  test.each([
    ['a struct that is not there', () => structLayout(btf, 'none'), 'there is no struct none in the BTF'],
    ['a type that is not there', () => sizeOf(btf, 9), 'there is no BTF type 9; the last one is 8'],
    ['no struct', () => structLayoutOf(btf, 1), 'BTF type 1 is no struct (int)'],
    ['void', () => sizeOf(btf, 0), 'BTF type 0 (void) has no size'],
    ['a typedef of itself', () => sizeOf(btf, 8), 'BTF type 8 is more than 64 types away from what it stands for'],
  ])('%s is refused', (_, act, message) => {
    expect(act).toThrow(BtfError)
    expect(act).toThrow(message)
  })
})

describe('BtfBuilder', () => {
  test('gives equal types one id, and reserved ids their place', () => {
    const builder = new BtfBuilder()
    const struct = builder.reserve()
    const pointer = builder.add({ kind: 'ptr', type: struct })
    expect(builder.add({ kind: 'ptr', type: struct })).toBe(pointer)
    builder.fill(struct, { kind: 'struct', name: 's', size: 0, members: [] })
    expect(builder.build().types.map((type) => type.kind)).toEqual(['void', 'struct', 'ptr'])
  })

  test('says what was forgotten', () => {
    const builder = new BtfBuilder()
    builder.reserve()
    expect(() => builder.build()).toThrow('type 1 was never filled in')
    builder.fill(1, { kind: 'ptr', type: 0 })
    expect(() => builder.fill(1, { kind: 'ptr', type: 0 })).toThrow('type 1 is not reserved')
  })
})
