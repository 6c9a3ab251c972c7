/** Registers are set by hand; messages and results are what Linux 6.18.44 gave for the same calls. */
import { describe, expect, test } from 'vitest'
import { build, decode, type Instruction } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import { kfuncNamed } from '../program/kfuncs.ts'
import type { Binding, LoadableProgram, MapInfo } from '../program/loadable.ts'
import type { ParameterSpec } from '../program/object.ts'
import type { MapType } from '../program/types.ts'
import { callHelper } from './calls.ts'
import { callGlobal, setGlobalArguments } from './calls-global.ts'
import { Rejection, renderFailure } from './errors.ts'
import { SILENT } from './events.ts'
import { callKfunc } from './kfunc.ts'
import {
  MAP,
  OFF,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  TYPE,
  TypeFlag,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
} from './layout.ts'
import { LogBuffer } from './log.ts'
import { type Prepared, prepare } from './prepare.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { StackLiveness } from './stack-liveness.ts'
import { growStack, makeShared, makeState, registerAt, type SlotKind, type State, slotAt } from './state.ts'
import { registerText } from './text.ts'
import { frameText } from './text-state.ts'
import { transfer } from './transfer.ts'
import type { Walk } from './walk-env.ts'

function map(id: number, name: string, type: MapType, fields: Partial<MapInfo> = {}): MapInfo {
  const sizes = { keySize: 4, valueSize: 48, maxEntries: 4 }
  const rest = { flags: 0, extra: 0n, btf: undefined, keyTypeId: 0, valueTypeId: 0, frozen: undefined }
  return { id, name, type, ...sizes, ...rest, address: 0n, valueAddress: 0n, userStart: 0x1000n, ...fields }
}

/** In the order of the MAP word, from 1. */
const MAPS = [
  map(1, 'arr', 'array'),
  map(2, 'h', 'hash', { keySize: 8, valueSize: 16 }),
  map(3, 'ar', 'arena', { keySize: 0, valueSize: 0 }),
  map(4, 'ro', 'array', { flags: 0x80 }),
  map(5, 'q', 'queue', { keySize: 0 }),
]
const [ARR, HASH, ARENA, READ_ONLY, QUEUE] = [1, 2, 3, 4, 5]

const CODE = decode(
  Uint8Array.from({ length: 16 * MAPS.length }, (_, i) => (i % 16 === 0 ? 0x18 : i % 16 === 1 ? 0x11 : 0)),
)
const EXIT = build(rowNamed('exit'))

function program(fields: Partial<LoadableProgram> = {}): LoadableProgram {
  const bindings = new Map<number, Binding>(MAPS.map((info, i) => [2 * i, { kind: 'map', map: info }]))
  const own = { name: 'p', type: 'syscall', flags: 0, license: 'GPL', insns: [...CODE, EXIT], lines: [] } as const
  return { ...own, bindings, subprograms: [], btf: undefined, ...fields }
}

function makeWalk(prepared: Prepared, implemented?: ReadonlySet<number>): Walk {
  const flow = {
    shape: () => ({ start: 0, end: prepared.cfg.size, postorder: prepared.postorders[0]! }),
    successors: () => [],
    isPrunePoint: () => false,
    callsCallback: () => false,
  }
  const precision = {
    insns: prepared.program.insns,
    sink: SILENT,
    isGlobal: () => false,
    callsCallback: () => false,
    isTailCall: () => false,
  }
  return {
    prepared,
    insns: prepared.program.insns,
    transfer,
    sink: SILENT,
    precision,
    liveness: new StackLiveness(flow, undefined),
    implementedHelpers: implemented,
    cpus: 2,
    stackDepths: new Int32Array(4),
    maxContext: 0,
    pending: [],
    entry: undefined,
  } as Partial<Walk> as Walk
}

/** Sets up a register: a number is a constant, `?` an unknown scalar. */
type Value =
  | number
  | '?'
  | 'unset'
  | 'ctx'
  | 'arena'
  | { readonly map: number }
  | { readonly value: number; readonly off?: number; readonly maybeNull?: boolean }
  | { readonly fp: number }
  | { readonly upTo: number; readonly from?: number }

