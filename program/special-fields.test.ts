import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { findType } from '../btf/layout.ts'
import type { Btf, BtfType } from '../btf/types.ts'
import { specialFields } from './special-fields.ts'

const VOID: BtfType = { kind: 'void' }

function btf(...types: BtfType[]): Btf {
  return { types: [VOID, ...types] }
}

describe('special fields', () => {
  const { btf: declared } = assemble(`.struct item
  a: u64
.end
.struct inner
  n: u32
  p: ptr item kptr
.end
.struct value
  plain: ptr item
  one: ptr item kptr
  pc: ptr item percpu_kptr
  many: inner[2]
  lock: spin_lock
.end
.program p type=xdp
  exit
`)

  test('by ascending offset, those of structs inside and of every element among them', () => {
    const fields = specialFields(declared, findType(declared!, 'value', 'struct')!)
    expect(fields.map(({ kind, offset, size }) => [kind, offset, size])).toEqual([
      ['kptr', 8, 8],
      ['percpu_kptr', 16, 8],
      ['kptr', 32, 8],
      ['kptr', 48, 8],
      ['bpf_spin_lock', 56, 4],
    ])
    expect(fields[0]!.target).toBe(findType(declared!, 'item', 'struct'))
  })

  test('none without a type', () => {
    expect(specialFields(undefined, 1)).toEqual([])
    expect(specialFields(declared, 0)).toEqual([])
    expect(specialFields(declared, 9999)).toEqual([])
    expect(specialFields(declared, findType(declared!, 'item', 'struct')!)).toEqual([])
  })

  test('in a section of globals', () => {
    const types = btf(
      { kind: 'struct', name: 'item', size: 8, members: [] },
      { kind: 'type_tag', name: 'kptr', type: 1 },
      { kind: 'ptr', type: 2 },
      { kind: 'var', name: 'v', type: 3, linkage: 'global' },
      { kind: 'datasec', name: '.bss', size: 16, vars: [{ type: 4, offset: 8, size: 8 }] },
    )
    expect(specialFields(types, 5)).toEqual([{ kind: 'kptr', offset: 8, size: 8, target: 1 }])
  })

  test('types that hold themselves, and arrays without end, end', () => {
    const member = { name: 'm', type: 1, offset: 0, bits: 0 }
    expect(specialFields(btf({ kind: 'struct', name: 's', size: 8, members: [member] }), 1)).toEqual([])
    const timer: BtfType = { kind: 'struct', name: 'bpf_timer', size: 16, members: [] }
    const array: BtfType = { kind: 'array', type: 1, indexType: 0, count: 2 ** 32 - 1 }
    expect(specialFields(btf(timer, array), 2).length).toBe(64)
  })
})
