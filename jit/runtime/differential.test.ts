/** The runtime against its twins in TypeScript: any sequence of operations leaves the same answers and the same bytes. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { testCount, testSeed } from '../../check/seed.ts'
import { ATTACH_POINTS } from '../../cpu/points.ts'
import type { LoadOptions, MachineOptions } from '../../vm/options.ts'
import { Twins } from './twins.ts'

const RUNS: number = testCount(12, 120)

/** Offsets in the context. */
const KEY = 0
const COUNT = 8
const STRIDE = 16
const FLAGS = 24
const ANSWER = 32
const CTX_BYTES = 40

/** A program that does `body` up to COUNT times, with another key each time in r8, and mixes r0 into its answer. */
function program(name: string, body: string, { before = '', after = '' } = {}): string {
  return `
.program ${name} type=syscall
    r6 = r1
    r7 = *(u64 *)(r6 + ${COUNT})
    r8 = *(u64 *)(r6 + ${KEY})
    r9 = 0
    ${before}
next:
    may_goto end
    if r7 == 0 goto end
    r7 += -1
    ${body}
    r9 *= 31
    r9 += r0
    r1 = *(u64 *)(r6 + ${STRIDE})
    r8 += r1
    goto next
end:
    ${after}
    *(u64 *)(r6 + ${ANSWER}) = r9
    r0 = 0
    exit
`
}

const IRQS_OFF = {
  before: '*(u64 *)(r10 - 488) = 0\nr1 = r10\nr1 += -488\ncall bpf_local_irq_save',
  after: 'r1 = r10\nr1 += -488\ncall bpf_local_irq_restore',
}

interface MapShape {
  readonly map: string
  readonly key: number
  readonly value: number
}

/** Programs for a map `m`: its operations, and some of them in a row. */
function mapPrograms({ map, key, value }: MapShape): string {
  const keyAt = -80
  const valueAt = -480
  const zeros = (at: number, bytes: number): string =>
    Array.from({ length: Math.ceil(bytes / 8) }, (_, n) => `*(u64 *)(r10 - ${-(at + 8 * n)}) = 0`).join('\n')
  const before = `${zeros(keyAt, key)}\n${zeros(valueAt, value)}`
  const setKey = `
    *(u16 *)(r10 - ${-keyAt}) = r8
    *(u8 *)(r10 - ${-(keyAt + key - 1)}) = r8
    r1 = m ll
    r2 = r10
    r2 += ${keyAt}`
  const lookup = `${setKey}\ncall 1\nif r0 == 0 goto +1\nr0 = *(u8 *)(r0 + ${value - 1})`
  const update = `
    *(u8 *)(r10 - ${-valueAt}) = r7
    *(u8 *)(r10 - ${-(valueAt + value - 1)}) = r8
    ${setKey}
    r3 = r10
    r3 += ${valueAt}
    r4 = *(u64 *)(r6 + ${FLAGS})
    call 2`
  const remove = `${setKey}\ncall 3`
  return `
.map m ${map} key=${key} value=${value}
${program('lookup', lookup, { before })}
${program('update', update, { before })}
${program('delete', remove, { before })}
${program('churn', `${update}\n${remove}`, { before })}
${program('swap', `${update}\n${update}`, { before })}
${program('churn_irqs_off', `${remove}\n${update}`, {
  before: `${before}\n${IRQS_OFF.before}`,
  after: IRQS_OFF.after,
})}
`
}

type Step =
  | {
      readonly kind: 'run'
      readonly program: number
      readonly cpu: number
      readonly key: number
      readonly count: number
      readonly stride: number
      readonly flags: number
    }
  | { readonly kind: 'settle' | 'listen' | 'unlisten' }
  | { readonly kind: 'advance'; readonly ns: number }

function steps(cpus: number): fc.Arbitrary<Step[]> {
  const run: fc.Arbitrary<Step> = fc.record({
    kind: fc.constant('run' as const),
    program: fc.nat(),
    cpu: fc.nat(cpus - 1),
    key: fc.nat(40),
    count: fc.oneof(fc.constantFrom(1, 2, 3), fc.nat(150), fc.nat(600)),
    stride: fc.constantFrom(0, 1, 1, 3),
    flags: fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 2 ** 32),
  })
  const other: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constantFrom('settle' as const, 'settle' as const, 'listen' as const, 'unlisten' as const) }),
    fc.record({ kind: fc.constant('advance' as const), ns: fc.nat(50_000_000) }),
  )
  return fc.array(fc.oneof({ arbitrary: run, weight: 5 }, { arbitrary: other, weight: 1 }), { maxLength: 25 })
}