function setRegister(state: State, n: number, value: Value): void {
  const { words } = state.frames[0]!
  const at = registerAt(n)
  makeConst(words, at, 0, 0)
  if (value === 'unset') words[at + TYPE] = RegType.NOT_INIT
  else if (value === '?') makeUnknown(words, at)
  else if (typeof value === 'number') makeConst(words, at, value | 0, value < 0 ? -1 : Math.floor(value / 2 ** 32))
  else if (value === 'ctx') words[at + TYPE] = RegType.CTX
  else if (value === 'arena') words[at + TYPE] = RegType.ARENA
  else if ('map' in value) {
    words[at + TYPE] = RegType.CONST_MAP_PTR
    words[at + MAP] = value.map
  } else if ('value' in value) {
    words[at + TYPE] = RegType.MAP_VALUE | (value.maybeNull === true ? TypeFlag.MAYBE_NULL : 0)
    words[at + MAP] = value.value
    words[at + OFF] = value.off ?? 0
  } else if ('fp' in value) {
    words[at + TYPE] = RegType.STACK
    words[at + OFF] = value.fp
  } else {
    makeUnknown(words, at)
    for (const where of [UMIN_LO, SMIN_LO]) words.set([value.from ?? 0, 0], at + where)
    for (const where of [UMAX_LO, SMAX_LO]) words.set([value.upTo, 0], at + where)
    for (const where of [U32MIN, S32MIN]) words[at + where] = value.from ?? 0
    for (const where of [U32MAX, S32MAX]) words[at + where] = value.upTo
    sync(words, at)
  }
}

function makeRegisters(values: readonly Value[]): State {
  const state = makeState(makeShared(), 0, 0, true)
  for (const [i, value] of values.entries()) setRegister(state, i + 1, value)
  setRegister(state, 10, { fp: 0 })
  return state
}

/** Bytes of slot 0, highest address first, as the log writes them; a spill holds `saved`. */
function setStack(state: State, kinds: string, saved = 0): void {
  const frame = state.frames[0]!
  growStack(frame, 1)
  const letters: Readonly<Record<string, SlotKind>> = { '?': 0, r: 1, m: 2, '0': 3, d: 4 }
  for (let k = 0; k < 8; k++) frame.kinds[k] = letters[kinds[k]!]!
  if (kinds.includes('r')) makeConst(frame.words, slotAt(0), saved, 0)
}

/** The message and errno of a refusal, or r0 afterwards. */
function outcome(run: () => void, state: State): string {
  try {
    run()
    const { words } = state.frames[0]!
    if (words[TYPE] === RegType.NOT_INIT) return 'unset'
    return registerText(words, 0, 0, { maps: MAPS, structName: String })
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return `${error.failure.errno} ${renderFailure(error.failure)}`
  }
}

const call = (imm: number): Instruction => build(rowNamed('call_helper'), { imm })
const ready = (fields?: Partial<LoadableProgram>): Prepared => prepare(program(fields), new LogBuffer(0))

function helper(id: number, values: readonly Value[], options: { state?: State; walk?: Walk } = {}): string {
  const state = options.state ?? makeRegisters(values)
  for (const [i, value] of values.entries()) setRegister(state, i + 1, value)
  return outcome(() => callHelper(options.walk ?? makeWalk(ready()), state, call(id)), state)
}

const MEMORY = 'fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_'
const [LOOKUP, UPDATE, DELETE, KTIME, PRINTK, CPU] = [1, 2, 3, 5, 6, 8]

