/** The tables hold exactly the accesses that Linux lets through: they were asked for one by one on 6.18. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ContextLayout, contextLayout, findContextAccess } from './contexts.ts'
import type { ProgramType } from './types.ts'

const OBSERVED: string = join(import.meta.dirname, '../../shared/spec/verifier/contexts.json')
const WIDTHS: readonly number[] = [1, 2, 4, 8]

/** By width, ranges of offsets such as `48..66`. */
type Offsets = Readonly<Record<string, readonly string[]>>

interface Row {
  readonly load: Readonly<Record<string, Offsets>>
  readonly store: Offsets
}

/** Every access that a table has, as `load 4 12 scalar`. */
function accesses(layout: ContextLayout): string[] {
  const found: string[] = []
  for (const write of [false, true]) {
    for (const width of WIDTHS) {
      for (let off = -8; off < 208; off++) {
        const access = findContextAccess(layout, off, width, write)
        if (access !== undefined) found.push(`${write ? 'store' : 'load'} ${width} ${off} ${access.field.value}`)
      }
    }
  }
  return found.sort()
}

/** The same of what was observed. */
function observed(row: Row): string[] {
  const found: string[] = []
  const add = (what: string, value: string, offsets: Offsets): void => {
    for (const [width, ranges] of Object.entries(offsets)) {
      for (const range of ranges) {
        const [first = 0, last = first] = range.split('..').map(Number)
        for (let off = first; off <= last; off += Number(width)) found.push(`${what} ${width} ${off} ${value}`)
      }
    }
  }
  for (const [value, offsets] of Object.entries(row.load)) add('load', value, offsets)
  add('store', 'scalar', row.store)
  return found.sort()
}

describe('context tables', () => {
  test.for<[ProgramType, string]>([
    ['xdp', 'XDP'],
    ['socket', 'SOCKET_FILTER'],
    ['kprobe', 'KPROBE'],
  ])('%s has the accesses of Linux and no others', ([type, name], ctx) => {
    if (!existsSync(OBSERVED)) ctx.skip('the recorded context tables are not here')
    const { types }: { types: Readonly<Record<string, Row>> } = JSON.parse(readFileSync(OBSERVED, 'utf8'))
    expect(accesses(contextLayout(type)!)).toEqual(observed(types[name]!))
  })

  test('a pointer is named by four bytes and kept in eight', () => {
    const xdp = contextLayout('xdp')!
    expect(findContextAccess(xdp, 4, 4, false)).toMatchObject({ place: 32, bytes: 8, field: { value: 'pkt_end' } })
    expect(findContextAccess(xdp, 4, 2, false)).toBeUndefined()
    expect(findContextAccess(xdp, 4, 4, true)).toBeUndefined()
  })

  test('a narrow load keeps its distance from the start of the field', () => {
    const socket = contextLayout('socket')!
    expect(findContextAccess(socket, 10, 2, false)).toMatchObject({ place: 10, bytes: 2, field: { name: 'mark' } })
    expect(findContextAccess(socket, 60, 4, true)).toMatchObject({ place: 60, bytes: 4, field: { name: 'cb' } })
    expect(findContextAccess(socket, 19, 1, false)).toMatchObject({ place: 19, bytes: 1 })
    expect(findContextAccess(socket, 17, 2, false)).toBeUndefined()
    expect(findContextAccess(socket, 16, 8, false)).toBeUndefined()
  })

  test('unless it is as wide as what Linux keeps', () => {
    const socket = contextLayout('socket')!
    expect(findContextAccess(socket, 18, 2, false)).toMatchObject({ place: 16, bytes: 2, field: { name: 'protocol' } })
    expect(findContextAccess(socket, 18, 1, false)).toMatchObject({ place: 18, bytes: 1 })
    expect(findContextAccess(socket, 7, 1, false)).toMatchObject({ place: 4, bytes: 1, field: { name: 'pkt_type' } })
  })

  test('places do not overlap and lie in the struct', () => {
    for (const type of ['xdp', 'socket'] as const) {
      const layout = contextLayout(type)!
      let end = 0
      for (const { place, value, size } of [...layout.fields].sort((a, b) => a.place - b.place)) {
        expect(place).toBeGreaterThanOrEqual(end)
        end = place + (value === 'scalar' ? size : 8)
        if (value !== 'scalar') expect(place % 8).toBe(0)
      }
      expect(end).toBeLessThanOrEqual(layout.placeSize)
    }
  })

  test('a syscall program has no fields', () => expect(contextLayout('syscall')).toBeUndefined())
})