/** Runs sequences of the programs of `source` on both machines. */
function holds(
  source: string,
  options: MachineOptions = {},
  first: readonly Step[] = [],
  load: LoadOptions = {},
): void {
  const cpus = options.cpus ?? 1
  fc.assert(
    fc.property(steps(cpus), (sequence) => {
      const twins = new Twins(source, options, load)
      try {
        for (const step of [...first, ...sequence]) doStep(twins, step)
        twins.step('settle', ({ machine }) => machine.settle())
      } finally {
        twins.close()
      }
    }),
    { numRuns: RUNS, seed: testSeed(20_261_130) },
  )
}

function doStep(twins: Twins, step: Step): void {
  switch (step.kind) {
    case 'run': {
      const names = [...twins.sides[0]!.object.programs.keys()]
      const name = names[step.program % names.length]!
      const { cpu, key, count, stride, flags } = step
      twins.step(`${name} on CPU ${cpu}`, ({ object }) => {
        const ctx = new Uint8Array(CTX_BYTES)
        const view = new BigUint64Array(ctx.buffer)
        for (const [at, word] of [key, count, stride, flags].entries()) view[at] = BigInt(word)
        const { r0 } = object.program(name).run({ ctx, cpu })
        return [r0, view[ANSWER / 8]]
      })
      return
    }
    case 'settle':
      twins.step('settle', ({ machine }) => machine.settle())
      return
    case 'advance':
      twins.step('advance', ({ machine }) => machine.advance(step.ns))
      return
    case 'listen':
    case 'unlisten':
      twins.listen(step.kind === 'listen')
      return
    default:
      step satisfies never
  }
}

/** Structs whose objects hold nothing, something, and something far behind; `slot` holds one. */
const STRUCTS = `
.struct item
val: u64
more: u64[2]
.end
.struct node
val: u64
held: ptr item kptr
.end
.struct big
data: u8[600]
held: ptr item kptr
.end
.struct slot
held: ptr item kptr
other: ptr node kptr
.end
.map slots type=array key=4 value=slot entries=4
.map by_key type=hash key=4 value=slot entries=8
.map by_key_dynamic type=hash key=4 value=slot entries=8 flags=no_prealloc
.alloc pool size=40
.alloc large size=2000
`

const makeObject = (type: string): string => `r1 = ${type}.id\nr2 = 0\ncall bpf_obj_new\nif r0 == 0 goto end`
const DROP = 'r1 = r0\nr2 = 0\ncall bpf_obj_drop\nr0 = 0'

/** Puts r0, an item, into the field of the value under key r8, and drops what was there, or what cannot be put. */
function keep(map: string, field: string): string {
  const label = `${map}_${field}`
  return `
    *(u64 *)(r10 - 16) = r9
    r9 = r0
    r8 &= 3
    *(u32 *)(r10 - 4) = r8
    r1 = ${map} ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto none_${label}
    r1 = r0
    r1 += slot.${field}
    r2 = r9
    call bpf_kptr_xchg
    if r0 == 0 goto done_${label}
    r9 = r0
none_${label}:
    r1 = r9
    r2 = 0
    call bpf_obj_drop
done_${label}:
    r9 = *(u64 *)(r10 - 16)
    r0 = 1`
}

/** Makes a node that holds an item, and drops it. */
const NEST = `
    ${makeObject('node')}
    *(u64 *)(r10 - 16) = r9
    r9 = r0
    r1 = item.id
    r2 = 0
    call bpf_obj_new
    if r0 == 0 goto alone
    r1 = r9
    r1 += node.held
    r2 = r0
    call bpf_kptr_xchg
    if r0 == 0 goto alone
    ${DROP}
alone:
    r1 = r9
    r2 = 0
    call bpf_obj_drop
    r9 = *(u64 *)(r10 - 16)
    r0 = 2`

function cacheProgram(alloc: string): string {
  const take = `r1 = ${alloc} ll\ncall bpf_mem_cache_alloc`
  const give = `r1 = ${alloc} ll\nr2 = r0\ncall bpf_mem_cache_free\nr0 = 0`
  return (
    program(`take_${alloc}`, `${take}\nif r0 == 0 goto end\n${give}`) +
    program(`take_${alloc}_irqs_off`, `${take}\nif r0 == 0 goto end\n${give}`, IRQS_OFF)
  )
}

function mapOfSlots(map: string): string {
  const call = (id: number): string => `
    r8 &= 7
    *(u32 *)(r10 - 4) = r8
    r1 = ${map} ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -32
    r4 = 0
    call ${id}`
  const before = '*(u64 *)(r10 - 32) = 0\n*(u64 *)(r10 - 24) = 0'
  return program(`${map}_set`, call(2), { before }) + program(`${map}_delete`, call(3), { before })
}

