/**
 * Every offset, width and direction of an access through the context, against what Linux 6.18.44 answered: the ranges
 * below are the accepted ones, `a..b` in steps of the width.
 */

import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { Access } from '../program/loadable.ts'
import { judge, loadable, sourcesSeen, type Verdict } from './testing.ts'

/** Types of programs whose contexts are structs with rules for each field. */
const CONTEXT_TYPES = ['xdp', 'socket'] as const
const WIDTHS = [1, 2, 4, 8] as const
/** From below the context to beyond its end. */
const OFFSETS: readonly number[] = Array.from({ length: 216 }, (_, i) => i - 8)

/** An address as assembly writes it. */
function place(register: string, off: number): string {
  return `(${register} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`
}

function contextSource(type: string, body: string): string {
  return `.program p type=${type}\n${body}\n  r0 = 0\n  exit\n`
}

interface Accepted {
  /** By what the load gives, then by width in bytes. */
  readonly load: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>>
  readonly store: Readonly<Record<number, readonly string[]>>
}

const TABLES: Readonly<Record<'xdp' | 'socket', Accepted>> = {
  xdp: {
    load: {
      'pkt(r=0)': { 4: ['0'] },
      'pkt_end()': { 4: ['4'] },
      'pkt_meta(r=0)': { 4: ['8'] },
      scalar: { 4: ['12..16'] },
    },
    store: {},
  },
  socket: {
    load: {
      scalar: {
        1: ['0..71', '84..87', '164..167', '176..179'],
        2: ['0..70', '84..86', '164..166', '176..178'],
        4: ['0..68', '84', '164', '176'],
        8: ['48..56'],
      },
      'sock_common_or_null(id=1)': { 8: ['168'] },
    },
    store: { 1: ['48..67'], 2: ['48..66'], 4: ['48..64'], 8: ['48..56'] },
  },
}

/** Loads through `sk`; there are none of 8 bytes. */
const SOCKET_LOADS: Readonly<Record<number, readonly string[]>> = {
  1: ['4', '24..44', '48', '49', '52..72', '76'],
  2: ['4', '24..44', '48', '52..72', '76'],
  4: ['0', '4', '24..76'],
}

function inRanges(ranges: readonly string[] | undefined, off: number): boolean {
  return (ranges ?? []).some((range) => {
    const [from, to] = range.split('..').map(Number)
    return off >= from! && off <= (to ?? from!)
  })
}

function verdict(type: string, body: string): Verdict {
  return judge(loadable(contextSource(type, body)), { logLevel: 2 })
}

function reasonOf(found: Verdict): string {
  return found.accepted ? '' : found.error.reason
}

describe.each(CONTEXT_TYPES)('%s', (type) => {
  const { load, store } = TABLES[type]

  test.each(WIDTHS)('loads of %i bytes', (size) => {
    for (const off of OFFSETS) {
      if (off % size !== 0) continue
      const gives = Object.keys(load).find((value) => inRanges(load[value]?.[size], off))
      const found = verdict(type, `  r2 = *(u${8 * size} *)${place('r1', off)}`)
      expect(reasonOf(found)).toBe(gives === undefined ? `invalid bpf_context access off=${off} size=${size}` : '')
      if (gives !== undefined) expect(found.log).toContain(`R2=${gives}`)
      if (found.accepted) expect(found.program.access[0]).toBe(Access.CONTEXT)
    }
  })

  test.each(WIDTHS)('stores of %i bytes', (size) => {
    for (const off of OFFSETS) {
      if (off % size !== 0) continue
      const found = verdict(type, `  *(u${8 * size} *)${place('r1', off)} = 1`)
      const allowed = inRanges(store[size], off)
      expect(reasonOf(found)).toBe(allowed ? '' : `invalid bpf_context access off=${off} size=${size}`)
      if (found.accepted) expect(found.program.access[0]).toBe(Access.CONTEXT)
    }
  })

  test('no access off its alignment', () => {
    for (const off of OFFSETS) {
      for (const size of [2, 4, 8]) {
        if (off % size === 0) continue
        const reason = `invalid bpf_context access off=${off} size=${size}`
        expect(reasonOf(verdict(type, `  r2 = *(u${8 * size} *)${place('r1', off)}`))).toBe(reason)
        expect(reasonOf(verdict(type, `  *(u${8 * size} *)${place('r1', off)} = 1`))).toBe(reason)
      }
    }
  })

  test.each([1, 2, 4])('sign-extending loads of %i bytes give numbers only', (size) => {
    for (const off of OFFSETS) {
      const found = verdict(type, `  r2 = *(s${8 * size} *)${place('r1', off)}`)
      expect(found.accepted).toBe(off % size === 0 && inRanges(load.scalar?.[size], off))
    }
  })
})

describe('the socket of a socket filter', () => {
  const through = (line: string): Verdict =>
    verdict('socket', `  r2 = *(u64 *)(r1 + 168)\n  if r2 == 0 goto l\n  ${line}\nl:`)

  test.each(WIDTHS)('loads of %i bytes', (size) => {
    for (const off of OFFSETS) {
      const found = through(`r0 = *(u${8 * size} *)${place('r2', off)}`)
      const allowed = off % size === 0 && inRanges(SOCKET_LOADS[size], off)
      expect(reasonOf(found)).toBe(allowed ? '' : `R2 invalid sock_common access off=${off} size=${size}`)
      if (found.accepted) expect(found.program.access[2]).toBe(Access.KERNEL)
    }
  })

  test('nothing can be stored, whatever the offset', () => {
    for (const off of OFFSETS) {
      expect(reasonOf(through(`*(u32 *)${place('r2', off)} = 1`))).toBe('R2 cannot write into sock_common')
    }
  })

  test('null-checked first', () => {
    const found = verdict('socket', '  r2 = *(u64 *)(r1 + 168)\n  r0 = *(u32 *)(r2 + 4)')
    expect(reasonOf(found)).toBe("R2 invalid mem access 'sock_common_or_null'")
  })
})

test('the least context that a run must bring counts the farthest access', () => {
  const found = verdict('socket', '  r2 = *(u8 *)(r1 + 3)\n  *(u32 *)(r1 + 60) = 1\n  r2 = *(u32 *)(r1 + 8)')
  expect(found.accepted && found.program.maxContext).toBe(64)
})

test.each(['xdp', 'socket'])('%s: context pointers keep their rules', (type) => {
  const cases = [
    ['  r1 += 4\n  r0 = *(u32 *)(r1 + 8)', 'dereference of modified ctx ptr R1 off=4 disallowed'],
    ['  r1 += -4\n  r0 = *(u32 *)(r1 + 16)', 'negative offset ctx ptr R1 off=-4 disallowed'],
    ['  r2 = 1\n  lock *(u32 *)(r1 + 16) += r2', 'BPF_ATOMIC stores into R1 ctx is not allowed'],
    ['  r0 = load_acquire((u32 *)(r1 + 16))', 'BPF_ATOMIC loads from R1 ctx is not allowed'],
  ] as const
  for (const [body, reason] of cases) expect(reasonOf(verdict(type, body))).toBe(reason)
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(3000)
  expect(await otherVerdicts(sources)).toEqual([])
})
