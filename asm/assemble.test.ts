import { describe, expect, test } from 'vitest'
import { encode } from '../isa/instruction.ts'
import type { FunctionSpec } from '../program/object.ts'
import { assemble } from './assemble.ts'

const hex = (spec: FunctionSpec | undefined): string => Buffer.from(encode(spec!.insns)).toString('hex')

/** The slots of a one-program text, in hex, apart by spaces. */
function slots(source: string): string {
  return hex(assemble(source).programs[0]).replace(/.{16}(?=.)/g, '$& ')
}

describe('programs', () => {
  test('a file of instructions is a syscall program of the file’s name', () => {
    const object = assemble('r0 = 0; exit', { file: 'dir/first.bpf.s' })
    expect(object.programs).toHaveLength(1)
    expect(object.programs[0]).toMatchObject({ name: 'first', type: 'syscall', flags: 0, linkage: 'global' })
    expect(hex(object.programs[0])).toBe('b7000000000000009500000000000000')
    expect(object).toMatchObject({ license: 'GPL', maps: [], globals: [], functions: [], btf: undefined })
  })

  test('types, flags and licence', () => {
    const object = assemble('.license "MIT"\n.program p type=sched_cls sleepable xdp_has_frags\nexit')
    expect(object.license).toBe('MIT')
    expect(object.programs[0]).toMatchObject({ name: 'p', type: 'tc', flags: 0x30 })
  })

  test('labels belong to their program', () => {
    const object = assemble('.program a type=xdp\nl: goto l\n.program b type=xdp\nr0 = 0\nl: goto l')
    expect(object.programs.map(hex)).toEqual(['0500ffff00000000', 'b7000000000000000500ffff00000000'])
  })

  test('numbered labels look back and ahead', () => {
    expect(slots('1: goto 1f; goto 1b\n1: goto 1b\n goto 1f\n 1: exit')).toBe(
      '0500010000000000 0500feff00000000 0500ffff00000000 0500000000000000 9500000000000000',
    )
  })

  test('lines say where instructions come from', () => {
    const { programs } = assemble('# nothing\n\n  r1 = 5 ll # a\n\texit; exit', { file: 'f.s' })
    expect(programs[0]!.lines).toEqual([
      { slot: 0, file: 'f.s', line: 3, column: 3, text: 'r1 = 5 ll # a' },
      { slot: 2, file: 'f.s', line: 4, column: 2, text: 'exit; exit' },
      { slot: 3, file: 'f.s', line: 4, column: 8, text: 'exit; exit' },
    ])
  })

  test('a file of many pieces, comments across their borders', () => {
    const filler = '# '.padEnd(99, 'x')
    const lines = Array.from(
      { length: 3000 },
      (_, i) => `r1 = ${i} ${i % 700 === 600 ? `/* ${`${filler}\n`.repeat(900)} */` : filler}`,
    )
    const insns = assemble(`${lines.join('\n')}`).programs[0]!.insns
    expect(insns.map((insn) => insn.imm)).toEqual(lines.map((_, i) => i))
    const errors = `${lines.join('\n')}\nr1 = r12`
    expect(() => assemble(errors)).toThrow(`:${errors.split('\n').length}:6: error: there is no register r12`)
  })

  test('Windows line ends and no last line end', () => {
    expect(slots('r0 = 1\r\n\r\nexit')).toBe('b700000001000000 9500000000000000')
    expect(assemble('r0 = 1\r\nexit').programs[0]!.lines[0]!.text).toBe('r0 = 1')
  })
})

describe('references', () => {
  test('a map by its name, its memory by a sum', () => {
    const source = `.map arena type=arena entries=4
.map one type=array value=16
r1 = arena ll
r1 = arena + 0 ll
r1 = arena + 2 * 4096 ll
r1 = one + 8 ll
exit`
    const program = assemble(source).programs[0]
    expect(program!.references).toEqual([
      { slot: 0, kind: 'map', name: 'arena' },
      { slot: 2, kind: 'map-value', name: 'arena', offset: 0 },
      { slot: 4, kind: 'map-value', name: 'arena', offset: 8192 },
      { slot: 6, kind: 'map-value', name: 'one', offset: 8 },
    ])
    // BPF_PSEUDO_MAP_VALUE is source 2; the offset stands in the second slot.
    expect(slots(source).split(' ').slice(4, 6)).toEqual(['1821000000000000', '0000000000200000'])
  })

  const source = `
    .map    counts type=array
    .global head: u64
    .global next: u32
    .program main type=syscall
        r1 = counts ll
        r2 = next ll
        r3 = head + 4 ll
        r4 = callee ll
        call callee
        call bpf_arena_alloc_pages
        call bpf_obj_drop
        call bpf_ktime_get_ns
        call 7
        call inner
        exit
    inner:
        exit
    .func callee
        exit`
  const [main] = assemble(source).programs

  test('name what stands outside', () => {
    expect(main!.references).toEqual([
      { slot: 0, kind: 'map', name: 'counts' },
      { slot: 2, kind: 'map-value', name: '.bss', offset: 8 },
      { slot: 4, kind: 'map-value', name: '.bss', offset: 4 },
      { slot: 6, kind: 'callback', name: 'callee' },
      { slot: 8, kind: 'call', name: 'callee' },
      { slot: 9, kind: 'kfunc', name: 'bpf_arena_alloc_pages' },
      { slot: 10, kind: 'kfunc', name: 'bpf_obj_drop_impl' },
    ])
  })

  test('stand in the right kind of instruction', () => {
    expect(main!.insns.map((insn) => insn.row.name)).toEqual([
      'ld_map_fd',
      'ld_imm64_hi',
      'ld_map_value',
      'ld_imm64_hi',
      'ld_map_value',
      'ld_imm64_hi',
      'ld_func',
      'ld_imm64_hi',
      'call_local',
      'call_kfunc',
      'call_kfunc',
      'call_helper',
      'call_helper',
      'call_local',
      'exit',
      'exit',
    ])
    expect(main!.insns.slice(11, 14).map((insn) => insn.imm)).toEqual([5, 7, 1])
  })

  test('a kfunc that harena only knows of is a reference as well', () => {
    const [program] = assemble('call bpf_rcu_read_lock\nexit').programs
    expect(program!.references).toEqual([{ slot: 0, kind: 'kfunc', name: 'bpf_rcu_read_lock' }])
  })
})