const OBJECTS = [
  STRUCTS,
  // The first use of each type gives it its number, the compiler's too: in this order.
  ...['item', 'node', 'big'].map((type) => program(`${type}`, `${makeObject(type)}\n${DROP}`)),
  program('item_irqs_off', `${makeObject('item')}\n${DROP}`, IRQS_OFF),
  program('nest', NEST),
  ...['slots', 'by_key', 'by_key_dynamic'].map((map) => program(`keep_${map}`, makeObject('item') + keep(map, 'held'))),
  program('keep_node', makeObject('node') + keep('slots', 'other')),
  mapOfSlots('by_key'),
  mapOfSlots('by_key_dynamic'),
  cacheProgram('pool'),
  cacheProgram('large'),
].join('\n')

const POOL = '.alloc pool size=512\n'

describe('maps', () => {
  test.each<[what: string, shape: MapShape, options?: MachineOptions, more?: string]>([
    ['preallocated', { map: 'type=hash entries=16', key: 4, value: 8 }],
    ['preallocated, one entry', { map: 'type=hash entries=1', key: 4, value: 8 }],
    ['preallocated, 3 CPUs', { map: 'type=hash entries=40', key: 8, value: 24 }, { cpus: 3 }],
    ['odd sizes', { map: 'type=hash entries=20', key: 5, value: 13 }, { cpus: 2 }],
    ['long keys and values', { map: 'type=hash entries=20', key: 75, value: 200 }, { cpus: 2 }],
    ['values too long for the runtime', { map: 'type=hash entries=20', key: 17, value: 300 }],
    ['dynamic', { map: 'type=hash entries=16 flags=no_prealloc', key: 4, value: 8 }],
    ['dynamic, 3 CPUs', { map: 'type=hash entries=40 flags=no_prealloc', key: 12, value: 8 }, { cpus: 3 }],
    ['dynamic, 2 CPUs', { map: 'type=hash entries=140 flags=no_prealloc', key: 4, value: 8 }, { cpus: 2 }],
    ['dynamic, large elements', { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 255 }, { cpus: 2 }],
    ['dynamic on RT', { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 8 }, { cpus: 2, rt: true }],
    [
      'dynamic without self-interrupt',
      { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 8 },
      { cpus: 2, policies: { selfInterrupt: false } },
    ],
    [
      'dynamic, watermarks that move',
      { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 8 },
      { policies: { watermarks: 'adaptive' } },
    ],
    [
      'dynamic, sleepable programs ask the general allocator',
      { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 8 },
      { cpus: 2, policies: { sleepable: 'general-first' } },
    ],
    [
      'dynamic, slab of its own',
      { map: 'type=hash entries=100 flags=no_prealloc', key: 4, value: 8 },
      { policies: { slab: 'own' } },
    ],
    [
      'dynamic, little memory',
      { map: 'type=hash entries=1000 flags=no_prealloc', key: 4, value: 200 },
      { cpus: 2, memoryLimit: 2 ** 18 },
    ],
    [
      'dynamic, an allocator that others use',
      { map: 'type=hash entries=100 flags=no_prealloc alloc=pool', key: 4, value: 8 },
      { cpus: 2 },
      POOL,
    ],
    [
      'the same, counted by CPU',
      { map: 'type=hash entries=140 flags=no_prealloc alloc=pool', key: 4, value: 8 },
      { cpus: 2 },
      POOL,
    ],
    ['per CPU', { map: 'type=percpu_hash entries=20', key: 4, value: 12 }, { cpus: 3 }],
    ['per CPU, dynamic', { map: 'type=percpu_hash entries=20 flags=no_prealloc', key: 4, value: 12 }, { cpus: 3 }],
    ['another supply', { map: 'type=hash entries=20 elements=ida', key: 4, value: 12 }, { cpus: 2 }],
    ['LRU', { map: 'type=lru_hash entries=20', key: 4, value: 12 }, { cpus: 2 }],
    ['array', { map: 'type=array entries=20', key: 4, value: 13 }, { cpus: 2 }],
    ['array per CPU', { map: 'type=percpu_array entries=20', key: 4, value: 13 }, { cpus: 3 }],
    [
      'in debug mode',
      { map: 'type=hash entries=20 flags=no_prealloc', key: 4, value: 12 },
      { policies: { debug: true } },
    ],
  ])('%s', (_, shape, options, more = '') => {
    holds(more + mapPrograms(shape), options)
  })
})

