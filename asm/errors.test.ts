/** Bad sources and what is said about them, word by word. */
import { describe, expect, test } from 'vitest'
import { AssemblyError, type Diagnostic } from '../errors/errors.ts'
import { type AssembleOptions, assemble } from './assemble.ts'

function complaints(source: string, options: AssembleOptions = {}): readonly Diagnostic[] {
  try {
    assemble(source, { file: 'f.s', ...options })
  } catch (error) {
    if (error instanceof AssemblyError) return error.diagnostics
    throw error
  }
  throw new Error(`assembles: ${source}`)
}

/** `line:column message [hint]` of each complaint. */
function told(source: string, options: AssembleOptions = {}): string[] {
  return complaints(source, options).map(({ file, line, column, message, hint }) => {
    const where = file === 'f.s' ? `${line}:${column}` : `${file}:${line}:${column}`
    return `${where} ${message}${hint === undefined ? '' : ` [${hint}]`}`
  })
}

const REGISTERS = 'registers are r0 to r10, and w0 to w10 for their lower halves'

describe('one bad instruction', () => {
  test.each([
    ['ext', "1:1 unknown instruction 'ext' [did you mean 'exit'?]"],
    ['gotto l', "1:1 unknown instruction 'gotto' [did you mean 'goto'?]"],
    ['xyzzy r1', "1:1 unknown instruction 'xyzzy'"],
    [
      'x = 5',
      "1:1 there is no register 'x' [registers are r0 to r10 and w0 to w10; '.set x, VALUE' defines a constant]",
    ],
    ['r11 = 0', `1:1 there is no register r11 [${REGISTERS}]`],
    ['r0 = w12', `1:6 there is no register w12 [${REGISTERS}]`],
    ['r0', "1:3 expected '=' or an operator such as '+=', found the end of the statement"],
    ['r0 =', '1:5 expected a register, a number or a memory access, found the end of the statement'],
    ['r0 = ,', "1:6 expected a register, a number or a memory access, found ','"],
    ['r0 = 1 2', "1:8 expected the end of the statement, found '2'"],
    ['r0 = 4294967296', "1:6 immediate 4294967296 does not fit in 32 bits ['r1 = VALUE ll' loads 64 bits]"],
    ['r0 = -2147483649', "1:6 immediate -2147483649 does not fit in 32 bits ['r1 = VALUE ll' loads 64 bits]"],
    ['r0 = 0x10000000000000000 ll', "1:6 the number '0x10000000000000000' has over 64 bits"],
    ['r0 = 08', "1:6 '08' is not an octal number"],
    ['r0 = 0x', "1:6 '0x' is not a number"],
    ['r0 = 1_000', "1:6 '1_000' is not a number"],
    ['r0 = 1 / 0', '1:10 division by zero'],
    ['r0 = 1 << 64', '1:11 a shift by 64 bits; 0 to 63 are possible'],
    ['w0 = r1', '1:6 operands of 32 and 64 bits [write w1]'],
    ['w0 += r1', '1:7 operands of 32 and 64 bits [write w1]'],
    ['r0 = -r1', '1:7 negation works in place: both registers must be the same'],
    ['r0 = be16 r1', '1:11 a byte swap works in place: both registers must be the same'],
    ['w0 = (s32)w1', '1:1 (s32) cannot extend to 32 bits'],
    ['w0 = 5 ll', '1:1 w0 is 32 bits wide, 64 are needed [write r0]'],
    [
      'r0 = *(u64 *)(r1 + 40000)',
      '1:20 offset 40000 does not fit in 16 bits [offsets are -32768 to 32767; add the rest to the register first]',
    ],
    ['r0 = *(u64 *)(w1 + 0)', '1:15 w1 is 32 bits wide, 64 are needed [write r1]'],
    ['w0 = *(u64 *)(r1 + 0)', '1:1 w0 cannot hold a u64 [write r0]'],
    ['w0 = *(s8 *)(r1 + 0)', '1:1 w0 cannot hold the s8, which is extended to 64 bits [write r0]'],
    ['r0 = *(s64 *)(r1 + 0)', '1:6 no such access has the type s64 [possible are u8, u16, u32, u64, s8, s16, s32]'],
    ['*(s8 *)(r1 + 0) = 1', '1:2 no such access has the type s8 [possible are u8, u16, u32, u64]'],
    ['r0 = *(u24 *)(r1 + 0)', "1:8 expected a memory type such as u64, found 'u24'"],
    ['r0 = *(u8 *)(r1 + 0', "1:20 expected ')', found the end of the statement"],
    ['r0 = *(u64 *)skb[0]', '1:6 no such access has the type u64 [possible are u8, u16, u32]'],
    ['r1 = *(u8 *)skb[0]', '1:1 packet loads give their value in r0'],
    ['lock *(u8 *)(r1 + 0) += r2', '1:1 no such access has the type u8 [possible are u32, u64]'],
    ['lock *(u64 *)(r1 + 0) -= r2', "1:1 there is no atomic '-=' [possible are '+=', '&=', '|=', '^=']"],
    [
      'r1 = atomic_fetch_add((u64 *)(r2 + 0), r3)',
      '1:1 atomic_fetch_add gives the old value in the register it takes [write r3 on both sides]',
    ],
    ['r1 = xchg32_32(r2 + 0, r1)', '1:1 xchg32_32 on u32 takes 32-bit registers [write w1]'],
    ['r1 = xchg_64(r2 + 0, r1, r1)', '1:28 xchg_64 takes one register'],
    ['r0 = cmpxchg_64(r2 + 0, r1)', '1:27 cmpxchg_64 takes two registers'],
    ['r1 = cmpxchg_64(r2 + 0, r0, r1)', '1:1 cmpxchg_64 compares with r0 and gives r0'],
    ['if r1 = 5 goto +1', "1:7 expected a comparison such as '==', found '='"],
    ['if r1 == 5 gotol l', "1:12 a condition goes with 'goto', not with 'gotol'"],
    ['goto', '1:5 expected a label or a displacement, found the end of the statement'],
    ['goto 40000', "1:6 displacement 40000 does not fit in 16 bits ['gotol' takes 32 bits]"],
    ['may_goto 40000', '1:10 displacement 40000 does not fit in 16 bits'],
    ['gotol 0x100000000', '1:7 displacement 4294967296 does not fit in 32 bits'],
    ['r0 = addr_space_cast(r1, 65536, 0)', '1:26 address space 65536 does not fit in 16 bits'],
    ['ld_pseudo r1, 16, 0', '1:15 source 16 does not fit in 4 bits'],
    ['call', '1:5 expected a function, found the end of the statement'],
    ['callx w1', '1:7 w1 is 32 bits wide, 64 are needed [write r1]'],
    ['exit now', "1:6 expected the end of the statement, found 'now'"],
    ['r0 = 5 §', "1:8 unexpected character '§'"],
    ['r0 = "5', '1:6 the string has no closing quote'],
    ["r0 = 'ab'", '1:6 the character has no closing quote'],
    ['/* open', "1:1 the comment has no '*/'"],
    ["r0 = '\\q'", "1:7 there is no escape '\\q'"],
  ])('%s', (source, expected) => {
    expect(told(source)).toEqual([expected])
  })
})

