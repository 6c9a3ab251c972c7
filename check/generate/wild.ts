/**
 * Wild programs: instructions of every form with any registers and offsets, behind a start that puts something useful
 * into most registers. Nearly all are refused, for as many reasons as there are.
 */
import fc from 'fast-check'
import { immediate } from './arbitraries.ts'
import { ALU_OPS, ATOMIC_OPS, JUMP_OPS } from './recipe.ts'
import { ARENA_BASE } from './write-memory.ts'
import { type GeneratedProgram, HEADER, PROGRAM_NAME } from './write-program.ts'
import type { GeneratedType } from './writer.ts'

/** A line with `@` for a label; `target` says which. */
interface WildLine {
  readonly text: string
  readonly target: number
}

const anyReg: fc.Arbitrary<number> = fc.integer({ min: 0, max: 10 })
/** Mostly those that START puts numbers into. */
const reg: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(0, 2, 3, 8) },
  { weight: 1, arbitrary: anyReg },
)
/** Mostly those with pointers in them. */
const base: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(1, 4, 5, 6, 7, 9, 10) },
  { weight: 1, arbitrary: anyReg },
)
const bits = fc.constantFrom(8, 16, 32, 64)
const offset = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 0, 4, 8, -8, -16) },
  { weight: 1, arbitrary: fc.integer({ min: -520, max: 80 }) },
  { weight: 1, arbitrary: immediate.map((n) => (n << 16) >> 16) },
)
const kind = fc.constantFrom('r', 'w')

function at(base: number, off: number): string {
  return `r${base} ${off < 0 ? '-' : '+'} ${Math.abs(off)}`
}

const scalarLine: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(kind, fc.oneof(reg, base), fc.constantFrom(...ALU_OPS, '+' as const), reg)
    .map(([k, d, op, s]) => `${k}${d} ${op}= ${k}${s}`),
  fc.tuple(kind, reg, fc.constantFrom(...ALU_OPS), immediate).map(([k, d, op, i]) => `${k}${d} ${op}= ${i}`),
  fc.tuple(kind, anyReg, anyReg).map(([k, d, s]) => `${k}${d} = ${k}${s}`),
  fc.tuple(kind, reg, immediate).map(([k, d, i]) => `${k}${d} = ${i}`),
  fc.tuple(kind, reg, fc.constantFrom(8, 16), reg).map(([k, d, n, s]) => `${k}${d} = (s${n})${k}${s}`),
  fc.tuple(fc.constantFrom('be16', 'be32', 'le64', 'bswap32', 'bswap64'), reg).map(([op, d]) => `r${d} = ${op} r${d}`),
  fc.tuple(kind, reg).map(([k, d]) => `${k}${d} = -${k}${d}`),
)

const memoryLine: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(reg, fc.constantFrom('u', 'u', 's'), bits, base, offset)
    .map(([d, sign, n, b, o]) => `r${d} = *(${n === 64 ? 'u' : sign}${n} *)(${at(b, o)})`),
  fc.tuple(reg, bits, base, offset).map(([s, n, b, o]) => `*(u${n} *)(${at(b, o)}) = ${n === 64 ? 'r' : 'w'}${s}`),
  fc.tuple(immediate, bits, base, offset).map(([i, n, b, o]) => `*(u${n} *)(${at(b, o)}) = ${i}`),
  // Of 64 bits: narrow ones that give a value back use a hole of Linux at absent pages of the arena.
  fc.tuple(fc.constantFrom(...ATOMIC_OPS), reg, base, offset).map(([op, s, b, o]) => {
    if (op === 'cmpxchg') return `r0 = cmpxchg_64(${at(b, o)}, r0, r${s})`
    if (op === 'xchg') return `r${s} = xchg_64(${at(b, o)}, r${s})`
    if (op.startsWith('fetch_')) return `r${s} = atomic_${op}((u64 *)(${at(b, o)}), r${s})`
    return `lock *(u32 *)(${at(b, o)}) ${{ add: '+=', or: '|=', and: '&=', xor: '^=' }[op as 'add']} w${s}`
  }),
)

const otherLine: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(anyReg, anyReg, fc.constantFrom('0, 1', '1, 0'))
    .map(([d, s, way]) => `r${d} = addr_space_cast(r${s}, ${way})`),
  fc.tuple(anyReg, fc.constantFrom('arena', 'arr', 'one', 'g0', 'in0')).map(([d, name]) => `r${d} = ${name} ll`),
  fc.tuple(reg, fc.integer({ min: -8, max: 9 })).map(([d, page]) => {
    return `r${d} = ${ARENA_BASE + BigInt(page * 4096)} ll`
  }),
  fc
    .constantFrom(
      'bpf_map_lookup_elem',
      'bpf_map_update_elem',
      'bpf_map_delete_elem',
      'bpf_get_prandom_u32',
      'bpf_get_smp_processor_id',
      'bpf_ktime_get_ns',
      'bpf_arena_alloc_pages',
      'bpf_arena_free_pages',
      'f0',
    )
    .map((name) => `call ${name}`),
)

