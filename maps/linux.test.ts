/**
 * Maps beside the running kernel's: the same operations on both, from user space and from programs on two CPUs. With
 * the flag zero_seed the order of keys is the same too.
 */
import fc from 'fast-check'
import { afterAll, describe, expect, type TestContext, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { ErrnoError } from '../errors/errors.ts'
import { jit } from '../jit/engine.ts'
import { onCpu } from '../linux/affinity.ts'
import { whyUnavailable } from '../linux/availability.ts'
import { LinuxMachine } from '../linux/machine.ts'
import type { LinuxMap } from '../linux/map.ts'
import { possibleCpus } from '../linux/possible-cpus.ts'
import type { ObjectSpec } from '../program/object.ts'
import { MAP_FLAGS, type MapType } from '../program/types.ts'
import { verify } from '../verifier/verify.ts'
import type { Engine } from '../vm/engine.ts'
import { interpreter } from '../vm/interpreter-engine.ts'
import { MachineCore } from '../vm/machine.ts'
import type { MapHandle } from '../vm/map-handle.ts'
import { BatchError } from './user.ts'

const RUNS: number = process.env.HARENA_LONG ? 2000 : 20
const LENGTH: number = process.env.HARENA_LONG ? 200 : 60

/** Programs that do one operation: key at 0, value at 8, flags at 16 of the context; lookup writes what it finds. */
const PROGRAMS = `
.program update type=syscall
    r6 = r1
    w7 = *(u32 *)(r6 + 0)
    *(u32 *)(r10 - 4) = w7
    r7 = *(u64 *)(r6 + 8)
    *(u64 *)(r10 - 16) = r7
    r4 = *(u64 *)(r6 + 16)
    r1 = m ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    call bpf_map_update_elem
    exit
.program lookup type=syscall
    r6 = r1
    r7 = *(u64 *)(r6 + 16)
    w7 = *(u32 *)(r6 + 0)
    *(u32 *)(r10 - 4) = w7
    r1 = m ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto absent
    r7 = *(u64 *)(r0 + 0)
    *(u64 *)(r6 + 8) = r7
    r0 = 1
absent:
    exit
`
const DELETE = `
.program delete type=syscall
    r6 = r1
    r7 = *(u64 *)(r6 + 16)
    w7 = *(u32 *)(r6 + 0)
    *(u32 *)(r10 - 4) = w7
    r1 = m ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    exit
`

interface Shape {
  readonly type: MapType
  readonly flags: number
  readonly entries: number
}

function objectOf({ type, flags, entries }: Shape): ObjectSpec {
  const spec = assemble(`.map m type=${type} key=4 value=8 entries=${entries}\n${PROGRAMS}${DELETE}`)
  return { ...spec, maps: spec.maps.map((map) => ({ ...map, flags })) }
}

const operation = fc.record({
  kind: fc.constantFrom(
    ...(['update', 'update', 'update', 'lookup', 'lookup', 'delete', 'set', 'get', 'remove', 'take'] as const),
    ...(['keys', 'next', 'batch', 'takeBatch', 'setBatch', 'deleteBatch'] as const),
  ),
  key: fc.nat(14),
  value: fc.nat(99),
  flags: fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(17) }),
  cpu: fc.nat(Math.min(possibleCpus(), 2) - 1),
  count: fc.nat(6),
  cursor: fc.option(fc.nat(20), { nil: undefined }),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** A machine of either kind, as far as this test uses it. */
interface Side {
  readonly map: MapHandle | LinuxMap
  run(program: string, ctx: Uint8Array, cpu: number): number
  /** Does something from user space on CPU 0. */
  user<T>(work: () => T): T
  close(): void
}

function sides(shape: Shape, engine: Engine): [Side, Side] {
  const spec = objectOf(shape)
  const parts = { verify, engines: [engine] }
  return [new MachineCore({ cpus: possibleCpus() }, parts), new LinuxMachine()].map((machine) => {
    const object = machine.load(spec)
    return {
      map: object.map('m'),
      run: (program: string, ctx: Uint8Array, cpu: number) => object.program(program).run({ ctx, cpu }).retval,
      user: <T>(work: () => T) => (machine instanceof LinuxMachine ? onCpu(0, work) : work()),
      close: () => machine.close(),
    }
  }) as [Side, Side]
}

function attempt(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    if (error instanceof BatchError) return [error.errno, error.done]
    if (error instanceof ErrnoError) return error.errno
    throw error
  }
}

/** What an operation answers on one side. */
function answer({ map, run, user }: Side, { kind, key, value, flags, cpu, count, cursor }: Operation): unknown {
  const ctx = new Uint8Array(24)
  const view = new DataView(ctx.buffer)
  view.setUint32(0, key, true)
  view.setUint32(8, value, true)
  view.setUint32(16, flags, true)
  const keys = Array.from({ length: count }, (_, i) => key + i)
  if (kind === 'update' || kind === 'lookup' || kind === 'delete') return [run(kind, ctx, cpu), [...ctx]]
  const work = (): unknown => {
    switch (kind) {
      case 'set':
        return map.set(key, value, flags as never)
      case 'get':
        return map.get(key)
      case 'remove':
        return map.delete(key)
      case 'take':
        return map.take(key)
      case 'keys':
        return [...map.entries()]
      case 'next':
        return [...map.keys()].length
      case 'batch':
      case 'takeBatch':
        return map.batch(count, { cursor, take: kind === 'takeBatch', flags: flags % 5 === 4 ? 1 : 0 })
      case 'setBatch':
        return map.setBatch(keys.map((each) => [each, value] as const))
      case 'deleteBatch':
        return map.deleteBatch(keys, flags === 8 ? 1 : 0)
      default:
        throw new Error(kind satisfies never)
    }
  }
  return attempt(() => user(work))
}

function skipWithoutKernel(ctx: TestContext, flags: number): void {
  const why = whyUnavailable((flags & MAP_FLAGS.zero_seed) === 0 ? undefined : 'zero_seed')
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
}

const { no_prealloc, no_common_lru, zero_seed } = MAP_FLAGS
const SHAPES: [MapType, number][] = [
  ['array', 0],
  ['percpu_array', 0],
  ['hash', zero_seed],
  ['hash', zero_seed | no_prealloc],
  ['percpu_hash', zero_seed],
  ['percpu_hash', zero_seed | no_prealloc],
  ['lru_hash', zero_seed],
  ['lru_hash', zero_seed | no_common_lru],
  ['lru_percpu_hash', zero_seed],
  ['lru_percpu_hash', zero_seed | no_common_lru],
]

describe.each([interpreter, jit])('the same answers on the $name as on the running kernel', (engine) => {
  let total = 0
  afterAll(() => console.log(`${total} map operations held against the running kernel`))

  test.for(SHAPES)('%s, flags %i', { timeout: 600_000 }, ([type, flags], ctx) => {
    skipWithoutKernel(ctx, flags)
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(operation, { maxLength: LENGTH, size: 'max' }),
        (entries, operations) => {
          const [ours, theirs] = sides({ type, flags, entries }, engine)
          try {
            for (const [index, each] of operations.entries()) {
              total++
              expect([index, each, answer(ours, each)]).toEqual([index, each, answer(theirs, each)])
            }
            expect([...ours.map.entries()]).toEqual([...theirs.map.entries()])
          } finally {
            ours.close()
            theirs.close()
          }
        },
      ),
      { numRuns: RUNS },
    )
  })
})