describe('which helpers', () => {
  test.each<[number, string]>([
    [9999, 'EINVAL invalid func unknown#9999'],
    [-1, 'EINVAL invalid func unknown#-1'],
    [212, 'EINVAL invalid func unknown#212'],
    [0, 'EINVAL program of this type cannot use helper bpf_unspec#0'],
    [51, 'EINVAL program of this type cannot use helper bpf_redirect_map#51'],
    [KTIME, 'scalar()'],
    [CPU, 'scalar(smin=smin32=0,smax=umax=smax32=umax32=1,var_off=(0x0; 0x1))'],
  ])('%i', (id, expected) => {
    expect(helper(id, [])).toBe(expected)
  })

  test('GPL only ones need a GPL program', () => {
    const walk = makeWalk(ready({ license: 'MIT' }))
    expect(helper(PRINTK, [{ fp: -8 }, 8], { walk })).toBe(
      'EINVAL cannot call GPL-restricted function from non-GPL compatible program',
    )
    // Which helpers the program type has comes first.
    expect(helper(56, [], { walk })).toBe('EINVAL program of this type cannot use helper bpf_perf_prog_read_value#56')
  })

  test('what Linux accepts and no engine has is refused by name', () => {
    const walk = makeWalk(ready(), new Set([KTIME]))
    expect(helper(KTIME, [], { walk })).toBe('scalar()')
    expect(helper(14, [], { walk })).toBe('EOPNOTSUPP harena does not implement bpf_get_current_pid_tgid')
    expect(helper(51, [], { walk })).toMatch(/^EINVAL program of this type/)
    expect(helper(131, [{ map: ARR }, 8, 0])).toMatch(/harena does not implement bpf_ringbuf_reserve/)
  })

  test('none under a lock', () => {
    const state = makeRegisters([])
    state.activeLocks = 1
    expect(helper(9999, [], { state })).toBe('EINVAL function calls are not allowed while holding a lock')
  })
})

describe('map arguments', () => {
  test.each<[string, number, readonly Value[], string]>([
    ['no map', LOOKUP, ['ctx', { fp: -8 }], 'EACCES R1 type=ctx expected=map_ptr'],
    ['unset', LOOKUP, ['unset', { fp: -8 }], 'EACCES R1 !read_ok'],
    ['key unset', LOOKUP, [{ map: ARR }, 'unset'], 'EACCES R2 !read_ok'],
    ['key a scalar', LOOKUP, [{ map: ARR }, 0], `EACCES R2 type=scalar expected=${MEMORY}`],
    ['key in the arena', LOOKUP, [{ map: ARR }, 'arena'], `EACCES R2 type=arena expected=${MEMORY}`],
    [
      'key maybe null',
      LOOKUP,
      [{ map: ARR }, { value: ARR, maybeNull: true }],
      `EACCES R2 type=map_value_or_null expected=${MEMORY}`,
    ],
    ['key above fp', LOOKUP, [{ map: ARR }, { fp: -2 }], 'EINVAL invalid read from stack R2 off=-2 size=4'],
    ['key at fp', LOOKUP, [{ map: ARR }, { fp: 0 }], 'EACCES invalid read from stack R2 off=0 size=4'],
    ['arena has no keys', LOOKUP, [{ map: ARENA }, { fp: -8 }], 'EACCES invalid zero-sized read'],
    ['queue has no keys', DELETE, [{ map: QUEUE }, { fp: -8 }], 'EACCES invalid zero-sized read'],
    ['hash', LOOKUP, [{ map: HASH }, { fp: -8 }], 'map_value_or_null(id=1,map=h,ks=8,vs=16)'],
    ['key in a value', LOOKUP, [{ map: HASH }, { value: ARR, off: 40 }], 'map_value_or_null(id=1,map=h,ks=8,vs=16)'],
    [
      'key past a value',
      LOOKUP,
      [{ map: HASH }, { value: ARR, off: 44 }],
      'EACCES invalid access to map value, value_size=48 off=44 size=8\nR2 min value is outside of the allowed memory range',
    ],
    ['update', UPDATE, [{ map: HASH }, { fp: -8 }, { value: ARR }, 0], 'scalar()'],
    [
      'value too small',
      UPDATE,
      [{ map: ARR }, { fp: -8 }, { fp: -8 }, 0],
      'EINVAL invalid read from stack R3 off=-8 size=48',
    ],
    ['flags unset', UPDATE, [{ map: HASH }, { fp: -8 }, { fp: -16 }, 'unset'], 'EACCES R4 !read_ok'],
    ['flags any pointer', UPDATE, [{ map: HASH }, { fp: -8 }, { fp: -16 }, 'ctx'], 'scalar()'],
    ['read-only map', UPDATE, [{ map: READ_ONLY }, { fp: -8 }, { fp: -48 }, 0], 'EACCES write into map forbidden'],
    ['look-up in one', LOOKUP, [{ map: READ_ONLY }, { fp: -8 }], 'map_value_or_null(id=1,map=ro,ks=4,vs=48)'],
    ['context moved', 17, [], 'scalar()'],
  ])('%s', (_name, id, values, expected) => {
    expect(helper(id, values)).toBe(expected)
  })
})

