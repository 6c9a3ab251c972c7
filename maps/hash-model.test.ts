import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ERRNO, ErrnoError } from '../errors/errors.ts'
import { Rig } from './fixture.ts'
import type { MapAttributes } from './map.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'
import { BatchError } from './user.ts'

const RUNS: number = process.env.HARENA_LONG ? 1000 : 60
const CPUS = 2

type Model = Map<number, number[]>

const operation = fc.record({
  kind: fc.constantFrom(
    'update',
    'update',
    'lookup',
    'delete',
    'set',
    'take',
    'next',
    'batch',
    'takeBatch',
    'setBatch',
  ),
  key: fc.nat(12),
  cpu: fc.nat(CPUS - 1),
  flags: fc.nat(3),
  value: fc.nat(1000),
  count: fc.nat(6),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** What an update answers, and what it leaves. */
function modelUpdate(
  model: Model,
  key: number,
  flags: number,
  max: number,
  change: (values: number[]) => void,
): number {
  const present = model.get(key)
  if (flags > 2) return -ERRNO.EINVAL
  if (present !== undefined && flags === 1) return -ERRNO.EEXIST
  if (present === undefined && flags === 2) return -ERRNO.ENOENT
  if (present === undefined && model.size >= max) return -ERRNO.E2BIG
  const values = present ?? Array<number>(CPUS).fill(0)
  change(values)
  model.set(key, values)
  return 0
}

function answer(work: () => unknown): number {
  try {
    work()
    return 0
  } catch (error) {
    if (error instanceof ErrnoError) return -ERRNO[error.errno]
    throw error
  }
}

class Check {
  readonly rig: Rig
  readonly model: Model = new Map()
  private readonly perCpu: boolean

  constructor(attributes: Partial<MapAttributes>, elements: SupplyName) {
    this.rig = new Rig(attributes, { elements, cpus: CPUS })
    this.perCpu = attributes.type === 'percpu_hash'
  }

  /** A value as the user API gives it. */
  user(values: readonly number[] | undefined): unknown {
    if (values === undefined) return undefined
    return this.perCpu ? values.map(BigInt) : BigInt(values[0]!)
  }

  private get max(): number {
    return this.rig.map.info.maxEntries
  }

  step({ kind, key, cpu, flags, value, count }: Operation): void {
    const { rig, model } = this
    switch (kind) {
      case 'update': {
        const expected = modelUpdate(model, key, flags, this.max, (values) => {
          if (this.perCpu) values[cpu] = value
          else values.fill(value)
        })
        expect(rig.update(key, value, flags, cpu)).toBe(expected)
        break
      }
      case 'lookup':
        expect(rig.get(key, cpu)).toBe(model.get(key)?.[this.perCpu ? cpu : 0])
        break
      case 'delete':
        expect(rig.delete(key, cpu)).toBe(model.delete(key) ? 0 : -ERRNO.ENOENT)
        break
      case 'set': {
        const expected = modelUpdate(model, key, flags, this.max, (values) => values.fill(value))
        expect(answer(() => rig.user.set(key, value, flags))).toBe(expected)
        break
      }
      case 'take':
        expect(rig.user.take(key)).toEqual(this.user(model.get(key)))
        model.delete(key)
        break
      case 'next':
        this.next(key)
        break
      case 'batch':
      case 'takeBatch':
        this.batch(count, kind === 'takeBatch')
        break
      case 'setBatch':
        this.setBatch(key, value, count)
        break
      default:
        throw new Error(kind)
    }
  }

  /** An absent key leads to the first one; keys follow each other, each once. */
  private next(key: number): void {
    const keys = this.rig.keys()
    expect([...keys].sort((a, b) => a - b)).toEqual([...this.model.keys()].sort((a, b) => a - b))
    const at = keys.indexOf(key)
    expect(this.rig.user.nextKey(key)).toBe(keys[at + 1])
  }

  /** All batches from the start together are the map, in the order of next-key. */
  private batch(count: number, take: boolean): void {
    const { rig, model } = this
    const keys = rig.keys()
    const seen: number[] = []
    let cursor: number | undefined
    for (;;) {
      let batch: ReturnType<typeof rig.user.batch>
      try {
        batch = rig.user.batch(count, { cursor, take })
      } catch (error) {
        // A bucket has more than fit.
        if (!(error instanceof ErrnoError) || error.errno !== 'ENOSPC') throw error
        break
      }
      expect(batch.entries.length).toBeLessThanOrEqual(count)
      for (const [key, value] of batch.entries) {
        seen.push(Number(key))
        expect(value).toEqual(this.user(model.get(Number(key))))
        if (take) model.delete(Number(key))
      }
      cursor = batch.cursor
      if (count === 0 || batch.done) {
        expect(seen).toEqual(count === 0 ? [] : keys)
        return
      }
    }
    expect(seen).toEqual(keys.slice(0, seen.length))
    expect(seen.length).toBeLessThan(keys.length)
  }

  private setBatch(first: number, value: number, count: number): void {
    const keys = Array.from({ length: count }, (_, i) => first + i)
    let done = 0
    for (const key of keys) {
      if (modelUpdate(this.model, key, 0, this.max, (values) => values.fill(value)) !== 0) break
      done++
    }
    try {
      expect(this.rig.user.setBatch(keys.map((key) => [key, value] as const))).toBe(done)
      expect(done).toBe(count)
    } catch (error) {
      if (!(error instanceof BatchError)) throw error
      expect([error.errno, error.done]).toEqual(['E2BIG', done])
    }
  }
}

/** All but those that lose updates by their nature. */
const names = (Object.keys(SUPPLIES) as SupplyName[]).filter((name) => name !== 'ida-nolock' && name !== 'irq-work')

const cases = names.flatMap((elements) => (['hash', 'percpu_hash'] as const).map((type) => [elements, type] as const))

describe.each(cases)('elements from %s, %s', (elements, type) => {
  test('any sequence of operations does what a Map does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(operation, { maxLength: 60 }), (maxEntries, operations) => {
        const check = new Check({ type, maxEntries }, elements)
        try {
          for (const each of operations) check.step(each)
          for (const [key, values] of check.model) expect(check.rig.user.get(key)).toEqual(check.user(values))
          expect(check.rig.keys().length).toBe(check.model.size)
          expect(check.rig.pagesLeft()).toBe(0)
        } finally {
          check.rig.close()
        }
      }),
      { numRuns: RUNS },
    )
  })
})