describe('maps', () => {
  const mapOf = (options: string) => assemble(`.map m ${options}\nexit`).maps[0]

  test.each([
    ['type=array', { type: 'array', keySize: 4, valueSize: 8, maxEntries: 1, flags: 0, extra: 0n }],
    [
      'type=hash key=16 value=2*4 entries=0x400 flags=no_prealloc',
      { keySize: 16, valueSize: 8, maxEntries: 1024, flags: 1 },
    ],
    ['type=arena entries=100', { keySize: 0, valueSize: 0, maxEntries: 100, flags: 0x400 }],
    ['type=arena flags=mmapable|segv_on_fault extra=0x100000010000', { flags: 0x20400, extra: 0x100000010000n }],
    ['type=arena flags=0', { flags: 0 }],
    ['type=hash key=u8[3] value=u64', { keySize: 3, valueSize: 8, keyTypeId: 0, valueTypeId: 0 }],
    ['type=ringbuf entries=4096', { keySize: 0, valueSize: 0 }],
    ['type=queue value=12', { keySize: 0, valueSize: 12 }],
    ['type=hash elements=ida', { elements: 'ida' }],
  ])('%s', (options, expected) => {
    expect(mapOf(options)).toMatchObject({ name: 'm', ...expected })
  })

  test('constants may stand in options, also those that follow', () => {
    const { maps } = assemble('.map m type=array entries=N*2\n.set N, 8\nexit')
    expect(maps[0]!.maxEntries).toBe(16)
  })
})

test.each([
  ['array', '4', { kind: 'int', size: 4, bits: 32 }],
  ['hash', '6', { kind: 'array', count: 6 }],
])('in a map of type %s a key of %s bytes gets a type where the value has one', (type, key, expected) => {
  const source = `.struct pair\na: u64\n.end\n.map m type=${type} key=${key} value=pair entries=1\n.program main type=syscall\nr0 = 0\nexit\n`
  const { maps, btf } = assemble(source)
  expect(btf!.types[maps[0]!.keyTypeId]).toMatchObject(expected)
})

describe('globals', () => {
  test('lie in .bss and .data in their order, aligned', () => {
    const object = assemble(`
      .global a: u8
      .global b: u32
      .global c: u16 = -2
      .global d: u64 = 0x1122334455667788
      .global text: u8[6] = "hi\\n"
      .global list: s16[3] = { 1, -1 }
      .global p: ptr void arena
      exit`)
    expect(object.globals.map(({ name, map, offset, size }) => [name, map, offset, size])).toEqual([
      ['a', '.bss', 0, 1],
      ['b', '.bss', 4, 4],
      ['p', '.bss', 8, 8],
      ['c', '.data', 0, 2],
      ['d', '.data', 8, 8],
      ['text', '.data', 16, 6],
      ['list', '.data', 22, 6],
    ])
    const [bss, data] = object.maps
    expect(bss).toMatchObject({ name: '.bss', type: 'array', keySize: 4, valueSize: 16, maxEntries: 1, flags: 0x400 })
    expect(Buffer.from(data!.contents!).toString('hex')).toBe(
      'feff0000000000008877665544332211' + '68690a000000' + '0100ffff0000',
    )
  })
})

describe('constants', () => {
  test('a later .set counts from there on', () => {
    expect(slots('.set A, 1\nr1 = A\n.set A, A + 1\nr1 = A')).toBe('b701000001000000 b701000002000000')
  })

  test('in offsets, jumps, calls', () => {
    expect(slots('.set A, 2\nr1 = *(u8 *)(r2 - A)\ngoto A\ncall A')).toBe(
      '7121feff00000000 0500020000000000 8500000002000000',
    )
  })
})

describe('.include', () => {
  const files: Readonly<Record<string, string>> = {
    'dir/a.inc': '.set A, 1\n.include "sub/b.inc"\n',
    'dir/sub/b.inc': '.include "../c.inc"\nr2 = 2',
    'dir/c.inc': 'r1 = A\n',
  }
  const read = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw new Error('no such file')
    return text
  }

  test('paths count from the file that includes', () => {
    const { programs } = assemble('.include "a.inc"\nexit', { file: 'dir/main.s', read })
    expect(programs[0]!.lines.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'dir/c.inc:1',
      'dir/sub/b.inc:2',
      'dir/main.s:2',
    ])
  })
})