/** Many elements at once: lists are trimmed while a grace period runs, and refilled from what waits for its end. */
test.each([1, 2])('many elements come and go, %i CPUs', (cpus) => {
  const twins = new Twins(mapPrograms({ map: 'type=hash entries=2000 flags=no_prealloc', key: 4, value: 16 }), { cpus })
  const names = [...twins.sides[0]!.object.programs.keys()]
  const many = (name: string, cpu: number, count: number): void =>
    doStep(twins, { kind: 'run', program: names.indexOf(name), cpu, key: 0, count, stride: 1, flags: 0 })
  for (let round = 0; round < 4; round++) {
    many('update', 0, 900)
    many('delete', round % cpus, 500)
    many('delete', 0, 900)
    many('update', cpus - 1, 300)
    if (round === 1) doStep(twins, { kind: 'advance', ns: 40_000_000 })
    if (round === 2) doStep(twins, { kind: 'settle' })
  }
  twins.close()
})

/** A program at an attach point works on the map that whoever passes is working on. */
const PROBE = `
.global hits: u64
.program probe type=kprobe
    r1 = hits ll
    r6 = *(u64 *)(r1 + 0)
    r6 += 1
    *(u64 *)(r1 + 0) = r6
    *(u64 *)(r10 - 8) = r6
    *(u64 *)(r10 - 16) = 0
    *(u64 *)(r10 - 24) = 0
    r6 &= 63
    *(u32 *)(r10 - 16) = r6
    r1 = m ll
    r2 = r10
    r2 += -16
    r3 = r10
    r3 += -24
    r4 = 0
    call bpf_map_update_elem
    r1 = m ll
    r2 = r10
    r2 += -16
    call bpf_map_lookup_elem
    r6 = *(u64 *)(r10 - 8)
    r6 &= 3
    if r6 != 0 goto done
    r1 = m ll
    r2 = r10
    r2 += -16
    call bpf_map_delete_elem
done:
    r0 = 0
    exit
`

describe('programs at attach points', () => {
  const shapes = ['type=hash entries=300', 'type=hash entries=300 flags=no_prealloc']
  test.each(ATTACH_POINTS.flatMap((point) => shapes.map((map) => [point, map] as const)))('%s, %s', (point, map) => {
    const twins = new Twins(PROBE + mapPrograms({ map, key: 4, value: 16 }), { cpus: 2 })
    const names = [...twins.sides[0]!.object.programs.keys()]
    const run = (name: string, count: number, key = 0, cpu = 0): void =>
      doStep(twins, { kind: 'run', program: names.indexOf(name), cpu, key, count, stride: 1, flags: 0 })
    run('update', 20)
    const attachments = twins.sides.map(({ object }) => object.program('probe').attach(point))
    run('update', 150)
    run('delete', 120, 10, 1)
    run('churn', 60, 200)
    doStep(twins, { kind: 'settle' })
    for (const attachment of attachments) attachment.detach()
    run('swap', 50)
    run('delete', 150)
    twins.close()
  })
})

/** Makes an object of each type: compiled code numbers types when it is made, the interpreter when it first meets them. */
const NUMBER_TYPES: readonly Step[] = ['item', 'node', 'big'].map((name) => ({
  kind: 'run',
  program: names(OBJECTS).indexOf(name),
  cpu: 0,
  key: 0,
  count: 1,
  stride: 0,
  flags: 0,
}))

describe('objects and allocators', () => {
  test.each<[what: string, options: MachineOptions]>([
    ['one CPU', {}],
    ['3 CPUs', { cpus: 3 }],
    ['RT', { cpus: 2, rt: true }],
    ['no self-interrupt', { policies: { selfInterrupt: false } }],
    ['watermarks that move', { cpus: 2, policies: { watermarks: 'adaptive' } }],
    ['sleepable programs ask the general allocator', { policies: { sleepable: 'cache-first' } }],
    ['little memory', { memoryLimit: 2 ** 19 }],
    ['debug mode', { policies: { debug: true } }],
  ])('%s', (_, options) => {
    holds(OBJECTS, options, NUMBER_TYPES)
  })
})

describe('objects with a memory limit of their own', () => {
  const limited: LoadOptions = { memoryLimit: 2 ** 18 }
  test('a dynamic map', () => {
    holds(
      mapPrograms({ map: 'type=hash entries=2000 flags=no_prealloc', key: 4, value: 200 }),
      { cpus: 2 },
      [],
      limited,
    )
  })

  test('objects and allocators', () => holds(OBJECTS, { cpus: 2 }, NUMBER_TYPES, limited))
})

/** Names of the programs, in their order. */
function names(source: string): string[] {
  return [...source.matchAll(/^\.program (\w+)/gmu)].map(([, name]) => name!)
}
