/** The kernel as a machine: what it does as harena's own does, what it refuses, what it gives back. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { assemble, HarenaError, linkRaw, VerifierError } from '../index.ts'
import { build, secondHalf } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import { MAP_FLAGS, type MapType } from '../program/types.ts'
import { LinuxMachine } from './machine.ts'
import { type EitherObject, onBoth, outcome, skipWithoutKernel } from './testing.ts'

/** Runs with a machine that is closed afterwards. */
function withMachine<T>(work: (machine: LinuxMachine) => T): T {
  const machine = new LinuxMachine()
  try {
    return work(machine)
  } finally {
    machine.close()
  }
}

const COUNTS = `
    .map hits type=array key=4 value=8 entries=3
    .map wide type=array key=4 value=12 entries=1
    .global total: u64 = 40
    .global name: u8[5]
    .program add type=syscall
        r2 = *(u64 *)(r1 + 0)
        r3 = r2
        r3 += 1
        *(u64 *)(r1 + 0) = r3
        r1 = total ll
        r0 = *(u64 *)(r1 + 0)
        r0 += r2
        *(u64 *)(r1 + 0) = r0
        exit
    .program nothing type=syscall
        r0 = -1
        exit
`

const ctx8 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer)

/** What is asked of both machines, and must come out alike. */
const ALIKE: readonly (readonly [what: string, work: (object: EitherObject) => unknown])[] = [
  ['the low half of r0', (object) => object.program('nothing').run().retval],
  [
    'a context, there and back',
    (object) => {
      const ctx = ctx8(2n)
      return [object.program('add').run({ ctx }).retval, ctx, object.global('total').get()]
    },
  ],
  [
    'a context repeated',
    (object) => {
      const ctx = ctx8(2n)
      return [object.program('add').run({ ctx, repeat: 5 }).retval, ctx]
    },
  ],
  ['the context in the result', (object) => object.program('add').run({ ctx: ctx8(9n) }).ctx],
  ['a context too small', (object) => object.program('add').run({ ctx: new Uint8Array(4) })],
  ['no context', (object) => object.program('add').run()],
  ['a context too large', (object) => object.program('add').run({ ctx: new Uint8Array(65_536) })],
  ['data for a syscall program', (object) => object.program('add').run({ ctx: ctx8(0n), data: new Uint8Array(64) })],
  ['a repeat of 0', (object) => object.program('nothing').run({ repeat: 0 })],
  ['on a CPU', (object) => object.program('nothing').run({ cpu: 0 }).retval],
  [
    'a global',
    (object) => {
      object.global('total').set(-1n)
      return [object.global('total').get(), object.global('total').bytes(), object.global('total').size]
    },
  ],
  [
    'a global of bytes',
    (object) => {
      object.global('name').set(Uint8Array.of(1, 2, 3, 4, 5))
      return object.global('name').bytes()
    },
  ],
  ['a global of bytes as a number', (object) => object.global('name').get()],
  ['a number too large for a global', (object) => object.global('total').set(1n << 64n)],
  ['a missing global', (object) => object.global('totl')],
  [
    'map values',
    (object) => {
      const map = object.map('hits')
      map.set(0, 7n)
      map.set(2, 2n ** 64n - 1n, 'exist')
      return [[...map.entries()], [...map.keys()], map.get(2), map.getBytes(0), map.has(1), map.has(3)]
    },
  ],
  [
    'values of 12 bytes',
    (object) => {
      object.map('wide').set(
        0,
        Uint8Array.from({ length: 12 }, (_, i) => i),
      )
      return object.map('wide').get(0)
    },
  ],
  ['a value too short', (object) => object.map('wide').set(0, new Uint8Array(4))],
  ['an index beyond the end', (object) => object.map('hits').set(3, 1n)],
  ['reading beyond the end', (object) => object.map('hits').get(3)],
  ['an element that is there already', (object) => object.map('hits').set(0, 1n, 'noexist')],
  ['unknown flags', (object) => object.map('hits').set(0, 1n, 'any') ?? object.map('hits').delete(0)],
  [
    'a frozen map',
    (object) => {
      const map = object.map('hits')
      map.freeze()
      return [map.get(0), outcome(() => map.set(0, 1n)), outcome(() => map.freeze())]
    },
  ],
  ['mmap of an array', (object) => object.map('hits').mmap()],
]