describe('names', () => {
  test.each([
    ['goto lop\nloop: exit', "1:6 unknown label 'lop' [did you mean 'loop'?]"],
    ['goto 1f\n1: exit\ngoto 2b', "3:6 unknown label '2b'"],
    ['l: exit\nl: exit', "2:1 label 'l' is already defined at f.s:1"],
    ['call bpf_map_lookup', "1:6 unknown function 'bpf_map_lookup' [did you mean 'bpf_map_lookup_elem'?]"],
    ['call bpf_map_lookup_elm', "1:6 unknown function 'bpf_map_lookup_elm' [did you mean 'bpf_map_lookup_elem'?]"],
    [
      'call bpf_arena_aloc_pages',
      "1:6 unknown function 'bpf_arena_aloc_pages' [did you mean 'bpf_arena_alloc_pages'?]",
    ],
    ['.map counts type=array\nr1 = count ll', "2:6 unknown name 'count' [did you mean 'counts'?]"],
    ['.map m type=array\nr1 = m', "2:6 'm' is an address of 64 bits, no number ['r1 = m ll' loads it]"],
    [
      '.map m type=array entries=2\nr1 = m + 8 ll',
      "2:6 map 'm' has no address to add to [arenas and arrays of one entry have; 'r1 = m ll' is the map]",
    ],
    [
      '.map m type=hash\nr1 = m + 0 ll',
      "2:6 map 'm' has no address to add to [arenas and arrays of one entry have; 'r1 = m ll' is the map]",
    ],
    ['.map m type=aray\nr1 = m + 8 ll', "1:13 unknown map type 'aray' [did you mean 'array'?]"],
    ['f:\nr1 = f + 8 ll', "2:6 only addresses of data take an addition, 'f' is none"],
    [
      '.map m type=array\nr1 = m + 0x100000000 ll',
      "2:6 immediate 4294967296 does not fit in 32 bits ['r1 = VALUE ll' loads 64 bits]",
    ],
    ['.global g: u32\nr1 = 2 * g ll', "2:10 'g' is not a number that is known here"],
    ['r1 = item.valu\n.struct item\nvalue: u8\n.end', "1:6 unknown name 'item.valu' [did you mean 'item.value'?]"],
    ['.set A, B\n.set B, A\nr1 = A', "2:9 'A' is defined by itself"],
    ['.map m type=array\n.map m type=hash\nexit', "2:6 'm' is already a map, declared at f.s:1"],
    ['.map m type=array\n.global m: u8\nexit', "2:9 'm' is already a map, declared at f.s:1"],
    ['.set m, 1\n.map m type=array\n.set m, 2\nexit', "3:6 'm' is already a map, declared at f.s:2"],
    ['.program f type=xdp\nexit\n.func f\nexit', "3:7 'f' is already a program, declared at f.s:1"],
    ['.program p type=xdp\nr1 = p ll\nexit', "2:6 unknown name 'p' ['p' is a program; only a '.func' can be called]"],
    [
      '.func f\nexit\n.program p type=xdp\ngoto f\nexit',
      "4:6 unknown label 'f' ['f' is a function: 'call' reaches it]",
    ],
  ])('%j', (source, expected) => {
    expect(told(source)).toEqual([expected])
  })

  test('a jump too far', () => {
    const far = `goto end\n${'exit\n'.repeat(32768)}end: exit`
    expect(told(far)).toEqual(["1:6 label 'end' is 32768 instructions away ['gotol' reaches further than 32767]"])
    expect(told(`if r1 == 0 ${far}`)).toEqual([
      "1:17 label 'end' is 32768 instructions away [a condition reaches 32767 instructions; jump over a gotol]",
    ])
    expect(assemble(far.replace('goto', 'gotol')).programs[0]!.insns[0]!.imm).toBe(32768)
  })
})

