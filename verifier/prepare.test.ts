import { describe, expect, test } from 'vitest'
import { build, decode } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import { kfuncNamed } from '../program/kfuncs.ts'
import type { Binding, LoadableProgram, MapInfo } from '../program/loadable.ts'
import type { MapType } from '../program/types.ts'
import { failureLog, Rejection } from './errors.ts'
import { LogBuffer } from './log.ts'
import { type Prepared, prepare } from './prepare.ts'
import { STATIC_CASES } from './prepare-cases.ts'

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(/\s/gu, '').match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16))
}

function program(code: Uint8Array, fields: Partial<LoadableProgram> = {}): LoadableProgram {
  return {
    name: 'p',
    type: 'syscall',
    flags: 0,
    license: 'GPL',
    insns: decode(code),
    bindings: new Map(),
    subprograms: [],
    lines: [],
    btf: undefined,
    ...fields,
  }
}

/** The log up to the walk, the failure's text included, and its errno. */
function verdict(loadable: LoadableProgram, level = 2): { errno: string; log: string } {
  const log = new LogBuffer(level)
  try {
    prepare(loadable, log)
    return { errno: '', log: log.text() }
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    log.write(failureLog(error.failure))
    return { errno: error.failure.errno, log: log.text() }
  }
}

describe('as the kernel', () => {
  test.each(STATIC_CASES)('$name', ({ code, errno, log }) => {
    expect(verdict(program(bytes(code)))).toEqual({ errno, log })
  })

  test('level 1 has neither functions nor live registers', () => {
    for (const { code, errno } of STATIC_CASES) {
      const found = verdict(program(bytes(code)), 1)
      expect(found.errno).toBe(errno)
      expect(found.log).not.toMatch(/func#|Live regs/u)
    }
  })
})

function map(type: MapType, fields: Partial<MapInfo> = {}): MapInfo {
  return {
    id: 1,
    name: 'm',
    type,
    keySize: 4,
    valueSize: 48,
    maxEntries: 1,
    flags: 0,
    extra: 0n,
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
    address: 0xffff_8881_0000_1000n,
    valueAddress: 0xffff_8881_0000_2000n,
    userStart: type === 'arena' ? 0x1_0000_1000n : undefined,
    frozen: undefined,
    ...fields,
  }
}

/** Loads of maps in turn, then `r0 = 0; exit`. */
function loads(bindings: readonly Binding[], fields: Partial<LoadableProgram> = {}): LoadableProgram {
  const load = bindings.map(({ kind }) => (kind === 'map-value' ? '1821' : '1811').padEnd(32, '0')).join('')
  const at = new Map(bindings.map((binding, i) => [2 * i, binding]))
  return program(bytes(`${load}b7000000000000009500000000000000`), { bindings: at, ...fields })
}

const arena = map('arena', { keySize: 0, valueSize: 0, maxEntries: 10 })

describe('maps', () => {
  test.each<[string, readonly Binding[], string, string]>([
    ['closed fd', [{ kind: 'bad-fd', fd: 3 }], 'EBADF', 'fd 3 is not pointing to valid bpf_map'],
    [
      'two arenas',
      [
        { kind: 'map', map: arena },
        { kind: 'map', map: map('arena', { userStart: undefined }) },
      ],
      'EBUSY',
      'Only one arena per program',
    ],
    [
      'arena without address',
      [{ kind: 'map', map: map('arena', { userStart: undefined }) }],
      'EINVAL',
      "arena's user address must be set via map_extra or mmap()",
    ],
    [
      'offset past the value',
      [{ kind: 'map-value', map: map('array'), offset: 48 }],
      'EINVAL',
      'invalid access to map value pointer, value_size=48 off=48',
    ],
    [
      'array of several',
      [{ kind: 'map-value', map: map('array', { maxEntries: 2 }), offset: 0 }],
      'ENOTSUPP',
      'invalid access to map value pointer, value_size=48 off=0',
    ],
    [
      'offset past the arena',
      [{ kind: 'map-value', map: arena, offset: 40_961 }],
      'ERANGE',
      'invalid access to map value pointer, value_size=0 off=40961',
    ],
    [
      'huge offset',
      [{ kind: 'map-value', map: map('array'), offset: -1 }],
      'EINVAL',
      'direct value offset of 4294967295 is not allowed',
    ],
    [
      'value of a hash',
      [{ kind: 'map-value', map: map('hash'), offset: 0 }],
      'EINVAL',
      'no direct value access support for this map type',
    ],
    [
      'sleepable',
      [{ kind: 'map', map: map('prog_array') }],
      'EINVAL',
      'Sleepable programs can only use array, hash, ringbuf and local storage maps',
    ],
    [
      '65 maps',
      Array.from({ length: 65 }, () => ({ kind: 'map', map: map('array') }) as const),
      'E2BIG',
      'The total number of maps per program has reached the limit of 64',
    ],
  ])('%s', (_name, bindings, errno, text) => {
    expect(verdict(loads(bindings), 1)).toEqual({ errno, log: `${text}\n` })
  })

  test('each map once, in order of use; the address right behind the arena', () => {
    const array = map('array')
    const prepared = ready(
      loads([
        { kind: 'map', map: array },
        { kind: 'map-value', map: arena, offset: 40_960 },
        { kind: 'map-value', map: array, offset: 47 },
      ]),
    )
    expect(prepared.maps).toEqual([array, arena])
    expect(prepared.arena).toBe(arena)
    expect([0, 2, 4].map((slot) => prepared.mapAt[slot])).toEqual([1, 2, 1])
    expect(prepared.names.instructionText(2)).toBe('(18) r1 = 0x10000b000')
    expect(prepared.names.instructionText(4)).toBe('(18) r1 = 0xffff88810000202f')
  })
})

function ready(loadable: LoadableProgram): Prepared {
  return prepare(loadable, new LogBuffer(0))
}

test('too few and too many instructions', () => {
  const none = { errno: 'E2BIG', log: 'a program has 1 to 1000000 instructions, not 0\n' }
  expect(verdict(program(new Uint8Array(0)), 1)).toEqual(none)
  const insns = Array.from({ length: 1_000_001 }, () => build(rowNamed('exit')))
  expect(verdict(program(new Uint8Array(0), { insns }), 1).errno).toBe('E2BIG')
})

test('at most 256 functions', () => {
  /** Main calls functions of one `exit` each. */
  const calls = (count: number): Partial<LoadableProgram> => ({
    insns: [
      ...Array.from({ length: count }, () => build(rowNamed('call_local'), { imm: count })),
      ...Array.from({ length: count + 1 }, () => build(rowNamed('exit'))),
    ],
  })
  expect(verdict(program(new Uint8Array(0), calls(255)), 1)).toEqual({ errno: '', log: '' })
  expect(verdict(program(new Uint8Array(0), calls(256)), 1)).toEqual({ errno: 'E2BIG', log: 'too many subprograms\n' })
})

describe('program types', () => {
  const code = bytes('b7000000000000009500000000000000')
  test.each([
    ['xdp', 0x10, 'EINVAL', 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable'],
    [
      'socket',
      0x10,
      'EINVAL',
      'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    ],
    ['tc', 0, 'EOPNOTSUPP', 'harena does not implement program type tc'],
    ['tracepoint', 0, 'EOPNOTSUPP', 'harena does not implement program type tracepoint'],
  ] as const)('%s %i', (type, flags, errno, text) => {
    expect(verdict(program(code, { type, flags }), 1)).toEqual({ errno, log: `${text}\n` })
  })

  test.each(['syscall', 'xdp', 'socket'] as const)('%s is implemented', (type) => {
    expect(verdict(program(code, { type }), 1)).toEqual({ errno: '', log: '' })
  })

  test('kfuncs need a GPL license', () => {
    const call = bytes('85200000010000009500000000000000')
    expect(verdict(program(call, { license: 'MIT' }), 1).log).toBe(
      'cannot call kernel function from non-GPL compatible program\n',
    )
  })
})

describe('marks', () => {
  /** r0 = 0; may_goto +1; goto -2; if r0 == 0 goto +1; call helper 7; exit; call in front of it all. */
  test('prune points, jump points, forced checkpoints', () => {
    const prepared = ready(
      program(
        bytes(
          '8510000006000000 b700000000000000 e500010000000000 0500fdff00000000 1500010000000000' +
            '8500000007000000 9500000000000000 9500000000000000',
        ),
      ),
    )
    const slots = (marks: Uint8Array): number[] => [...marks].flatMap((mark, slot) => (mark === 1 ? [slot] : []))
    expect(slots(prepared.prunePoint)).toEqual([0, 1, 2, 4, 6, 7])
    expect(slots(prepared.jumpPoint)).toEqual([1, 4, 6, 7])
    expect(slots(prepared.forceCheckpoint)).toEqual([2])
    expect(prepared.subprograms.map(({ start, end }) => [start, end])).toEqual([
      [0, 7],
      [7, 8],
    ])
    expect([...prepared.subprogramOf]).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
  })
})

describe('functions', () => {
  /** r0 = 0; call +1; exit; the callee: a call of `insn`; exit */
  const calling = (insn: string, fields: Partial<LoadableProgram> = {}): Prepared =>
    ready(program(bytes(`b700000000000000 8510000001000000 9500000000000000 ${insn} 9500000000000000`), fields))

  test('names and linkage come from the program; without BTF all are static', () => {
    const subprograms = [
      { name: 'main', start: 0, linkage: 'global', params: undefined, typeId: 1 },
      { name: 'f', start: 3, linkage: 'global', params: [], typeId: 2 },
    ] as const
    const linkages = (btf: LoadableProgram['btf']): string[] =>
      calling('b700000000000000', { subprograms, btf }).subprograms.map(({ name, linkage }) => `${name} ${linkage}`)
    expect(linkages(undefined)).toEqual(['main static', 'f static'])
    expect(linkages({ types: [{ kind: 'void' }] })).toEqual(['main global', 'f global'])
  })

  test('effects are inherited by callers', () => {
    const sleeps = calling('85000000bf000000')
    expect(sleeps.effects.map(({ mightSleep }) => mightSleep)).toEqual([true, true])
    expect(sleeps.effects.map(({ changesPacket }) => changesPacket)).toEqual([false, false])
    expect(calling('8500000007000000').effects.map(({ mightSleep }) => mightSleep)).toEqual([false, false])
    expect(calling('8500000009000000').effects.map(({ changesPacket }) => changesPacket)).toEqual([true, true])
  })

  test('a sleepable kfunc is an effect', () => {
    const prototype = kfuncNamed('bpf_arena_free_pages')!
    const prepared = calling('8520000002000000', { bindings: new Map([[3, { kind: 'kfunc', prototype }]]) })
    expect(prepared.effects.map(({ mightSleep }) => mightSleep)).toEqual([true, true])
    expect(prepared.names.instructionText(3)).toBe('(85) call bpf_arena_free_pages#2')
    // Its three parameters are live, no more.
    expect(prepared.liveRegisters[3]).toBe(0b1110)
  })

  test('calls of synchronous callbacks', () => {
    const prepared = calling('85000000b5000000')
    expect([prepared.callsCallback[3], prepared.forceCheckpoint[3], prepared.jumpPoint[3]]).toEqual([1, 1, 1])
    expect(calling('8500000007000000').callsCallback[3]).toBe(0)
  })
})

test('tracing programs and what map values may hold', () => {
  const types = ['bpf_list_head', 'bpf_spin_lock', 'bpf_timer', 'bpf_wq', 'u64_box']
  const found = types.map((name) => {
    const inner = { kind: 'struct', name, size: 8, members: [] } as const
    const array = { kind: 'array', type: 1, indexType: 1, count: 2 } as const
    const members = [{ name: 'a', type: 2, offset: 0, bits: 0 }]
    const btf = {
      types: [{ kind: 'void' }, inner, array, { kind: 'struct', name: 'value', size: 16, members }],
    } as const
    const info = map('array', { btf, valueTypeId: 3 })
    return verdict(loads([{ kind: 'map', map: info }], { type: 'kprobe' }), 1).log
  })
  expect(found).toEqual([
    'tracing progs cannot use bpf_{list_head,rb_root} yet\n',
    'tracing progs cannot use bpf_spin_lock yet\n',
    'tracing progs cannot use bpf_timer yet\n',
    'tracing progs cannot use bpf_wq yet\n',
    '',
  ])
})

test('a million instructions in one loop', () => {
  const adds = decode(bytes('0700000001000000'.repeat(32_000)))
  const body = Array.from({ length: 31 }, () => adds).flat()
  const back = build(rowNamed('gotol'), { imm: -(body.length + 2) })
  // r0 = 0; the body; if r1 == 0 goto exit; gotol body; exit
  const [start, leave, exit] = decode(bytes('b700000000000000 1501010000000000 9500000000000000'))
  const insns = [start!, ...body, leave!, back, exit!]
  const prepared = ready(program(new Uint8Array(0), { insns }))
  expect(insns.length).toBeGreaterThan(990_000)
  expect(prepared.liveRegisters[1]).toBe(0b11)
  expect(prepared.component[1]).toBe(1)
  expect(prepared.component[0]).toBe(0)
})