describe('keys that are known', () => {
  test.each<[string, string, number, number, string]>([
    ['zero bytes', '0000????', 0, -4, 'map_value(map=arr,ks=4,vs=48)'],
    ['zeros too few', '00??????', 0, -4, 'map_value_or_null(id=1,map=arr,ks=4,vs=48)'],
    ['some bytes', 'mmmm????', 0, -4, 'map_value_or_null(id=1,map=arr,ks=4,vs=48)'],
    ['a constant of the key’s size', '????rrrr', 3, -8, 'map_value(map=arr,ks=4,vs=48)'],
    ['past the last entry', '????rrrr', 4, -8, 'map_value_or_null(id=1,map=arr,ks=4,vs=48)'],
    ['eight bytes saved, key at their low end', 'rrrrrrrr', 0, -8, 'map_value_or_null(id=1,map=arr,ks=4,vs=48)'],
    ['eight bytes saved, key at their high end', 'rrrrrrrr', 3, -4, 'map_value(map=arr,ks=4,vs=48)'],
    ['negative', '????rrrr', -1, -8, 'map_value_or_null(id=1,map=arr,ks=4,vs=48)'],
  ])('%s', (_name, kinds, saved, off, expected) => {
    const state = makeRegisters([])
    setStack(state, kinds, saved)
    expect(helper(LOOKUP, [{ map: ARR }, { fp: off }], { state })).toBe(expected)
  })

  test('not in a hash', () => {
    const state = makeRegisters([])
    setStack(state, '00000000')
    expect(helper(LOOKUP, [{ map: HASH }, { fp: -8 }], { state })).toBe('map_value_or_null(id=1,map=h,ks=8,vs=16)')
  })
})