describe('directives', () => {
  test.each([
    ['.mapp m type=array', "1:1 unknown directive '.mapp' [did you mean '.map'?]"],
    ['.map', '1:5 expected a name, found the end of the statement'],
    ['.map m', "1:1 map m has no type [write 'type=array' or another]"],
    ['.map m type=hsh', "1:13 unknown map type 'hsh' [did you mean 'hash'?]"],
    ['.map m type=array valu=4', "1:19 a map has no option 'valu' [did you mean 'value'?]"],
    ['.map m type=array key=4 key=4', "1:25 'key' is given twice"],
    ['.map m type=array key', "1:19 'key' needs a value"],
    ['.map m type=array flags=mmapabel', "1:25 unknown map flag 'mmapabel' [did you mean 'mmapable'?]"],
    ['.map m type=array entries=-1', '1:27 -1 is out of range; 0 to 4294967295 are possible'],
    ['.map m type=array value=itm', "1:25 unknown type 'itm'"],
    ['.map m type=hash alloc=a', "1:24 unknown alloc 'a'"],
    ['.map m type=array alloc=a', '1:19 map type array takes no alloc'],
    ['.map m type=hash elements=kmaloc', "1:27 there are no elements 'kmaloc' [did you mean 'kmalloc'?]"],
    ['.map m type=hash elements=one-lok', "1:27 there are no elements 'one-lok' [did you mean 'one-lock'?]"],
    ['.map m type=hash elements=xyzzy', "1:27 there are no elements 'xyzzy'"],
    ['.map m type=hash elements=5', "1:27 'elements' takes a name"],
    [
      '.map m type=array elements=kmalloc',
      '1:19 map type array takes no elements [maps of types hash and percpu_hash do]',
    ],
    [
      '.map m type=lru_hash elements=ida',
      '1:22 map type lru_hash takes no elements [maps of types hash and percpu_hash do]',
    ],
    [
      '.alloc a size=8\n.map m type=hash alloc=a elements=ida flags=no_prealloc',
      "2:26 'alloc' and 'elements' exclude each other",
    ],
    ['.alloc a size=0', '1:15 objects of 0 bytes are out of range; 1 to 4088 are possible'],
    ['.alloc a size=4089', '1:15 objects of 4089 bytes are out of range; 1 to 4088 are possible'],
    ['.alloc a size=4097 percpu', '1:15 objects of 4097 bytes are out of range; 1 to 4096 are possible'],
    ['.alloc a size=8 size=8', "1:17 'size' is given twice"],
    ['.alloc a percpu percpu', "1:17 'percpu' is given twice"],
    ['.alloc a percpu=1', "1:10 'percpu' takes no value"],
    ['.alloc a count=1', "1:10 an allocator has no option 'count'"],
    ['.alloc a\n.alloc a', "2:8 'a' is already an allocator, declared at f.s:1"],
    ['.license', '1:9 expected a string in double quotes, found the end of the statement'],
    ['.license "a"\n.license "b"', '2:1 the license is already given'],
    ['.end', "1:1 '.end' without '.struct'"],
    ['.struct s\na: u8', "1:9 struct s has no '.end'"],
    ['.struct s\n.end\n.struct s\n.end', "3:9 struct 's' is already declared at f.s:1"],
    ['.struct s\na: u8\na: u8\n.end', "3:1 struct s already has a field 'a'"],
    ['.struct s\na: u9\n.end', "2:4 unknown type 'u9' [did you mean 'u8'?]"],
    ['.struct s\na: ptr t\n.end', "2:8 unknown type 't'"],
    ['.struct s\na: ptr s arenna\n.end', "2:10 unknown kind of pointer 'arenna' [did you mean 'arena'?]"],
    ['.struct s\na: s\n.end', "2:4 struct s holds itself ['ptr s' may]"],
    ['.struct s\na: list_head\n.end', "2:4 list_head needs what it holds [write 'list_head STRUCT.FIELD']"],
    ['.struct s\na: list_head s.b\n.end', "2:14 struct s has no field 'b' [did you mean 's.a'?]"],
    ['.struct s\nu8 a\n.end', "2:4 expected ':', found 'a'"],
    ['.global g: u8 = 256', '1:17 256 does not fit in 8 bits'],
    ['.global g: u8[2] = "abc"', '1:20 the string has 3 bytes, the array 2'],
    ['.global g: u8[2] = {1, 2, 3}', '1:20 the list has 3 values, the array 2'],
    ['.global g: u32 = "a"', '1:18 a string initialises an array of bytes only'],
    ['.global g = 5', "1:9 global g has no type [write '.global g: u64 = …']"],
    ['.global g', "1:9 global 'g' has no type [write '.global g: u64' or another type]"],
    ['.global g: u8[0]', '1:12 global g has no bytes'],
    ['.global g: u64[0xffffffff]', '1:12 the array is larger than 4 GiB'],
    ['.program p', "1:10 program p has no type [write 'type=syscall' or another]"],
    ['.program p type=syscal', "1:17 unknown program type 'syscal' [did you mean 'syscall'?]"],
    ['.program p type=xdp sleepabel', "1:21 unknown program flag 'sleepabel' [did you mean 'sleepable'?]"],
    ['.program p type=xdp type=tc', "1:21 'type' is given twice"],
    ['.func f gobal', "1:9 expected 'global', found 'gobal'"],
    ['.func f(a: u99) global\nexit', "1:12 'u99' is no type of a parameter"],
    ['.func f(p: ptr u8 nonull) global\nexit', "1:19 unknown parameter tag 'nonull' [did you mean 'nonnull'?]"],
    ['.set A', "1:7 expected ',', found the end of the statement"],
    ['.equiv A, 1\n.equiv A, 2', "2:8 'A' is already defined"],
    ['.long 5', "1:1 '.long' outside a data section ['.global NAME: TYPE = VALUE' declares data]"],
    [
      '.section .maps,"aw",@progbits',
      "1:1 maps of C sources are not read from assembly [declare them with '.map NAME type=…']",
    ],
    ['.data\nr0 = 1', '2:1 an instruction in section .data, which holds none'],
    ['.data\n.quad head', '2:7 addresses in global data are not supported'],
  ])('%j', (source, expected) => {
    expect(told(`${source}\n.program last type=xdp\nexit`)[0]).toBe(expected)
  })

  test('an instruction before the first program', () => {
    expect(told('r0 = 0\n.program p type=xdp\nexit')).toEqual(['1:1 an instruction before the first .program or .func'])
  })

  test('a program without instructions', () => {
    expect(told('.program p type=xdp\n.program q type=xdp\nexit')).toEqual(['1:10 program p has no instructions'])
  })

  test('a program whose only statement is wrong has one error', () => {
    expect(told('.program p type=syscall\n r1 = 1000000000000')).toEqual([
      "2:7 immediate 1000000000000 does not fit in 32 bits ['r1 = VALUE ll' loads 64 bits]",
    ])
  })

  test.each([
    ['.struct s\na: s\n.end', ["2:4 struct s holds itself ['ptr s' may]"]],
    ['.struct s\na: s[2]\n.end', ["2:4 struct s holds itself ['ptr s' may]"]],
    [
      '.struct a\nx: b\n.end\n.struct b\ny: a\n.end\n.struct c\nz: a\n.end\n.global g: a',
      ["2:4 struct b holds itself ['ptr b' may]", "5:4 struct a holds itself ['ptr a' may]"],
    ],
    ['.struct s\na: u9\nb: u64\n.end\n.struct t\nc: s\n.end', ["2:4 unknown type 'u9' [did you mean 'u8'?]"]],
    ['.struct s\na: u8[0x80000000]\nb: u8[0x80000000]\n.end\n.global g: s', ['3:1 struct s is larger than 4 GiB']],
  ])('one error for each bad field: %j', (source, expected) => {
    expect(told(`${source}\n.program last type=xdp\nexit`)).toEqual(expected)
  })

  test('a field of another file is shown there', () => {
    const read = (): string => '\n\n.struct s\na: s\n.end'
    expect(told('.include "s.inc"\n.struct t\nb: s\n.end\nexit', { read })).toEqual([
      "s.inc:4:4 struct s holds itself ['ptr s' may]",
    ])
  })
})