describe('as on harena', () => {
  test.for(ALIKE)('%s', ([, work], ctx) => {
    skipWithoutKernel(ctx)
    const [ours, kernels] = onBoth(COUNTS, (object) => outcome(() => work(object)))
    expect(kernels).toEqual(ours)
  })

  test('read-only data', (ctx) => {
    skipWithoutKernel(ctx)
    const source = `
      .section .rodata,"a",@progbits
      .globl limit
      limit: .quad 5
      .text
      .program main type=syscall
        r1 = limit ll
        r0 = *(u64 *)(r1 + 0)
        exit
    `
    const [ours, kernels] = onBoth(source, (object) => [
      object.program('main').run().retval,
      object.global('limit').get(),
      outcome(() => object.global('limit').set(6n)),
    ])
    expect(kernels).toEqual(ours)
  })

  test('functions with BTF: parameters, callbacks, globals', (ctx) => {
    skipWithoutKernel(ctx)
    const source = `
      .struct pair
          a: u64
          b: u64
      .end
      .global value: pair
      .program main type=syscall
          r1 = 20
          r2 = value ll
          call twice
          exit
      .func twice(a: u32, p: ptr pair nonnull) global
          w0 = w1
          w0 += w1
          r3 = 3
          *(u64 *)(r2 + 8) = r3
          exit
    `
    const [ours, kernels] = onBoth(source, (object) => [
      object.program('main').run().retval,
      object.global('value').bytes(),
    ])
    expect(kernels).toEqual(ours)
    expect(kernels[0]).toBe(40)
  })
})

test('global data with fields of the kernel in it, which is not mapped, is read and written all the same', (ctx) => {
  skipWithoutKernel(ctx)
  const source = `
      .struct item
          a: u64
      .end
      .struct holder
          count: u64
          item: ptr item kptr
      .end
      .global state: holder
      .global beside: u32
      .license "GPL"
      .program main type=syscall
          r1 = state ll
          r0 = *(u64 *)(r1 + 0)
          r0 += 1
          *(u64 *)(r1 + 0) = r0
          exit
  `
  withMachine((machine) => {
    const object = machine.load(assemble(source))
    object.global('beside').set(7)
    const state = new Uint8Array(16)
    state[0] = 41
    object.global('state').set(state)
    expect(object.program('main').run().retval).toBe(42)
    expect(object.global('state').bytes()[0]).toBe(42)
    expect(object.global('beside').get()).toBe(7n)
    machine.close()
    expect(() => object.global('beside').get()).toThrow('the machine is closed')
  })
})

test.for(['array', 'percpu_array', 'hash'] as const)(
  'a value with a type under a key that has a size only: %s',
  (type, ctx) => {
    skipWithoutKernel(ctx)
    const source = `
      .struct pair
          a: u64
          b: u32
      .end
      .map m type=${type} key=4 value=pair entries=2
      .global beside: pair
      .program main type=syscall
          r1 = m ll
          r1 = beside ll
          r0 = *(u64 *)(r1 + 0)
          exit
  `
    const spec = assemble(source)
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i)
    const [ours, kernels] = onBoth(source, (object) => {
      object.map('m').set(1, bytes)
      const value = object.map('m').get(1)
      return Array.isArray(value) ? value[0] : value
    })
    expect(kernels).toEqual(ours)
    expect(kernels).toEqual(bytes)
    withMachine((machine) => {
      const map = machine.createMap({ ...spec.maps.find(({ name }) => name === 'm')!, btf: spec.btf })
      map.set(1, bytes)
      expect(map.has(1)).toBe(true)
    })
  },
)