describe('memory and its size', () => {
  test.each<[string, readonly Value[], string]>([
    ['known', [{ fp: -8 }, 8], 'scalar()'],
    ['bounded', [{ fp: -8 }, { upTo: 8, from: 1 }], 'scalar()'],
    ['too large', [{ fp: -8 }, 9], 'EINVAL invalid read from stack R1 off=-8 size=9'],
    ['zero', [{ fp: -8 }, 0], 'EACCES R2 invalid zero-sized read: u64=[0,0]'],
    ['maybe zero', [{ fp: -8 }, { upTo: 8 }], 'EACCES R2 invalid zero-sized read: u64=[0,8]'],
    ['negative', [{ fp: -8 }, -1], "EACCES R2 min value is negative, either use unsigned or 'var &= const'"],
    ['unknown', [{ fp: -8 }, '?'], "EACCES R2 min value is negative, either use unsigned or 'var &= const'"],
    [
      'unbounded',
      [{ fp: -8 }, { upTo: 2 ** 29, from: 1 }],
      "EACCES R2 unbounded memory access, use 'var &= const' or 'if (var < const)'",
    ],
    ['size a pointer', [{ fp: -8 }, 'ctx'], 'EACCES R2 type=ctx expected=scalar'],
    ['memory a context', ['ctx', 8], `EACCES R1 type=ctx expected=${MEMORY}`],
    ['memory null', [0, 8], `EACCES R1 type=scalar expected=${MEMORY}`],
    ['value', [{ value: ARR }, 48], 'scalar()'],
    [
      'value too small',
      [{ value: ARR }, 49],
      'EACCES invalid access to map value, value_size=48 off=0 size=49\nR1 min value is outside of the allowed memory range',
    ],
  ])('%s', (_name, values, expected) => {
    expect(helper(PRINTK, values)).toBe(expected)
  })

  test('bytes of a dynptr cannot be read', () => {
    const state = makeRegisters([])
    setStack(state, 'mmmmdddd')
    expect(helper(PRINTK, [{ fp: -8 }, 8], { state })).toBe('EACCES invalid read from stack R1 off -8+0 size 8')
  })

  test('what is read keeps its content', () => {
    const state = makeRegisters([])
    setStack(state, 'rrrrrrrr', 5)
    expect(helper(PRINTK, [{ fp: -8 }, 8], { state })).toBe('scalar()')
    expect(frameText(state, state.frames[0]!, { maps: MAPS, structName: String })).toBe(' R0=scalar() R10=fp0 fp-8=5')
  })

  test('output of a known size overwrites what was saved there, of an unknown one all that it may', () => {
    const cases: readonly [Value, string][] = [
      [4, ' R0=scalar() R10=fp0 fp-8=mmmmmmmm'],
      [{ upTo: 8, from: 1 }, ' R0=scalar() R10=fp0 fp-8=mmmmmmmm'],
    ]
    for (const [size, expected] of cases) {
      const state = makeRegisters([])
      setStack(state, 'rrrrrrrr', 5)
      expect(helper(16, [{ fp: -8 }, size], { state })).toBe('scalar()')
      expect(frameText(state, state.frames[0]!, { maps: MAPS, structName: String })).toBe(expected)
    }
    expect(helper(16, [{ fp: -8 }, 9])).toBe('EINVAL invalid write to stack R1 off=-8 size=9')
  })
})

test('r0 to r5 are gone after a call, r6 to r9 stay', () => {
  const state = makeRegisters([1, 2, 3, 4, 5, 6, 7, 8, 9])
  callHelper(makeWalk(ready()), state, call(KTIME))
  expect(frameText(state, state.frames[0]!, { maps: MAPS, structName: String })).toBe(
    ' R0=scalar() R6=6 R7=7 R8=8 R9=9 R10=fp0',
  )
  expect(state.shared.scratch.registers).toBe(0x3f)
})

test('results of string helpers are bounded by the size', () => {
  const state = makeRegisters([])
  expect(helper(115, [{ fp: -8 }, { upTo: 8, from: 1 }, 0], { state })).toBe('scalar(smin=smin32=-4095,smax=smax32=8)')
  const { words } = state.frames[0]!
  expect([words[SMAX_LO], words[S32MAX], words[U32MAX]]).toEqual([8, 8, -1])
})

