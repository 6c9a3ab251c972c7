/**
 * Texts of the kernel are read back into registers and written again: a bound that is left out stands at its type's
 * limit, so a text says all that is known of a scalar.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MapInfo } from '../program/loadable.ts'
import {
  FRAME,
  ID,
  LINK,
  MAP,
  MASK_LO,
  MEM_SIZE,
  OFF,
  PRECISE,
  RANGE,
  REF_OBJ_ID,
  REG_WORDS,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  TYPE,
  TypeFlag,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_LO,
} from './layout.ts'
import { type RegisterNames, registerText, signedText, typeName, unsignedText } from './text.ts'

const MAPS: readonly Partial<MapInfo>[] = [
  { name: 'hm', keySize: 4, valueSize: 64 },
  { name: '', keySize: 4, valueSize: 64 },
  { name: 'rb', keySize: 0, valueSize: 0 },
]
const NAMES: RegisterNames = { maps: MAPS as MapInfo[], structName: () => 'task_struct' }

function set64(words: Int32Array, at: number, value: bigint): void {
  words[at] = Number(BigInt.asIntN(32, value))
  words[at + 1] = Number(BigInt.asIntN(32, value >> 32n))
}

const LIMITS: readonly (readonly [string, number, 32 | 64, bigint])[] = [
  ['smin', SMIN_LO, 64, -(2n ** 63n)],
  ['smax', SMAX_LO, 64, 2n ** 63n - 1n],
  ['umin', UMIN_LO, 64, 0n],
  ['umax', UMAX_LO, 64, -1n],
  ['smin32', S32MIN, 32, -(2n ** 31n)],
  ['smax32', S32MAX, 32, 2n ** 31n - 1n],
  ['umin32', U32MIN, 32, 0n],
  ['umax32', U32MAX, 32, -1n],
]

/** Sets the bounds, `var_off` and `id` that a list of a text names; the rest to its limits. */
function readList(words: Int32Array, list: string): void {
  const given = new Map<string, bigint>()
  const varOff = /var_off=\((0x[0-9a-f]+); (0x[0-9a-f]+)\)/u.exec(list)
  for (const item of list.replace(/,?var_off=\([^)]*\)/u, '').split(',')) {
    const parts = item.split('=')
    for (const name of parts.slice(0, -1)) given.set(name, BigInt(/^id$/u.test(name) ? 0 : parts.at(-1)!))
  }
  const id = /(?:^|,)id=(\d+)([+-]\d+)?/u.exec(list)
  if (id !== null) {
    words[ID] = Number(id[1])
    words[OFF] = Number(id[2] ?? 0)
    words[LINK] = id[2] === undefined ? 0 : 64
  }
  for (const [name, at, bits, limit] of LIMITS) {
    const value = given.get(name) ?? limit
    if (bits === 64) set64(words, at, value)
    else words[at] = Number(BigInt.asIntN(32, value))
  }
  set64(words, VALUE_LO, varOff === null ? 0n : BigInt(varOff[1]!))
  set64(words, MASK_LO, varOff === null ? -1n : BigInt(varOff[2]!))
}

function scalar(text: string): Int32Array {
  const words = new Int32Array(REG_WORDS)
  words[TYPE] = RegType.SCALAR
  words[PRECISE] = text.startsWith('P') ? 1 : 0
  const list = /^P?scalar\((.*)\)$/u.exec(text)
  if (list !== null) readList(words, list[1]!)
  else set64(words, VALUE_LO, BigInt(text.replace('P', '').replace(/^-(0x)?/u, '$1')) * (/^P?-/u.test(text) ? -1n : 1n))
  return words
}