const jumpLine: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(kind, reg, fc.constantFrom(...JUMP_OPS), reg)
      .map(([k, a, op, b]) => `if ${k}${a} ${op} ${k}${b} goto @`),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(kind, reg, fc.constantFrom(...JUMP_OPS), immediate)
      .map(([k, a, op, i]) => `if ${k}${a} ${op} ${i} goto @`),
  },
  { weight: 1, arbitrary: fc.constantFrom('may_goto @', 'may_goto @', 'goto @', 'gotol @', 'exit') },
)

/** `more` beside the lines of every program. */
function lineOf(more: readonly fc.WeightedArbitrary<string>[]): fc.Arbitrary<WildLine> {
  const text = fc.oneof(
    { weight: 6, arbitrary: scalarLine },
    { weight: 6, arbitrary: memoryLine },
    { weight: 3, arbitrary: otherLine },
    { weight: 4, arbitrary: jumpLine },
    ...more,
  )
  return fc.record({ text, target: fc.nat(0xffff) })
}

/** r1 the context, r2 and r3 numbers, r4 and r5 globals, r6 the context, r7 the stack, r8 a number, r9 the arena. */
const START: readonly string[] = [
  '*(u64 *)(r10 - 8) = 0',
  '*(u64 *)(r10 - 16) = r1',
  'r2 = *(u64 *)(r1 + 0)',
  'r3 = *(u32 *)(r1 + 8)',
  'r4 = arena ll',
  'r4 = g0 ll',
  'r5 = in0 ll',
  'r6 = r1',
  'r7 = r10',
  'r7 += -16',
  'r8 = *(s8 *)(r1 + 12)',
  `r9 = ${ARENA_BASE} ll`,
  'r9 = addr_space_cast(r9, 0, 1)',
  'r0 = 0',
]

const FUNCTION: readonly string[] = ['.func f0', '    r0 = 3', '    exit', '']

/** Jumps go mostly forward, as wild loops hardly ever end. */
function writeWild(lines: readonly WildLine[], type: GeneratedType, start: readonly string[]): GeneratedProgram {
  const used = new Set<number>()
  const texts = lines.map(({ text, target }, n) => {
    if (!text.includes('@')) return text
    const ahead = lines.length - n
    const to = target % 8 === 0 ? target % (lines.length + 1) : n + 1 + ((target >>> 3) % ahead)
    used.add(to)
    return text.replace('@', `l${to}`)
  })
  const body = [...texts, 'r0 = 0'].flatMap((text, n) => (used.has(n) ? [`l${n}:`, `    ${text}`] : [`    ${text}`]))
  const text = [
    HEADER,
    `.program ${PROGRAM_NAME} type=${type}`,
    ...start.map((text) => `    ${text}`),
    ...body,
    '    exit',
    ...(texts.includes('call f0') ? FUNCTION : ['']),
  ].join('\n')
  const classes = type === 'syscall' ? classesOf(texts) : [...classesOf(texts), 'packet']
  return { text, classes, comparable: false }
}

/** Classes by what the lines look like. */
function classesOf(lines: readonly string[]): string[] {
  const signs: readonly (readonly [string, RegExp])[] = [
    ['alu', /^[rw]\d+ \S+= |^[rw]\d+ = -?[rw(bl]/u],
    ['jump', /^if /u],
    ['stack', /\(r(?:7|10) /u],
    ['map', /\b(?:arr|one|g0|in0)\b|map_/u],
    ['arena', /arena|\(r9 /u],
    ['atomic', /atomic|xchg|lock/u],
    ['cast', /cast/u],
    ['may_goto', /may_goto/u],
    ['call', /^call /u],
  ]
  return signs.flatMap(([name, sign]) => (lines.some((text) => sign.test(text)) ? [name] : []))
}

export const wildProgram: fc.Arbitrary<GeneratedProgram> = wildOf('syscall', START)

/** Wild programs of a type, behind a start of their own. */
export function wildOf(
  type: GeneratedType,
  start: readonly string[],
  more: readonly fc.WeightedArbitrary<string>[] = [],
): fc.Arbitrary<GeneratedProgram> {
  const lines = fc.array(lineOf(more), { minLength: 1, maxLength: 14 })
  return lines.map((texts) => writeWild(texts, type, start))
}
