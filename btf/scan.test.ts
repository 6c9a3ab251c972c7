import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BtfBuilder } from './build.ts'
import { BtfError, decodeBtf } from './decode.ts'
import { encodeBtf } from './encode.ts'
import { scanBtf } from './scan.ts'

/** A type of each kind before, between and behind what is looked for. */
function sample(): Uint8Array {
  const btf = new BtfBuilder()
  const int = btf.add({ kind: 'int', name: 'int', size: 4, bits: 32, encoding: 'signed' })
  btf.add({ kind: 'array', type: int, indexType: int, count: 3 })
  btf.add({ kind: 'enum', name: 'small', size: 4, signed: false, values: [{ name: 'a', value: 1n }] })
  btf.add({ kind: 'enum', name: 'large', size: 8, signed: false, values: [{ name: 'b', value: 1n << 40n }] })
  const proto = btf.add({
    kind: 'func_proto',
    type: int,
    params: [
      { name: 'x', type: int },
      { name: 'y', type: int },
    ],
  })
  btf.add({ kind: 'func', name: 'first', type: proto, linkage: 'static' })
  const member = (name: string, offset: number, bits = 0) => ({ name, type: int, offset, bits })
  btf.add({ kind: 'union', name: 'pair', size: 8, members: [member('low', 0), member('high', 32)] })
  btf.add({ kind: 'struct', name: 'pair', size: 12, members: [member('low', 0), member('high', 64)] })
  btf.add({ kind: 'struct', name: 'bits', size: 8, members: [member('few', 0, 3), member('more', 32, 8)] })
  const variable = btf.add({ kind: 'var', name: 'v', type: int, linkage: 'global' })
  btf.add({ kind: 'datasec', name: '.bss', size: 4, vars: [{ type: variable, offset: 0, size: 4 }] })
  btf.add({ kind: 'decl_tag', name: 'tag', type: proto, component: -1 })
  btf.add({ kind: 'float', name: 'double', size: 8 })
  btf.add({ kind: 'func', name: 'pair', type: proto, linkage: 'global' })
  return encodeBtf(btf.build())
}

describe('scanBtf', () => {
  test('finds functions by name, whatever else is called so', () => {
    const types = decodeBtf(sample()).types
    const idOf = (name: string): number => types.findIndex((type) => type.kind === 'func' && type.name === name)
    const scan = scanBtf(sample())
    expect(scan.func('first')).toBe(idOf('first'))
    expect(scan.func('pair')).toBe(idOf('pair'))
    expect(scan.func('int')).toBeUndefined()
    expect(scan.func('fir')).toBeUndefined()
    expect(scan.func('')).toBeUndefined()
  })

  test.each([
    ['pair', 'high', 8],
    ['pair', 'low', 0],
    ['bits', 'more', 4],
    ['pair', 'more', undefined],
    ['double', 'low', undefined],
    ['nothing', 'low', undefined],
  ])('member %s.%s is at %s', (struct, member, offset) => expect(scanBtf(sample()).member(struct, member)).toBe(offset))

  test.each([
    ['no bytes', new Uint8Array()],
    ['text', new TextEncoder().encode('this is no BTF at all, but long enough')],
    ['half of it', sample().subarray(0, 100)],
  ])('%s is refused', (_what, bytes) => expect(() => scanBtf(bytes)).toThrow(BtfError))

  test('agrees with decodeBtf on the running kernel', (ctx) => {
    const path = '/sys/kernel/btf/vmlinux'
    if (!existsSync(path)) ctx.skip(`no ${path}`)
    const bytes = readFileSync(path)
    const scan = scanBtf(bytes)
    const { types } = decodeBtf(bytes)
    const names = ['bpf_arena_alloc_pages', 'bpf_rcu_read_lock', 'vfs_read']
    for (const name of names) {
      expect(scan.func(name)).toBe(types.findLastIndex((type) => type.kind === 'func' && type.name === name))
    }
    const arena = types.find((type) => type.kind === 'struct' && type.name === 'vm_struct')
    const member = arena?.kind === 'struct' ? arena.members.find(({ name }) => name === 'addr') : undefined
    expect(scan.member('vm_struct', 'addr')).toBe((member?.offset ?? -8) / 8)
  })
})