describe('scalars', () => {
  test.each([
    'scalar()',
    'Pscalar()',
    'P0',
    'P8',
    '0',
    '-1',
    '32767',
    '0x8000',
    '-32768',
    '0xffffffffffff7fff',
    '0xffff',
    '0xffffffff',
    'scalar(id=1)',
    'scalar(id=1+5)',
    'scalar(id=1-1)',
    'scalar(smin=smin32=0,smax=umax=smax32=umax32=32767,var_off=(0x0; 0x7fff))',
    'scalar(smin=smin32=0,smax=umax=smax32=umax32=0x8000,var_off=(0x0; 0x8000))',
    'scalar(smin=smin32=0,smax=umax=umax32=0x7fffffff,var_off=(0x0; 0x7fffffff))',
    'scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))',
    'scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))',
    'scalar(smin=smin32=-128,smax=smax32=127)',
    'scalar(smin=0xffffffff80000000,smax=0x7fffffff)',
    'scalar(smin=0,smax=umax=0xffffffff,smin32=-128,smax32=127,var_off=(0x0; 0xffffffff))',
    'scalar(smax=0x7ffffffffffffff8,umax=0xfffffffffffffff8,smax32=0x7ffffff8,umax32=0xfffffff8,' +
      'var_off=(0x0; 0xfffffffffffffff8))',
    'scalar(smin=smin32=-3,smax=smax32=4)',
    'scalar(smin=smin32=0,smax=umax=smax32=umax32=100,var_off=(0x0; 0x7f))',
    'scalar(umin=101)',
    'scalar(smin=-10)',
    'scalar(smin32=-10)',
    'scalar(smin=smin32=-10,smax=smax32=20,umin=1)',
    'scalar(smax=0x7fffffff00000000,umax=0xffffffff00000000,smin32=0,smax32=umax32=0,' +
      'var_off=(0x0; 0xffffffff00000000))',
    'scalar(smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff))',
    'scalar(smin=umin=smin32=umin32=3,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf))',
    'scalar(id=3,smin=umin=smin32=umin32=0xfdffff80,var_off=(0x80; 0xffffffffffffff7f))',
    'scalar(smin=0xffffffff80000001,smin32=0x80000001)',
    'scalar(smin32=0xfffe7960)',
  ])('%s', (text) => {
    expect(registerText(scalar(text), 0, 0, NAMES)).toBe(text)
  })

  test('no two different registers have one text', () => {
    const bound = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-40_000n, 70_000n))
    fc.assert(
      fc.property(fc.array(bound, { minLength: 10, maxLength: 10 }), (values) => {
        const words = new Int32Array(REG_WORDS)
        words[TYPE] = RegType.SCALAR
        LIMITS.forEach(([, at, bits], i) => {
          if (bits === 64) set64(words, at, values[i]!)
          else words[at] = Number(BigInt.asIntN(32, values[i]!))
        })
        const mask = values[9]! | 1n
        set64(words, MASK_LO, mask)
        set64(words, VALUE_LO, values[8]! & ~mask)
        expect(scalar(registerText(words, 0, 0, NAMES))).toEqual(words)
      }),
    )
  })
})

function pointer(type: number, fields: Readonly<Record<number, number>> = {}, list?: string): Int32Array {
  const words = new Int32Array(REG_WORDS)
  if (list !== undefined) readList(words, list)
  words[TYPE] = type
  for (const [at, value] of Object.entries(fields)) words[Number(at)] = value
  return words
}

const NULLABLE = TypeFlag.MAYBE_NULL
const SMALL = 'smin=smin32=0,smax=umax=smax32=umax32=39,var_off=(0x0; 0x3f)'

