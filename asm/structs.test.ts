/** `.struct`, typed maps, globals and functions, and the BTF that comes of them. */
import { describe, expect, test } from 'vitest'
import { decodeBtf } from '../btf/decode.ts'
import { encodeBtf } from '../btf/encode.ts'
import { findType, structLayout } from '../btf/layout.ts'
import type { Btf, BtfType } from '../btf/types.ts'
import { assemble } from './assemble.ts'

/** A type as C would say it, tags in brackets. */
function say(btf: Btf, id: number): string {
  const type = btf.types[id]!
  switch (type.kind) {
    case 'ptr':
      return `${say(btf, type.type)} *`
    case 'type_tag':
      return `${say(btf, type.type)} [${type.name}]`
    case 'array':
      return `${say(btf, type.type)}[${type.count}]`
    case 'struct':
      return `struct ${type.name}`
    case 'func_proto':
      return `${say(btf, type.type)} (${type.params.map((param) => `${say(btf, param.type)} ${param.name}`).join(', ')})`
    default:
      return 'name' in type ? type.name : type.kind
  }
}

const tagsOf = (btf: Btf): string[] =>
  btf.types.flatMap((type) => {
    return type.kind === 'decl_tag' ? [`${say(btf, type.type)}.${type.component} ${type.name}`] : []
  })

/** Alignment cases whose offsets a C compiler gives as well (clang-19 -target bpf, offsetof and sizeof). */
const LAYOUTS: readonly (readonly [string, readonly string[], readonly number[], number])[] = [
  ['bytes', ['a: u8', 'b: u8[3]', 'c: u8'], [0, 1, 4], 5],
  ['padding', ['a: u8', 'b: u64', 'c: u8'], [0, 8, 16], 24],
  ['halves', ['a: u8', 'b: u16', 'c: u8', 'd: u32'], [0, 2, 4, 8], 12],
  ['pointer', ['a: u32', 'p: ptr u8', 'b: s16'], [0, 8, 16], 24],
  ['matrix', ['a: u16', 'm: u32[2][3]', 'b: u8'], [0, 4, 28], 32],
  ['special', ['a: u8', 'l: spin_lock', 't: timer', 'r: refcount'], [0, 4, 8, 24], 32],
  ['nothing', [], [], 0],
]

describe('layout', () => {
  test.each(LAYOUTS)('%s', (name, fields, offsets, size) => {
    const uses = fields.map((field) => `r1 = ${name}.${field.split(':')[0]}`)
    const { btf, programs } = assemble(
      `.struct ${name}\n${fields.join('\n')}\n.end\n${uses.join('\n')}\nr1 = ${name}.size`,
    )
    expect(programs[0]!.insns.map((insn) => insn.imm)).toEqual([...offsets, size])
    const layout = structLayout(btf!, name)
    expect(layout.fields.map((field) => field.offset)).toEqual(offsets)
    expect(layout.size).toBe(size)
  })

  test('structs in structs, whatever their order', () => {
    const { btf } = assemble('.struct outer\na: u8\nb: inner[2]\nc: u8\n.end\n.struct inner\nx: u64\ny: u8\n.end\nexit')
    expect(structLayout(btf!, 'outer')).toMatchObject({
      size: 48,
      fields: [
        { name: 'a', offset: 0, size: 1 },
        { name: 'b', offset: 8, size: 32 },
        { name: 'c', offset: 40, size: 1 },
      ],
    })
  })

  test('an array may be sized by a constant', () => {
    const { btf } = assemble('.set N, 3\n.struct s\na: u16[N * 2]\n.end\nexit')
    expect(structLayout(btf!, 's').size).toBe(12)
  })
})

describe('constants', () => {
  test('size, id and offsets may be used before the struct', () => {
    const source =
      'r1 = b.id\nr2 = *(u8 *)(r3 - b.y + 1)\nr4 = a.size ll\n.struct a\nx: u32\n.end\n.struct b\nx: u32\ny: u8\n.end'
    const { programs, btf } = assemble(source)
    const [first, second, third] = programs[0]!.insns
    expect([first!.imm, second!.off, third!.imm]).toEqual([2, -3, 4])
    expect(findType(btf!, 'b', 'struct')).toBe(2)
  })

  test('a field called size or id leaves its name in doubt', () => {
    const source = '.struct s\nid: u32\nsize: u32\n.end\nexit\n'
    expect(assemble(source).btf).toBeDefined()
    expect(() => assemble(`${source}r1 = s.id`)).toThrow("'s.id' is both a field of struct s and its type id")
    expect(() => assemble(`${source}r1 = s.size`)).toThrow("'s.size' is both a field of struct s and its size")
  })
})

