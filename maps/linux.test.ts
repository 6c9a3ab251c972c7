/**
 * Maps beside the running kernel's: the same operations on both, from user space and from programs on two CPUs, with
 * keys and values of several sizes. With the flag zero_seed the order of keys is the same too; without, each side has
 * one of its own.
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
import { toBytes } from './values.ts'

const RUNS: number = process.env.HARENA_LONG ? 2000 : 14
const LENGTH: number = process.env.HARENA_LONG ? 200 : 60

interface Shape {
  readonly type: MapType
  readonly flags: number
  readonly entries: number
  readonly keySize: number
  readonly valueSize: number
}

/** Words of 8 bytes that hold so many. */
const words = (bytes: number): number => Math.ceil(bytes / 8)

/** Where a context has what: flags in its first word, the key from its second one, the value from here on. */
const valueAt = ({ keySize }: Shape): number => 8 + 8 * words(keySize)

/** Copies words from the context (r6) to the frame. */
function toFrame(from: number, to: number, bytes: number): string {
  const word = (_: unknown, i: number): string =>
    `    r7 = *(u64 *)(r6 + ${from + 8 * i})\n    *(u64 *)(r10 - ${to - 8 * i}) = r7\n`
  return Array.from({ length: words(bytes) }, word).join('')
}

/** Copies the bytes of a value (r0) to the context: no more of them than there are. */
function toContext(bytes: number, to: number): string {
  let code = ''
  for (let at = 0; at < bytes; ) {
    const width = [8, 4, 2, 1].find((size) => at + size <= bytes)!
    code += `    r7 = *(u${8 * width} *)(r0 + ${at})\n    *(u${8 * width} *)(r6 + ${to + at}) = r7\n`
    at += width
  }
  return code
}

/** Programs that do one operation each, as the context says; lookup writes what it finds there. */
function programs(shape: Shape): string {
  const { keySize, valueSize } = shape
  const key = 8 * words(keySize)
  const value = key + 8 * words(valueSize)
  const start = `    r6 = r1\n${toFrame(8, key, keySize)}`
  const map = `    r1 = m ll\n    r2 = r10\n    r2 += -${key}\n`
  return `
.program update type=syscall
${start}${toFrame(valueAt(shape), value, valueSize)}    r4 = *(u64 *)(r6 + 0)
${map}    r3 = r10
    r3 += -${value}
    call bpf_map_update_elem
    exit
.program lookup type=syscall
${start}${map}    call bpf_map_lookup_elem
    if r0 == 0 goto absent
${toContext(valueSize, valueAt(shape))}    r0 = 1
absent:
    exit
.program delete type=syscall
${start}${map}    call bpf_map_delete_elem
    exit
`
}

function objectOf(shape: Shape): ObjectSpec {
  const { type, flags, entries, keySize, valueSize } = shape
  const declared = `.map m type=${type} key=${keySize} value=${valueSize} entries=${entries}`
  const spec = assemble(`${declared}\n${programs(shape)}`)
  return { ...spec, maps: spec.maps.map((map) => ({ ...map, flags })) }
}

/** Bytes that depend on the number in each place; an array's key is its index. */
function keyOf({ type, keySize }: Shape, key: number): number | Uint8Array {
  return type.endsWith('array') ? key : Uint8Array.from({ length: keySize }, (_, i) => key * (i + 1))
}

function valueBytes({ valueSize }: Shape, value: number): Uint8Array {
  return Uint8Array.from({ length: valueSize }, (_, i) => value + i)
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
  readonly shape: Shape
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
      shape,
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

/** More entries than any map here has. */
const MOST = 64

/** Whether both sides have keys in the same order: those of arrays, and of hashes that start from the same number. */
function isOrdered({ type, flags }: Shape): boolean {
  return type.endsWith('array') || (flags & MAP_FLAGS.zero_seed) !== 0
}

/** As they come, or where each side has an order of its own, sorted: a set. */
function inOrder<T>(shape: Shape, items: readonly T[]): readonly T[] {
  return isOrdered(shape) ? items : [...items].sort((a, b) => (String(a) < String(b) ? -1 : 1))
}

/** What an operation answers on one side. */
function answer({ shape, map, run, user }: Side, operation: Operation): unknown {
  const { kind, flags, cpu, count, cursor } = operation
  const key = keyOf(shape, operation.key)
  const value = valueBytes(shape, operation.value)
  const keys = Array.from({ length: count }, (_, i) => keyOf(shape, operation.key + i))
  if (kind === 'update' || kind === 'lookup' || kind === 'delete') {
    const ctx = new Uint8Array(valueAt(shape) + 8 * words(shape.valueSize))
    ctx.set(toBytes(key, shape.keySize, 'a key'), 8)
    ctx.set(value, valueAt(shape))
    ctx[0] = flags
    return [run(kind, ctx, cpu), [...ctx]]
  }
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
        return inOrder(shape, [...map.entries()])
      case 'next':
        return inOrder(shape, [...map.keys()])
      case 'batch':
      case 'takeBatch': {
        const options = { take: kind === 'takeBatch', flags: flags % 5 === 4 ? 1 : 0 }
        if (isOrdered(shape)) return map.batch(count, { ...options, cursor })
        // Where a batch ends is up to the order: all at once, then.
        const batch = map.batch(MOST, options)
        return { ...batch, entries: inOrder(shape, batch.entries) }
      }
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
  ['hash', 0],
  ['hash', no_prealloc],
  ['percpu_hash', 0],
  ['lru_hash', 0],
]

/** Keys of all lengths that the hash function tells apart, and values of no, one and several words. */
const KEY_SIZES = [1, 3, 4, 8, 12, 13, 20] as const
const VALUE_SIZES = [1, 4, 8, 12, 31, 64] as const

function shapes(type: MapType, flags: number): fc.Arbitrary<Shape> {
  return fc.record({
    type: fc.constant(type),
    flags: fc.constant(flags),
    entries: fc.integer({ min: 1, max: 20 }),
    keySize: type.endsWith('array') ? fc.constant(4) : fc.constantFrom(...KEY_SIZES),
    valueSize: fc.constantFrom(...VALUE_SIZES),
  })
}

describe.each([interpreter, jit])('the same answers on the $name as on the running kernel', (engine) => {
  let total = 0
  afterAll(() => console.log(`${total} map operations held against the running kernel`))

  test.for(SHAPES)('%s, flags %i', { timeout: 600_000 }, ([type, flags], ctx) => {
    skipWithoutKernel(ctx, flags)
    fc.assert(
      fc.property(shapes(type, flags), fc.array(operation, { maxLength: LENGTH, size: 'max' }), (shape, operations) => {
        const [ours, theirs] = sides(shape, engine)
        try {
          for (const [index, each] of operations.entries()) {
            total++
            expect([index, each, answer(ours, each)]).toEqual([index, each, answer(theirs, each)])
          }
          expect(inOrder(shape, [...ours.map.entries()])).toEqual(inOrder(shape, [...theirs.map.entries()]))
        } finally {
          ours.close()
          theirs.close()
        }
      }),
      { numRuns: RUNS },
    )
  })
})
