import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildCfg, components, postorder, subprogramStarts, successors } from './cfg.ts'
import { kernelText } from './disasm-kernel.ts'
import { build, decode, type Instruction } from './instruction.ts'
import { ARGUMENTS, argumentMask, CALLER_SAVED, defMask, EVERY_REGISTER, useMask } from './registers.ts'
import { Kind, rowNamed, TABLE } from './table.ts'

const mask = (...registers: readonly number[]): number => registers.reduce((all, register) => all | (1 << register), 0)

const DST = 3
const SRC = 4

describe('what is read and written', () => {
  test.each([
    ['add64_imm', mask(DST), mask(DST)],
    ['add64_reg', mask(DST, SRC), mask(DST)],
    ['smod32_reg', mask(DST, SRC), mask(DST)],
    ['neg32', mask(DST), mask(DST)],
    ['be16', mask(DST), mask(DST)],
    ['bswap64', mask(DST), mask(DST)],
    ['mov64_imm', 0, mask(DST)],
    ['mov32_reg', mask(SRC), mask(DST)],
    ['movsx64_s8', mask(SRC), mask(DST)],
    ['cast_kern', mask(SRC), mask(DST)],
    ['cast_user', mask(SRC), mask(DST)],
    ['ld_imm64', 0, mask(DST)],
    ['ld_map_fd', 0, mask(DST)],
    ['ld_abs_u8', EVERY_REGISTER, 0],
    ['ld_ind_u32', EVERY_REGISTER, 0],
    ['ldx_u8', mask(SRC), mask(DST)],
    ['ldx_s16', mask(SRC), mask(DST)],
    ['st_u64', mask(DST), 0],
    ['stx_u64', mask(DST, SRC), 0],
    ['atomic_add_u32', mask(DST, SRC), 0],
    ['atomic_fetch_add_u64', mask(DST, SRC), mask(SRC)],
    ['atomic_xchg_u64', mask(DST, SRC), mask(SRC)],
    ['atomic_cmpxchg_u32', mask(0, DST, SRC), mask(0)],
    ['load_acquire_u16', mask(SRC), mask(DST)],
    ['store_release_u16', mask(DST, SRC), 0],
    ['goto', 0, 0],
    ['gotol', 0, 0],
    ['may_goto', 0, 0],
    ['jeq64_imm', mask(DST), 0],
    ['jset32_reg', mask(DST, SRC), 0],
    ['call_helper', ARGUMENTS, CALLER_SAVED],
    ['call_kfunc', ARGUMENTS, CALLER_SAVED],
    ['call_local', ARGUMENTS, CALLER_SAVED],
    ['callx', ARGUMENTS | mask(DST), CALLER_SAVED],
    ['exit', mask(0), 0],
  ])('%s', (name, use, def) => {
    const row = rowNamed(name)
    const insn = build(row, { dst: DST, src: SRC })
    expect([useMask(insn), defMask(insn)]).toEqual([use, def])
  })

  test('a call of known arity reads that many', () => {
    const call = build(rowNamed('call_helper'))
    expect([0, 1, 2, 3, 4, 5].map((count) => useMask(call, count))).toEqual([0, 0x02, 0x06, 0x0e, 0x1e, 0x3e])
    expect(useMask(build(rowNamed('call_local')), 1)).toBe(ARGUMENTS)
    expect(argumentMask(5)).toBe(ARGUMENTS)
  })

  test('no row reads or writes a field that it does not have', () => {
    // r12 and r13 are no registers: their bits show up only where a field is used.
    for (const row of TABLE) {
      const insn = { ...build(row, { dst: 12, src: 13 }) }
      const touched = (useMask(insn) === EVERY_REGISTER ? 0 : useMask(insn)) | defMask(insn)
      if (row.dst === 0) expect([row.name, touched & mask(12)]).toEqual([row.name, 0])
      if (row.src === 0) expect([row.name, touched & mask(13)]).toEqual([row.name, 0])
    }
  })
})

/** Registers live before each slot: the plain fixed point over one function after the other. */
function liveBefore(program: readonly Instruction[], argumentsOf: (id: number) => number): Int32Array {
  const cfg = buildCfg(program)
  const live = new Int32Array(program.length)
  for (const start of subprogramStarts(program)) {
    for (let changed = true; changed; ) {
      changed = false
      for (const slot of postorder(cfg, start)) {
        const insn = program[slot]!
        const out = successors(cfg, slot).reduce((all, next) => all | live[next]!, 0)
        const count = insn.row.kind === Kind.CALL_HELPER ? argumentsOf(insn.imm) : undefined
        const before = (out & ~defMask(insn)) | useMask(insn, count)
        changed ||= before !== live[slot]
        live[slot] = before
      }
    }
  }
  return live
}

const HELPER_ARGUMENTS: ReadonlyMap<number, number> = new Map([
  [7, 0],
  [26, 4],
])

/** The log's table of live registers, instruction texts without names of helpers. */
function liveTable(program: readonly Instruction[]): string[] {
  const live = liveBefore(program, (id) => HELPER_ARGUMENTS.get(id)!)
  const component = components(buildCfg(program))
  return program.flatMap((insn, slot) => {
    if (insn.row.kind === Kind.LD_IMM64_HI) return []
    const id = component[slot] === 0 ? '   ' : `${component[slot]}`.padStart(3)
    const registers = Array.from({ length: 10 }, (_, n) => ((live[slot]! >> n) & 1 ? `${n}` : '.')).join('')
    return `${id}${`${slot}`.padStart(4)}: ${registers} ${kernelText(insn, { helper: (number) => `helper${number}` })}`
  })
}

describe("Linux's tables of live registers and components", () => {
  const text = readFileSync(join(import.meta.dirname, 'fixtures/live-registers.txt'), 'utf8')
  const programs = text
    .replaceAll(/^#.*\n/gm, '')
    .split('\n\n')
    .map((part) => part.trimEnd().split('\n'))
  test.each(programs.map(([hex, ...lines]) => [hex!, lines] as const))('%s', (hex, lines) => {
    const program = decode(Uint8Array.from(Buffer.from(hex, 'hex')))
    expect(liveTable(program)).toEqual(lines.map((line) => line.replace(/call bpf_\w+#(\d+)/, 'call helper$1#$1')))
  })
})
