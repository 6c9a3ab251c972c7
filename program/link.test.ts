import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { disassemble } from '../isa/disassemble.ts'
import { encode } from '../isa/instruction.ts'
import { LinkError, link, linkRaw } from './link.ts'

const SOURCE = `
  .map m type=array
  .program main type=syscall sleepable
      call b          # slot 0
      r1 = a ll       # 1
      call bpf_rcu_read_lock
      exit            # 4
  .program other type=xdp
      exit
  .func a             # 10 when main is linked
      r1 = m ll
      call b
      exit
  .func unused
      exit
  .func b             # 5
      call c
      exit
  .func c             # 7
      r1 = m ll
      call c
      exit
`

describe('link', () => {
  const linked = link(assemble(SOURCE, { file: 'f.s' }), 'main')

  test('appends functions in the order of first reference, depth first', () => {
    expect(linked.subprograms.map(({ name, start }) => [name, start])).toEqual([
      ['main', 0],
      ['b', 5],
      ['c', 7],
      ['a', 11],
    ])
    expect(linked.insns).toHaveLength(15)
  })

  test('points calls and function addresses at them', () => {
    const distances = linked.insns.map((insn) => insn.imm)
    expect(distances[0]).toBe(5 - 0 - 1)
    expect(distances[1]).toBe(11 - 1 - 1)
    expect(distances[5]).toBe(7 - 5 - 1)
    expect(distances[9]).toBe(7 - 9 - 1)
    expect(distances[13]).toBe(5 - 13 - 1)
    expect(disassemble(linked.insns.slice(5, 11), { syntax: 'kernel' })).toContain('call pc+1')
  })

  test('keeps references to maps and kfuncs, moved', () => {
    expect(linked.references).toEqual([
      { slot: 3, kind: 'kfunc', name: 'bpf_rcu_read_lock' },
      { slot: 7, kind: 'map', name: 'm' },
      { slot: 11, kind: 'map', name: 'm' },
    ])
  })

  test('keeps lines, moved', () => {
    expect(linked.lines.map(({ slot, line }) => [slot, line])).toEqual([
      [0, 4],
      [1, 5],
      [3, 6],
      [4, 7],
      [5, 17],
      [6, 18],
      [7, 20],
      [9, 21],
      [10, 22],
      [11, 11],
      [13, 12],
      [14, 13],
    ])
  })

  test('carries type, flags and licence', () => {
    expect(linked).toMatchObject({ name: 'main', type: 'syscall', flags: 0x10, license: 'GPL', btf: undefined })
  })

  test('does not change the object', () => {
    const object = assemble(SOURCE)
    const before = JSON.stringify(object, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
    link(object, 'main')
    expect(JSON.stringify(object, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))).toBe(before)
  })

  test('names functions that are labels only by their slot', () => {
    const object = assemble('call inner\nr1 = cb ll\nexit\ninner: exit\ncb: exit')
    expect(link(object, 'input').subprograms.map(({ name, start }) => [name, start])).toEqual([
      ['input', 0],
      ['fn_4', 4],
      ['fn_5', 5],
    ])
  })

  test('reaches deep chains of calls', () => {
    const functions = Array.from({ length: 5000 }, (_, i) => `.func f${i}\ncall f${i + 1}\nexit`)
    const source = `.program p type=syscall\ncall f0\nexit\n${functions.join('\n')}\n.func f5000\nexit`
    expect(link(assemble(source), 'p').subprograms).toHaveLength(5002)
  })

  test.each([
    ['mian', 'f.s has no program mian; it has main, other'],
    ['a', 'f.s has no program a; it has main, other'],
  ])('refuses %s', (name, message) => {
    const object = assemble(SOURCE, { file: 'f.s' })
    expect(() => link(object, name)).toThrow(LinkError)
    expect(() => link(object, name)).toThrow(message)
  })

  test('refuses an object that lacks a function', () => {
    const object = { ...assemble(SOURCE, { file: 'f.s' }), functions: [] }
    expect(() => link(object, 'main')).toThrow('f.s: main refers to a function b, which is missing')
    expect(() => link({ ...object, programs: [] }, 'main')).toThrow('f.s has no program main; it has none')
  })
})

test('linkRaw takes instructions as they are', () => {
  const { insns } = assemble('r0 = 0; exit').programs[0]!
  const linked = linkRaw(insns, { name: 'raw', type: 'xdp' })
  expect(linked).toMatchObject({ name: 'raw', type: 'xdp', flags: 0, license: 'GPL', references: [], subprograms: [] })
  expect(encode(linked.insns)).toEqual(encode(insns))
})