describe('includes', () => {
  const read = (path: string): string => {
    if (path === 'loop.inc') return '\n.include "more.inc"'
    if (path === 'more.inc') return '.include "loop.inc"'
    if (path === 'bad.inc') return 'exit\nr0 = r99'
    throw new Error('no such file')
  }

  test.each([
    ['.include "loop.inc"\nexit', 'more.inc:1:10 the file includes itself: loop.inc -> more.inc -> loop.inc'],
    ['.include "f.s"\nexit', '1:10 the file includes itself: f.s -> f.s'],
    ['.include "bad.inc"', `bad.inc:2:6 there is no register r99 [${REGISTERS}]`],
    ['.include "none.inc"\nexit', "1:10 cannot read 'none.inc': no such file"],
    ['.include none\nexit', "1:10 expected a string in double quotes, found 'none'"],
  ])('%j', (source, expected) => {
    expect(told(source, { read })).toEqual([expected])
  })

  test('without a way to read', () => {
    expect(told('.include "a"\nexit')).toEqual(['1:10 files cannot be included here: nothing reads them'])
  })
})

describe('all in one go', () => {
  test('one complaint for each bad statement, in their order', () => {
    const source = 'r0 = r11; ext; goto nowhere\n.map m type=nothing\nr1 = 1 +\nexit\n.bad\nr0 = (1'
    expect(told(source).map((line) => line.split(' ')[0])).toEqual(['1:6', '1:11', '1:21', '2:13', '3:9', '5:1', '6:8'])
  })

  test('the message has file, line, caret and hint', () => {
    expect(() => assemble('r0 = 0\n\tgotto l\n', { file: 'a/b.s' })).toThrow(
      "a/b.s:2:2: error: unknown instruction 'gotto'\n    \tgotto l\n    \t^\n    hint: did you mean 'goto'?",
    )
  })
})

describe('what is no program', () => {
  test.each([
    ['', '1:1 the file holds no instructions'],
    ['# nothing\n\n', '1:1 the file holds no instructions'],
    ['.map m type=array', '1:1 the file holds no instructions'],
    ['.func f\nexit', '1:1 the file holds no program'],
    ['\u0000\u0001\u0002', '1:1 this is no text, so no assembly either'],
    ['exit\nPK\u0003\u0004', '2:3 this is no text, so no assembly either'],
    ['\ufffd\ufffd', '1:1 this is no text, so no assembly either'],
    ['a'.repeat(10_000_000), '1:1 the line is 10000000 characters long; 100000 are possible'],
    [`r0 = ${'('.repeat(5_000)}`, '1:106 parentheses nest too deeply'],
    ['b'.repeat(90_000), `1:1 unknown instruction '${'b'.repeat(37)}...'`],
  ])('%#', (source, expected) => {
    expect(told(source)).toEqual([expected])
  })

  test('a sum of many terms is no trouble', () => {
    expect(
      assemble(`r0 = 1${' + 1'.repeat(20_000)}\nr1 = ${'-'.repeat(50_001)}1\nexit`).programs[0]!.insns[0]!.imm,
    ).toBe(20_001)
  })
})