describe('kfuncs', () => {
  const names = ['bpf_arena_alloc_pages', 'bpf_arena_free_pages', 'bpf_arena_reserve_pages'] as const
  function kfunc(name: string, values: readonly Value[], change?: (state: State) => void): string {
    const slot = CODE.length
    const prototype = kfuncNamed(name)
    const insn = build(rowNamed('call_kfunc'), { imm: prototype?.id ?? 99 })
    const binding: Binding = prototype ? { kind: 'kfunc', prototype } : { kind: 'unknown-kfunc', name }
    const base = program()
    const bindings = new Map([...base.bindings, [slot, binding] as const])
    const walk = makeWalk(ready({ insns: [...CODE, insn, EXIT], bindings }))
    const state = makeRegisters(values)
    state.slot = slot
    change?.(state)
    return outcome(() => callKfunc(walk, state, insn), state)
  }

  test.each<[string, readonly Value[], string]>([
    ['allocation', [{ map: ARENA }, 0, '?', -1, 0], 'scalar()'],
    ['any map', [{ map: ARR }, 0, 1, -1, 0], 'scalar()'],
    ['ignored arguments may be unset', [{ map: ARENA }, 'unset', 1, -1, 0], 'scalar()'],
    ['null', [0, 0, 1, -1, 0], 'EACCES Possibly NULL pointer passed to trusted arg0'],
    [
      'maybe null',
      [{ value: ARR, maybeNull: true }, 0, 1, -1, 0],
      'EACCES Possibly NULL pointer passed to trusted arg0',
    ],
    ['arena pointer', ['arena', 0, 1, -1, 0], "EINVAL pointer in R1 isn't map pointer"],
    ['context', ['ctx', 0, 1, -1, 0], "EINVAL pointer in R1 isn't map pointer"],
    ['map value', [{ value: ARR }, 0, 1, -1, 0], 'EINVAL R1 must be referenced or trusted'],
    ['count a pointer', [{ map: ARENA }, 0, 'ctx', -1, 0], 'EINVAL R3 is not a scalar'],
    ['count unset', [{ map: ARENA }, 0, 'unset', -1, 0], 'EINVAL R3 is not a scalar'],
  ])('%s', (_name, values, expected) => {
    expect(kfunc(names[0], values)).toBe(expected)
  })

  test('results', () => {
    expect(kfunc(names[1], [{ map: ARENA }, 'arena', 1])).toBe('unset')
    expect(kfunc(names[2], [{ map: ARENA }, 'arena', 1])).toBe('scalar()')
  })

  test('where they may be called', () => {
    const values: Value[] = [{ map: ARENA }, 0, 1, -1, 0]
    expect(kfunc(names[0], values, (state) => (state.inSleepable = false))).toBe(
      'EACCES program must be sleepable to call sleepable kfunc bpf_arena_alloc_pages',
    )
    expect(kfunc(names[0], values, (state) => (state.activeLocks = 1))).toBe(
      'EINVAL function calls are not allowed while holding a lock',
    )
    expect(kfunc('bpf_throw', [])).toBe('EOPNOTSUPP harena does not implement bpf_throw')
  })
})