describe('pointers', () => {
  test.each([
    ['ctx()', pointer(RegType.CTX)],
    ['ctx(off=4)', pointer(RegType.CTX, { [OFF]: 4 })],
    ['fp0', pointer(RegType.STACK)],
    ['fp-16', pointer(RegType.STACK, { [OFF]: -16 })],
    ['fp[1]-8', pointer(RegType.STACK, { [OFF]: -8, [FRAME]: 1 })],
    [`fp(off=-16,${SMALL})`, pointer(RegType.STACK, { [OFF]: -16 }, SMALL)],
    ['map_ptr(map=hm,ks=4,vs=64)', pointer(RegType.CONST_MAP_PTR, { [MAP]: 1 })],
    ['map_ptr(ks=4,vs=64)', pointer(RegType.CONST_MAP_PTR, { [MAP]: 2 })],
    ['map_ptr(map=rb,ks=0,vs=0)', pointer(RegType.CONST_MAP_PTR, { [MAP]: 3 })],
    ['map_value_or_null(id=1,map=hm,ks=4,vs=64)', pointer(RegType.MAP_VALUE | NULLABLE, { [ID]: 1, [MAP]: 1 })],
    ['map_value(map=hm,ks=4,vs=64,off=-8)', pointer(RegType.MAP_VALUE, { [MAP]: 1, [OFF]: -8 })],
    [`map_value(map=hm,ks=4,vs=64,${SMALL})`, pointer(RegType.MAP_VALUE, { [MAP]: 1 }, SMALL)],
    ['pkt(r=0)', pointer(RegType.PACKET)],
    ['pkt(off=14,r=14)', pointer(RegType.PACKET, { [OFF]: 14, [RANGE]: 14 })],
    ['pkt(r=0xfffffffffffffffe)', pointer(RegType.PACKET, { [RANGE]: -2 })],
    ['pkt(r=65535)', pointer(RegType.PACKET, { [RANGE]: 65_535 })],
    ['pkt_end()', pointer(RegType.PACKET_END)],
    ['mem_or_null(id=1,sz=64)', pointer(RegType.MEM | NULLABLE, { [ID]: 1, [MEM_SIZE]: 64 })],
    [
      'rdonly_mem(id=2,ref_obj_id=1,sz=4)',
      pointer(RegType.MEM | TypeFlag.RDONLY, { [ID]: 2, [REF_OBJ_ID]: 1, [MEM_SIZE]: 4 }),
    ],
    ['mem(sz=0xffffffff)', pointer(RegType.MEM, { [MEM_SIZE]: -1 })],
    ['arena', pointer(RegType.ARENA, { [OFF]: 8 })],
    ['func()', pointer(RegType.FUNC)],
    ['trusted_ptr_task_struct()', pointer(RegType.BTF_ID | TypeFlag.TRUSTED)],
    [
      'rcu_ptr_or_null_task_struct(id=1,non_own_ref)',
      pointer(RegType.BTF_ID | TypeFlag.RCU | NULLABLE | TypeFlag.NON_OWNING, { [ID]: 1 }),
    ],
  ])('%s', (text, words) => {
    expect(registerText(words, 0, 0, NAMES)).toBe(text)
  })

  test.each([
    [RegType.MAP_VALUE | NULLABLE, 'map_value_or_null'],
    [RegType.BTF_ID | NULLABLE | TypeFlag.TRUSTED, 'trusted_ptr_or_null_'],
    [RegType.MEM | TypeFlag.RDONLY | TypeFlag.UNTRUSTED, 'rdonly_untrusted_mem'],
    [RegType.STACK, 'fp'],
    [RegType.NOT_INIT, '?'],
  ])('type word %#: %s', (type, word) => {
    expect(typeName(type)).toBe(word)
  })
})

describe('numbers', () => {
  test.each([
    [32_767, 0, '32767', '32767'],
    [32_768, 0, '0x8000', '32768'],
    [65_535, 0, '0xffff', '65535'],
    [65_536, 0, '0x10000', '0x10000'],
    [-1, -1, '-1', '0xffffffffffffffff'],
    [-1, 0, '0xffffffff', '0xffffffff'],
    [0, 1, '0x100000000', '0x100000000'],
    [-32_769, -1, '0xffffffffffff7fff', '0xffffffffffff7fff'],
  ])('%i %i', (lo, hi, signed, unsigned) => {
    expect(signedText(lo, hi)).toBe(signed)
    expect(unsignedText(lo, hi)).toBe(unsigned)
  })
})