describe('refusals', () => {
  const REFUSED: readonly (readonly [what: string, source: string, errno: string, reason: string])[] = [
    ['by the verifier', '.program main type=syscall\n r0 = r3\n exit\n', 'EACCES', 'R3 !read_ok'],
    ['before the walk', '.program main type=syscall\n r0 = 0\n', 'EINVAL', 'last insn is not an exit or jmp'],
    [
      'of a kfunc',
      '.program main type=syscall\n call bpf_rcu_read_unlock\n r0 = 0\n exit\n',
      'EINVAL',
      'unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)',
    ],
  ]
  test.for(REFUSED)('%s', ([, source, errno, reason], ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      try {
        machine.load(assemble(source))
        expect.unreachable('it was accepted')
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error
        expect(error.errno).toBe(errno)
        expect(error.reason).toBe(reason)
        expect(error.log).toContain(error.reason)
      }
    })
  })

  test('before the verifier begins: no log, least of all that of another program', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const image = linkRaw([build(rowNamed('exit'))], { name: 'main', type: 'syscall' })
      expect(() => machine.loadProgram(image)).toThrow('R0 !read_ok')
      try {
        machine.loadProgram({ ...image, flags: 2 ** 30 })
        expect.unreachable('it was accepted')
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error
        expect([error.errno, error.reason, error.log, error.instruction]).toEqual(['EINVAL', '', '', undefined])
        expect(error.message).toBe('program main was rejected: EINVAL')
      }
    })
  })

  const call = (name: string) => ({
    ...linkRaw([build(rowNamed('call_kfunc')), build(rowNamed('exit'))], { name: 'main', type: 'syscall' }),
    references: [{ slot: 0, kind: 'kfunc' as const, name }],
  })

  test.for([
    ['bpf_mem_alloc', "bpf_mem_alloc is harena's own; Linux has no such kfunc"],
    ['bpf_nobody_has_this', 'this kernel has no function bpf_nobody_has_this'],
  ] as const)('of the kfunc %s, by name', ([name, reason], ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      try {
        machine.loadProgram(call(name))
        expect.unreachable('it was accepted')
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error
        expect({ errno: error.errno, reason: error.reason, at: error.instruction }).toEqual({
          errno: 'EOPNOTSUPP',
          reason,
          at: 0,
        })
      }
    })
  })

  test('of what only a simulated machine can do', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const object = assemble(COUNTS)
      expect(() => machine.load(object, { unchecked: true })).toThrow('engine linux cannot run a program unchecked')
      expect(() => machine.load(object, { memoryLimit: 1 })).toThrow('engine linux cannot limit what one object has')
      const program = machine.load(object).program('nothing')
      expect(() => program.run({ context: 'nmi' })).toThrow('engine linux cannot run a program in the context nmi')
      expect(() => program.run({ trace: () => undefined })).toThrow('engine linux cannot trace instructions')
      expect(() => program.run({ cpu: 8191 })).toThrow('this process may not run on CPU 8191')
    })
  })

  test.for([
    [{ cpus: 2 }, 'engine linux cannot take the option cpus, which is for simulated machines'],
    [{ seed: 1 }, 'engine linux cannot take the option seed, which is for simulated machines'],
    [{ sed: 1 }, 'a machine has no option sed; did you mean seed?'],
  ] as const)('of the option %j of a machine', ([options, message]) => {
    expect(() => new LinuxMachine(options as object as Record<string, never>)).toThrow(new HarenaError(message))
  })

  test('of what the allocators hold; time passes by itself', (ctx) => {
    skipWithoutKernel(ctx)
    const machine = new LinuxMachine()
    expect([machine.advance(1_000_000), machine.settle()]).toEqual([undefined, undefined])
    expect(() => machine.statistics()).toThrow(new HarenaError('engine linux cannot tell what the allocators hold'))
    machine.close()
    const closed = new HarenaError('the machine is closed')
    for (const use of [() => machine.advance(1), () => machine.settle(), () => machine.statistics()]) {
      expect(use).toThrow(closed)
    }
  })

  test('of a map, with the number', (ctx) => {
    skipWithoutKernel(ctx)
    const bad = '.map m type=array key=8 value=8 entries=1\n.program main type=syscall\n r0 = 0\n exit\n'
    withMachine((machine) => expect(() => machine.load(assemble(bad))).toThrow(/map m: .*: EINVAL$/u))
  })

  test('of BTF, with what the kernel says against it', (ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(COUNTS)
    const btf = { types: [{ kind: 'void' }, { kind: 'struct', name: '9', size: 0, members: [] }] } as const
    withMachine((machine) =>
      expect(() => machine.load({ ...object, btf })).toThrow(/BTF \(.*Invalid name.*\): EINVAL/u),
    )
  })
})

