import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Op } from '../isa/table.ts'
import { A, B, load, s32, s64, store, u32, u64, words } from './scalar.fixtures.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { transfer } from './transfer.ts'

const lines = readFileSync(new URL('./scalar-live.golden', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

function put(at: number, text: string): void {
  makeUnknown(words, at)
  if (text === '?') return
  if (text.startsWith('=')) {
    const x = BigInt(`0x${text.slice(1)}`)
    makeConst(words, at, Number(s32(x)), Number(s32(x >> 32n)))
    return
  }
  const [value, mask, smin, smax, umin, umax, s32min, s32max, u32min, u32max] = text
    .split(',')
    .map((t) => BigInt(`0x${t}`))
  store(at, {
    value: value!,
    mask: mask!,
    smin: s64(smin!),
    smax: s64(smax!),
    umin: umin!,
    umax: umax!,
    s32min: s32(s32min!),
    s32max: s32(s32max!),
    u32min: u32min!,
    u32max: u32max!,
  })
}

function show(at: number): string {
  const p = load(at)
  const wide = [p.value, p.mask, p.smin, p.smax, p.umin, p.umax].map(u64)
  const low = [p.s32min, p.s32max, p.u32min, p.u32max].map(u32)
  const text = [...wide, ...low].map((x) => x.toString(16)).join(',')
  if (p.mask === 0n && p.umin === p.value && p.umax === p.value) return `=${p.value.toString(16)}`
  return text === '0,ffffffffffffffff,8000000000000000,7fffffffffffffff,0,ffffffffffffffff,80000000,7fffffff,0,ffffffff'
    ? '?'
    : text
}

/** Executes the operation of a line on the registers at A and B. */
function execute(name: string): void {
  const [, base, bits, rest] = /^([A-Z]+)(\d*)(?:_(\w+))?$/.exec(name)!
  const width = Number(bits) as 32 | 64
  if (rest === 'true' || rest === 'false') {
    const op = Op[base as keyof typeof Op]
    expect(transfer.predict(words, A, B, op, width)).toBe(-1)
    transfer.refine(words, A, B, op, width, rest === 'true')
  } else if (base === 'ZEXT') transfer.zeroExtend32(words, A)
  else if (base === 'NEG') transfer.negate(words, A, width)
  else if (base === 'LE' || base === 'BE' || base === 'BSWAP') transfer.swapEnds(words, A, Op[base], width)
  else if (base !== 'MOVSX') transfer.alu(words, A, B, Op[base as keyof typeof Op], width)
  else if (width === 32) transfer.signExtend32(words, A, Number(rest) / 8)
  else transfer.signExtend64(words, A, Number(rest) / 8)
}

describe('bit for bit as the live kernel', () => {
  const names = [...new Set(lines.map((line) => line.split(' ')[0]!))]

  it('covers every operation and both sides of every jump', () => {
    expect(lines.length).toBeGreaterThan(500)
    for (const name of ['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'AND', 'OR', 'XOR', 'LSH', 'RSH', 'ARSH', 'NEG']) {
      expect(names).toEqual(expect.arrayContaining([`${name}32`, `${name}64`]))
    }
    for (const name of Object.keys(Op).filter((op) => op.startsWith('J'))) {
      for (const side of ['32_true', '32_false', '64_true', '64_false']) expect(names).toContain(`${name}${side}`)
    }
  })

  it.each(names)('%s', (name) => {
    for (const line of lines.filter((l) => l.startsWith(`${name} `))) {
      const [, a, ...more] = line.split(' ')
      const jump = name.endsWith('_true') || name.endsWith('_false')
      const source = more.length > 1 ? more[0] : undefined
      put(A, a!)
      if (source !== undefined) put(B, source)
      execute(name)
      const got = [name, a, ...(source === undefined ? [] : [source]), show(A), ...(jump ? [show(B)] : [])].join(' ')
      expect(got).toBe(line)
    }
  })
})
