import { describe, expect, test } from 'vitest'
import type { Answer } from '../../linux/question.ts'
import { compare, compareEngines, type Judgement, messageKind, normalised } from './compare.ts'

const accepted = (fields: Partial<Extract<Answer, { verdict: 'accepted' }>> = {}): Judgement => ({
  verdict: 'accepted',
  logs: {},
  runs: [],
  maps: {},
  ...fields,
})

const rejected = (message: string, errno: 'EACCES' | 'EINVAL' = 'EACCES'): Judgement => ({
  verdict: 'rejected',
  program: 'main',
  errno,
  message,
  log: '',
})

describe('verdicts', () => {
  test.each([
    [accepted(), accepted(), undefined],
    [rejected('R1 !read_ok'), rejected('R1 !read_ok'), undefined],
    [accepted(), rejected('R1 !read_ok'), 'verdict'],
    [rejected('R1 !read_ok'), accepted(), 'verdict'],
    [rejected('R1 !read_ok'), rejected('R2 !read_ok'), 'message'],
    [rejected('R1 !read_ok'), rejected('R1 !read_ok', 'EINVAL'), 'message'],
  ])('%#', (harena, linux, kind) => expect(compare(harena, linux)?.kind).toBe(kind))
})

test.each([
  ['R1 at 0xffff888002402000', 'R1 at ADDRESS'],
  ['R1 at 0xffffc90000001000', 'R1 at ADDRESS'],
  ['var_off=(0x0; 0xffffffff)', 'var_off=(0x0; 0xffffffff)'],
  ['call bpf_arena_alloc_pages#78901', 'call bpf_arena_alloc_pages'],
  ['call bpf_map_lookup_elem#1', 'call bpf_map_lookup_elem#1'],
])('%s', (message, expected) => expect(normalised(message)).toBe(expected))

test.each([
  ['EACCES R1 !read_ok', 'EACCES RN !read_ok'],
  ['EACCES invalid stack off=-8 size=0x4', 'EACCES invalid stack off=N size=N'],
])('kind of %s', (message, expected) => expect(messageKind(message)).toBe(expected))

describe('engines of harena', () => {
  const none = { verdict: 'none', message: 'CompileError: not a module' } as const
  const interpreter = accepted({ runs: [{ retval: 1 }] })
  const engines = ['interpreter', 'jit']

  test.each([
    ['the same', accepted({ runs: [{ retval: 1 }] }), undefined],
    ['another value', accepted({ runs: [{ retval: 2 }] }), { where: 'run 0: retval', values: ['0x1', '0x2'] }],
    ['no module', none, { where: 'verdict', values: ['accepted', none.message] }],
    ['a refusal', rejected('R1 !read_ok'), { where: 'verdict', values: ['accepted', 'EACCES R1 !read_ok'] }],
  ])('%s', (_, jit, expected) => {
    const found = compareEngines({ interpreter, jit })
    expect(found).toEqual(expected && { kind: 'result', engines, ...expected })
  })
})

describe('results', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
  const page = (...values: number[]): Judgement =>
    accepted({ maps: { arena: { kind: 'pages', pages: [[3, bytes(...values)]] } } })
  const entry = (key: number, value: number): Judgement =>
    accepted({ maps: { arr: { kind: 'entries', entries: [[bytes(key), bytes(value)]] } } })

  test.each([
    ['run 0: retval', accepted({ runs: [{ retval: 1 }] }), accepted({ runs: [{ retval: 2 }] }), '0x1', '0x2'],
    ['run 0: retval', accepted({ runs: [{ retval: 1 }] }), accepted({ runs: [{ errno: 'EINVAL' }] }), '0x1', 'EINVAL'],
    ['run 0: ctx', accepted({ runs: [{ ctx: bytes(1) }] }), accepted({ runs: [{ ctx: bytes(2) }] }), '01', '02'],
    [
      'run 0: data',
      accepted({ runs: [{ data: bytes(1) }] }),
      accepted({ runs: [{ data: bytes(1, 0) }] }),
      '01',
      '0100',
    ],
    ['arr[01]', entry(1, 5), entry(1, 6), '05', '06'],
    ['arr[01]', entry(1, 5), entry(2, 5), '05', 'absent'],
    ['arena[page 3]', page(1, 2), page(1, 3), '0102', '0103'],
    ['arena[page 3]', page(1, 2), accepted(), '0102', 'absent'],
  ])('%s', (where, a, b, harena, linux) => {
    expect(compare(a, b)).toEqual({
      kind: 'result',
      engines: ['interpreter', 'linux'],
      where,
      values: [harena, linux],
    })
    expect(compare(a, a)).toBeUndefined()
  })

  test('of long ones the part that differs is shown', () => {
    const long = (at: number): Judgement => {
      const values = new Uint8Array(4096)
      values[at] = 0xab
      return page(...values)
    }
    const found = compare(long(1000), long(1001))
    if (found?.kind !== 'result') throw new Error('nothing differs')
    expect(found.values[0]).toMatch(/^at byte 998: 0000ab00/u)
    expect(found.values[1]).toMatch(/^at byte 998: 000000ab/u)
  })
})