describe('the log', () => {
  const BRANCHES = `.program main type=syscall\n r0 = 0\n${' if r1 == 0 goto 1f\n r0 += 1\n1:\n'.repeat(1500)} exit\n`

  test('longer than the first buffer', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const { log } = machine.load(assemble(BRANCHES), { logLevel: 2 }).program('main')
      expect(log.length).toBeGreaterThan(2 ** 16)
      expect(log.startsWith('func#0 @0\n')).toBe(true)
      expect(log).toMatch(/^processed \d+ insns .*\n$/mu)
    })
  })

  test('level 0 has none, and a rejection a reason all the same', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      expect(machine.load(assemble(COUNTS), { logLevel: 0 }).program('add').log).toBe('')
      try {
        machine.load(assemble('.program main type=syscall\n exit\n'), { logLevel: 0 })
        expect.unreachable('it was accepted')
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error
        expect([error.log, error.reason, error.instruction]).toEqual(['', 'R0 !read_ok', 0])
      }
    })
  })

  test('level 4 gives the figures', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const { stats } = machine.load(assemble(COUNTS), { logLevel: 4 }).program('nothing')
      expect(stats).toEqual({ processed: 2, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepth: '0' })
    })
  })
})

describe('map types that harena does not have', () => {
  const base = { keySize: 4, valueSize: 8, maxEntries: 4, flags: 0, extra: 0n }
  const KEYLESS = { ...base, keySize: 0 }
  const TYPES: readonly (readonly [MapType, typeof base])[] = [
    ['hash', base],
    ['percpu_hash', base],
    ['lru_hash', base],
    ['lru_percpu_hash', base],
    ['percpu_array', base],
    ['prog_array', { ...base, valueSize: 4 }],
    ['perf_event_array', { ...base, valueSize: 4 }],
    ['lpm_trie', { ...base, keySize: 8, flags: MAP_FLAGS.no_prealloc }],
    ['queue', KEYLESS],
    ['stack', KEYLESS],
    ['bloom_filter', KEYLESS],
    ['ringbuf', { ...KEYLESS, valueSize: 0, maxEntries: 4096 }],
    ['user_ringbuf', { ...KEYLESS, valueSize: 0, maxEntries: 4096 }],
  ]
  test.for(TYPES)('%s is created', ([type, attributes], ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => expect(machine.createMap({ ...attributes, type, name: 'm' }).fd).toBeGreaterThan(2))
  })

  test('a hash', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const map = machine.createMap({ ...base, type: 'hash', name: 'm' })
      map.set(7, 1n, 'noexist')
      map.set(9, 2n)
      expect(new Map(map.entries())).toEqual(
        new Map([
          [7, 1n],
          [9, 2n],
        ]),
      )
      expect(() => map.set(7, 1n, 'noexist')).toThrow('EEXIST')
      expect(() => map.set(8, 1n, 'exist')).toThrow('ENOENT')
      expect([map.delete(7), map.delete(7), map.has(7), map.get(7)]).toEqual([true, false, false, undefined])
    })
  })

  test('values for each CPU', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const map = machine.createMap({ ...base, valueSize: 4, type: 'percpu_array', name: 'm' })
      const all = map.getBytes(0)!
      expect(all.length % 8).toBe(0)
      all[0] = 5
      map.set(0, all)
      expect(map.getBytes(0)).toEqual(all)
    })
  })

  test('a map of maps', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const inner = machine.createMap({ ...base, type: 'array', name: 'inner' })
      const outer = machine.createMap({ ...base, valueSize: 4, type: 'array_of_maps', name: 'outer' }, inner)
      outer.set(0, inner.fd)
      expect(outer.get(0)).toBeTypeOf('bigint')
    })
  })
})