describe('global functions', () => {
  const params = [
    { name: 'ctx', type: 'ctx', tags: [] },
    { name: 'a', type: 'u32', tags: [] },
    { name: 'p', type: 'ptr item', tags: [] },
    { name: 'n', type: 'ptr u64', tags: ['nonnull'] },
    { name: 'q', type: 'arena', tags: [] },
  ]
  const btf = { types: [{ kind: 'void' }, { kind: 'struct', name: 'item', size: 16, members: [] }] } as const

  /** A program with one global function, `f`, behind it. */
  function withGlobal(declared: readonly ParameterSpec[] = params): Walk {
    const own = { name: 'p', start: 0, linkage: 'static', params: undefined, typeId: 0 } as const
    const f = { name: 'f', start: CODE.length + 2, linkage: 'global', params: declared, typeId: 0 } as const
    const insns = [...CODE, build(rowNamed('call_local'), { imm: 1 }), EXIT, EXIT]
    return makeWalk(ready({ insns, btf, subprograms: [own, f] }))
  }
  function called(values: readonly Value[], walk = withGlobal()): string {
    const state = makeRegisters(values)
    return outcome(() => callGlobal(walk, state, 1), state)
  }
  const fits: Value[] = ['ctx', 1, { fp: -16 }, { value: ARR }, 'arena']
  const caller = "Caller passes invalid args into func#1 ('f')"

  test.each<[string, readonly Value[], string]>([
    ['fitting', fits, 'scalar()'],
    ['null, scalar for the arena', ['ctx', 1, 0, { fp: -8 }, '?'], 'scalar()'],
    ['no context', ['arena', 1, 0, { fp: -8 }, 0], `EINVAL arg#0 expects pointer to ctx\n${caller}`],
    ['scalar unset', ['ctx', 'unset', 0, { fp: -8 }, 0], `EINVAL R2 is not a scalar\n${caller}`],
    ['arena for memory', ['ctx', 1, 'arena', { fp: -8 }, 0], `EINVAL R3 type=arena expected=fp\n${caller}`],
    ['too small', ['ctx', 1, { fp: -8 }, { fp: -8 }, 0], `EINVAL invalid read from stack R3 off=-8 size=16\n${caller}`],
    [
      'read-only',
      ['ctx', 1, { value: READ_ONLY }, { fp: -8 }, 0],
      `EINVAL write into map forbidden, value_size=48 off=0 size=16\n${caller}`,
    ],
    [
      'maybe null',
      ['ctx', 1, { value: ARR, maybeNull: true }, { value: ARR, maybeNull: true }, 0],
      `EINVAL arg#3 is expected to be non-NULL\n${caller}`,
    ],
    ['context for memory', ['ctx', 1, 'ctx', { fp: -8 }, 0], 'scalar()'],
    ['no arena', ['ctx', 1, 0, { fp: -8 }, 'ctx'], `EINVAL R5 is not a pointer to arena or scalar.\n${caller}`],
    ['null for nonnull', ['ctx', 1, 0, 0, 0], 'EOPNOTSUPP harena does not implement null for a nonnull parameter'],
  ])('%s', (_name, values, expected) => {
    expect(called(values)).toBe(expected)
  })

  test('memory handed over may have been written', () => {
    const state = makeRegisters(['ctx', 1, 0, { fp: -8 }, 0])
    setStack(state, 'rrrrrrrr', 5)
    callGlobal(withGlobal(), state, 1)
    expect(frameText(state, state.frames[0]!, { maps: MAPS, structName: String })).toBe(
      ' R0=scalar() R10=fp0 fp-8=mmmmmmmm',
    )
  })

  test('what the function starts with', () => {
    const { prepared } = withGlobal()
    const state = makeRegisters([])
    setGlobalArguments(prepared, state, 1)
    expect(frameText(state, state.frames[0]!, { maps: MAPS, structName: String })).toBe(
      ' R1=ctx() R2=scalar() R3=mem_or_null(id=1,sz=16) R4=mem(sz=8) R5=scalar() R10=fp0',
    )
  })

  test.each<[readonly ParameterSpec[], string]>([
    [[{ name: 'a', type: 'u32', tags: ['nonnull'] }], 'EINVAL arg#0 has pointer tag, but is not a pointer type'],
    [[{ name: 'a', type: 'ptr item', tags: ['odd'] }], 'EOPNOTSUPP arg#0 has unsupported set of tags'],
    [[{ name: 'a', type: 'ptr item', tags: ['nullable'] }], 'EINVAL arg#0 has invalid combination of tags'],
    [[{ name: 'a', type: 'ctx', tags: ['nonnull'] }], 'EINVAL arg#0 has invalid combination of tags'],
    [[{ name: 'a', type: 'arena', tags: ['nonnull'] }], 'EINVAL arg#0 arena cannot be combined with any other tags'],
    [[...params, { name: 'f', type: 'u8', tags: [] }], 'EINVAL Global function f() with 6 > 5 args. Buggy compiler.'],
  ])('declaration %#: %j', (declared, text) => {
    expect(called([], withGlobal(declared))).toBe(`${text}\n${caller}`)
  })

  test('not from where it may not sleep, nor under a lock; arguments come last', () => {
    const call = build(rowNamed('call_kfunc'), { imm: 1 })
    const base = withGlobal().prepared.program
    const insns = [...base.insns.slice(0, -1), call, EXIT]
    const prototype = kfuncNamed('bpf_arena_alloc_pages')!
    const bindings = new Map([...base.bindings, [insns.length - 2, { kind: 'kfunc', prototype }] as const])
    const walk = makeWalk(ready({ ...base, insns, bindings }))
    const state = makeRegisters([])
    state.inSleepable = false
    expect(outcome(() => callGlobal(walk, state, 1), state)).toMatch(/^EINVAL global functions that may sleep/)
    state.activeLocks = 1
    expect(outcome(() => callGlobal(walk, state, 1), state)).toMatch(/while holding a lock,\nuse static function/)
  })
})
