/** The assembler against LLVM 19: the bytes that llvm-mc and clang make, committed in fixtures/. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encode } from '../isa/instruction.ts'
import type { FunctionSpec, ObjectSpec } from '../program/object.ts'
import { assemble } from './assemble.ts'

const FIXTURES = join(import.meta.dirname, 'fixtures')
const read = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8')
const slotsOf = (name: string): string[] => read(name).trim().split('\n')

/** Slots in hex. */
function slots({ insns }: FunctionSpec): string[] {
  return insns.map((insn) => Buffer.from(encode([insn])).toString('hex'))
}

/** The same where clang left something to the loader: which kind of address, and a call's distance. */
function beforeRelocation(spec: FunctionSpec): string[] {
  const found = slots(spec)
  for (const { slot, kind } of spec.references) {
    const [opcode, registers] = [found[slot]!.slice(0, 2), found[slot]!.slice(2, 4)]
    if (kind === 'call') found[slot] = `${opcode}${registers}0000ffffffff`
    else found[slot] = `${opcode}0${registers[1]}${found[slot]!.slice(4)}`
  }
  return found
}

test('spellings.s gives the bytes of llvm-mc-19', () => {
  const object = assemble(read('spellings.s'), { file: 'spellings.s' })
  expect(object.programs.map(({ name, type }) => [name, type])).toEqual([['spellings', 'syscall']])
  expect(slots(object.programs[0]!)).toEqual(slotsOf('spellings.hex'))
})

test('a 32-bit move that clang prints with a 64-bit destination', () => {
  expect(read('widen.s')).toMatch(/\tr\d = w\d\n/)
  const object = assemble(read('widen.s'), { file: 'widen.s' })
  expect(slots(object.programs[0]!)).toEqual(slotsOf('widen-text.hex'))
})

test('the fixtures are what LLVM 19 makes now', (ctx) => {
  for (const tool of ['llvm-mc-19', 'llvm-objcopy-19', 'clang-19']) {
    if (spawnSync(tool, ['--version']).status !== 0) ctx.skip(`${tool} is not installed`)
  }
  const { status, stderr } = spawnSync(join(import.meta.dirname, '../scripts/rebuild-fixtures.sh'), [])
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
})

describe.each(['mix.s', 'mix-debug.s'])('clang’s %s', (name) => {
  const object: ObjectSpec = assemble(read(name), { file: name })

  test('has a program, from its section, and a function', () => {
    expect(object.programs.map((spec) => [spec.name, spec.type, spec.linkage])).toEqual([
      ['entry', 'syscall', 'global'],
    ])
    expect(object.functions.map((spec) => [spec.name, spec.linkage])).toEqual([['mix', 'static']])
    expect(object.license).toBe('Dual MIT/GPL')
  })

  test('has the bytes that clang assembles', () => {
    expect(beforeRelocation(object.programs[0]!)).toEqual(slotsOf('mix-syscall.hex'))
    expect(slots(object.functions[0]!)).toEqual(slotsOf('mix-text.hex'))
  })

  test('has its global data', () => {
    expect(object.globals.map(({ name, map, offset, size }) => [name, map, offset, size])).toEqual([
      ['start', '.data', 0, 8],
      ['table', '.rodata.cst16', 0, 16],
      ['counter', '.bss', 0, 8],
    ])
    const contents = object.maps.map((map) => [map.name, Buffer.from(map.contents!).toString('hex')])
    expect(contents).toEqual([
      ['.data', '0500000000000000'],
      ['.rodata.cst16', '03000000010000000400000001000000'],
      ['.bss', '0000000000000000'],
    ])
    expect(object.programs[0]!.references.map((reference) => reference.name)).toEqual([
      '.bss',
      'mix',
      '.rodata.cst16',
      '.bss',
      '.data',
    ])
  })
})

test.each(['lone.s', 'lone-debug.s'])('a lone function in .text is a syscall program (%s)', (name) => {
  const object = assemble(read(name), { file: name })
  expect(object.programs.map((spec) => [spec.name, spec.type])).toEqual([['clamp', 'syscall']])
  expect(slots(object.programs[0]!)).toEqual(slotsOf('lone-text.hex'))
})

test('labels of a compiler’s own data can be loaded, and are no globals', () => {
  const object = assemble(`
    .type f,@function
    f: r1 = .L.str + 1 ll
       exit
    .section .rodata.str1.1,"aMS",@progbits,1
    .L.str: .asciz "hey"
    .section .debug_str,"MS",@progbits,1
    .Linfo_string0: .asciz "clang"
    .byte 1
    .uleb128 7
    .quad .Linfo_string0`)
  expect(object.maps.map(({ name, flags, contents }) => [name, flags, Buffer.from(contents!).toString()])).toEqual([
    ['.rodata.str1.1', 0x480, 'hey\0'],
  ])
  expect(object.globals).toEqual([])
  expect(object.programs[0]!.references).toEqual([{ slot: 0, kind: 'map-value', name: '.rodata.str1.1', offset: 1 }])
})

test('functions of a compiler are static: it does not tell their prototypes', () => {
  const [first, second] = ['.globl', '.global'].map((directive) =>
    assemble(`${directive} f\n.type g,@function\ng: call f\nexit\n.type f,@function\nf: r0 = 0\nexit`),
  )
  expect(first!.functions.map(({ name, linkage }) => [name, linkage])).toEqual([['f', 'static']])
  expect(second!.functions).toEqual(first!.functions)
})

test('a compiler’s file can be included behind a program', () => {
  const object = assemble('.program main type=xdp\nr1 = 9\nr2 = 0\nr3 = 5\ncall clamp\nexit\n.include "lone.s"', {
    read,
  })
  expect(object.programs.map(({ name, type }) => [name, type])).toEqual([['main', 'xdp']])
  expect(object.functions.map(({ name, linkage }) => [name, linkage])).toEqual([['clamp', 'static']])
  expect(slots(object.functions[0]!)).toEqual(slotsOf('lone-text.hex'))
})

test.each([
  ['?tc', 'tc', 0],
  ['xdp', 'xdp', 0],
  ['xdp.frags', 'xdp', 0x20],
  ['tc', 'tc', 0],
  ['classifier/ingress', 'tc', 0],
  ['socket', 'socket', 0],
  ['kprobe/do_nanosleep', 'kprobe', 0],
  ['tp/syscalls/sys_enter_read', 'tracepoint', 0],
  ['fentry.s/bpf_fentry_test1', 'fentry', 0x10],
  ['syscall', 'syscall', 0],
])('section %s holds programs of type %s', (section, type, flags) => {
  const source = `.section "${section}","ax",@progbits\n.type f,@function\nf:\n r0 = 0\n exit\n`
  const bare = source.replaceAll(`"${section}"`, section)
  // An unquoted question mark is no character of the language.
  for (const text of section.startsWith('?') ? [source] : [source, bare]) {
    const [program] = assemble(text).programs
    expect(program).toMatchObject({ name: 'f', type, flags })
  }
})