describe('BTF', () => {
  const object = assemble(`
    .map    table type=hash key=u32 value=slot entries=8
    .map    plain type=hash key=8 value=slot
    .map    bare  type=array value=8
    .struct item
        next: ptr item arena
        value: u64
        node: list_node
        by_key: rb_node
    .end
    .struct slot
        lock: spin_lock
        items: list_head item.node
        tree: rb_root item.by_key
        task: ptr task_struct kptr
        other: ptr item percpu_kptr
        name: u8[16]
    .end
    .global head: ptr item arena
    .global all: list_head item.node
    .global limit: s32 = 7
    .program p type=syscall
        exit
    .func g(ctx, a: u32, p: ptr item nonnull, q: arena, d: dynptr) global
        exit
    .func s(c: ctx, b: ptr u64)
        exit
    .func v
        exit`)
  const btf = object.btf!

  test('survives encoding', () => {
    expect(decodeBtf(encodeBtf(btf))).toEqual(btf)
  })

  test('has the structs first, with their members', () => {
    const members = (id: number) => {
      const type = btf.types[id] as BtfType & { kind: 'struct' }
      return type.members.map((member) => `${member.name}: ${say(btf, member.type)}`)
    }
    expect(members(1)).toEqual([
      'next: struct item [arena] *',
      'value: u64',
      'node: struct bpf_list_node',
      'by_key: struct bpf_rb_node',
    ])
    expect(members(2)).toEqual([
      'lock: struct bpf_spin_lock',
      'items: struct bpf_list_head',
      'tree: struct bpf_rb_root',
      'task: struct task_struct [kptr] *',
      'other: struct item [percpu_kptr] *',
      'name: u8[16]',
    ])
  })

  test('has the kernel’s structs in their sizes', () => {
    const sizes = ['bpf_spin_lock', 'bpf_list_head', 'bpf_list_node', 'bpf_rb_root', 'bpf_rb_node'].map(
      (name) => structLayout(btf, name).size,
    )
    expect(sizes).toEqual([4, 16, 24, 16, 32])
  })

  test('tags what lists and trees hold, and parameters of global functions', () => {
    expect(tagsOf(btf)).toEqual([
      'struct slot.1 contains:item:node',
      'struct slot.2 contains:item:by_key',
      'all.-1 contains:item:node',
      'g.0 arg:ctx',
      'g.2 arg:nonnull',
      'g.3 arg:arena',
    ])
  })

  test('types maps, keys without a type as bytes', () => {
    const types = object.maps.map((map) =>
      [map.name, map.keyTypeId, map.valueTypeId].map((part) => {
        return typeof part === 'number' && part !== 0 ? say(btf, part) : part
      }),
    )
    expect(types).toEqual([
      ['table', 'u32', 'struct slot'],
      ['plain', 'u8[8]', 'struct slot'],
      ['bare', 0, 0],
      ['.bss', 0, '.bss'],
      ['.data', 0, '.data'],
    ])
  })

  test('has sections with variables', () => {
    const section = btf.types[object.maps[3]!.valueTypeId] as BtfType & { kind: 'datasec' }
    expect(section.size).toBe(24)
    expect(section.vars.map(({ type, offset, size }) => [say(btf, type), offset, size])).toEqual([
      ['head', 0, 8],
      ['all', 8, 16],
    ])
    expect(object.globals.map(({ name, typeId }) => [name, say(btf, typeId)])).toEqual([
      ['head', 'struct item [arena] *'],
      ['all', 'struct bpf_list_head'],
      ['limit', 's32'],
    ])
  })

  test('has a FUNC for each program and function', () => {
    const functions = [...object.programs, ...object.functions].map(({ typeId }) => {
      const type = btf.types[typeId] as BtfType & { kind: 'func' }
      return `${type.linkage} ${type.name}: ${say(btf, type.type)}`
    })
    expect(functions).toEqual([
      'global p: int ()',
      'global g: int (void * ctx, u32 a, struct item * p, void * q, struct bpf_dynptr * d)',
      'static s: int (void * c, u64 * b)',
      'static v: int ()',
    ])
  })

  test('parameters stay as they were written', () => {
    expect(object.functions[0]!.params).toEqual([
      { name: 'ctx', type: 'ctx', tags: [] },
      { name: 'a', type: 'u32', tags: [] },
      { name: 'p', type: 'ptr item', tags: ['nonnull'] },
      { name: 'q', type: 'arena', tags: [] },
      { name: 'd', type: 'dynptr', tags: [] },
    ])
    expect(object.functions[2]!.params).toBeUndefined()
  })

  test('a global function alone is reason enough for it', () => {
    expect(assemble('exit\n.func f global\nexit').btf).toBeDefined()
    expect(assemble('exit\n.func f\nexit').btf).toBeUndefined()
  })
})