describe('what is given back', () => {
  const descriptors = (): number => readdirSync('/proc/self/fd').length

  test('a closed machine holds no descriptor, and its handles say that it is closed', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine(() => undefined)
    const before = descriptors()
    const machine = new LinuxMachine()
    const object = machine.load(assemble(COUNTS))
    machine.close()
    machine.close()
    expect(descriptors()).toBe(before)
    for (const use of [
      () => machine.load(assemble(COUNTS)),
      () => object.program('add').run(),
      () => object.map('hits').get(0),
      () => object.map('hits').set(0, 1n),
      () => object.map('hits').freeze(),
      () => object.global('total').get(),
      () => object.global('total').set(1n),
    ]) {
      expect(use).toThrow(new HarenaError('the machine is closed'))
    }
  })

  test('an object is closed alone', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const before = descriptors()
      const object = machine.load(assemble(COUNTS, { file: 'one.bpf.s' }))
      const other = machine.load(assemble(COUNTS))
      const both = descriptors()
      object.close()
      object.close()
      expect(descriptors() - before).toBe((both - before) / 2)
      for (const use of [
        () => object.program('add').run(),
        () => object.map('hits').get(0),
        () => object.global('total').get(),
      ]) {
        expect(use).toThrow(new HarenaError('one.bpf.s is closed'))
      }
      other.program('add').run({ ctx: new Uint8Array(16) })
      expect(other.map('hits').get(0)).toBeDefined()
    })
  })

  test('a failed load leaves nothing behind', (ctx) => {
    skipWithoutKernel(ctx)
    withMachine((machine) => {
      const before = descriptors()
      expect(() => machine.load(assemble(`${COUNTS}\n.program bad type=syscall\n exit\n`))).toThrow(VerifierError)
      expect(descriptors()).toBe(before)
    })
  })
})

describe('where elements of maps come from is not to be chosen', () => {
  test.for([
    ['elements=ida', "map m: elements=ida is harena's own; Linux has no such choice: EOPNOTSUPP"],
    ['flags=no_prealloc alloc=pool', "map m: alloc=pool is harena's own; Linux has no such choice: EOPNOTSUPP"],
  ] as const)('%s', ([option, message], ctx) => {
    skipWithoutKernel(ctx)
    const source = `.alloc pool size=512\n.map m type=hash ${option}\n.program p type=syscall\n r0 = 0\n exit\n`
    withMachine((machine) => {
      expect(() => machine.load(assemble(source, { file: 'f.s' }))).toThrow(`f.s: ${message}`)
    })
  })
})

test('programs with packets', (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const source = `
    .program drop type=xdp
        r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r4 = r2
        r4 += 14
        if r4 > r3 goto 1f
        r5 = 0xab
        *(u8 *)(r2 + 0) = r5
      1:
        r0 = 1
        exit
  `
  withMachine((machine) => {
    const data = Uint8Array.from({ length: 64 }, (_, i) => i)
    const result = machine.load(assemble(source)).program('drop').run({ data, repeat: 3 })
    expect(result.retval).toBe(1)
    expect(result.durationNs).toBeTypeOf('number')
    expect(result.data).toEqual(data.with(0, 0xab))
  })
})

test('raw instructions with 64-bit constants', (ctx) => {
  skipWithoutKernel(ctx)
  const constant = build(rowNamed('ld_imm64'), { dst: 0, imm: 7, imm2: 1 })
  const image = linkRaw([constant, secondHalf(1), build(rowNamed('exit'))], { name: 'raw', type: 'syscall' })
  withMachine((machine) => expect(machine.loadProgram(image).run().retval).toBe(7))
})
