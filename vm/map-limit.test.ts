/**
 * The limit of a map whose allocator counts for it: exact with another CPU, or an NMI, before any step of the worker
 * that moves objects between the allocator's lists.
 */
import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { LockError } from '../errors/errors.ts'
import { Machine } from '../index.ts'

const E2BIG = -7n
const NO_RESULT = 99n

/** Programs by name, each on the key in its context or, without one, on a key of its own; what they gave is in a global. */
function source(limit: number): string {
  const program = (name: string, type: string, key: string, helper: string): string => `
    .global did_${name}: u64 = ${NO_RESULT}
    .program ${name} type=${type}
      ${key}
      *(u64 *)(r10 - 8) = r1
      r1 = table ll
      r2 = r10
      r2 += -8
      r3 = r2
      r4 = 0
      call ${helper}
      r6 = did_${name} ll
      *(u64 *)(r6 + 0) = r0
      r0 = 0
      exit`
  const [update, remove] = ['bpf_map_update_elem', 'bpf_map_delete_elem']
  return `
    .license "GPL"
    .map table type=hash key=8 value=8 entries=${limit} flags=no_prealloc
    ${program('put', 'syscall', 'r1 = *(u64 *)(r1 + 0)', update)}
    ${program('take', 'syscall', 'r1 = *(u64 *)(r1 + 0)', remove)}
    ${program('add', 'kprobe', 'r1 = 2000', update)}
    ${program('replace', 'kprobe', 'r1 = 1', update)}`
}

interface Rig {
  readonly put: (key: number, cpu?: number) => void
  readonly take: (key: number) => void
  /** Objects on the list of CPU 0. */
  readonly level: () => number
}

interface Outcome {
  /** What the programs gave that ran, and that came in between. */
  readonly did: bigint
  readonly other: bigint
  readonly entries: number
}

/** Runs `work` on CPU 0, and `other` before each of its steps in turn: what each gave, step by step. */
function atEachStep(
  limit: number,
  prepare: (rig: Rig) => void,
  work: (rig: Rig) => 'put' | 'take',
  other: 'add' | 'replace',
  place: { readonly context: 'task' | 'nmi'; readonly cpu: number; readonly whileLocked?: boolean },
): Outcome[] {
  const outcomes: Outcome[] = []
  const spec = assemble(source(limit))
  for (let at = 1; ; at++) {
    const machine = new Machine({ engine: 'interpreter', injection: true, cpus: 2 })
    try {
      const object = machine.load(spec)
      const run = (name: 'put' | 'take', key: number, cpu = 0): void => {
        object.program(name).run({ cpu, ctx: new Uint8Array(BigUint64Array.of(BigInt(key)).buffer) })
      }
      const rig: Rig = {
        put: (key, cpu) => run('put', key, cpu),
        take: (key) => run('take', key),
        level: () => machine.statistics().caches.find(({ name, cpu }) => name.includes('map') && cpu === 0)!.F,
      }
      prepare(rig)
      const injection = object.program(other).inject({ ...place, at, steps: 'memory' })
      let name: 'put' | 'take'
      try {
        name = work(rig)
      } catch (error) {
        // Both want the bucket: a paused CPU does not give it up.
        if (!(error instanceof LockError)) throw error
        continue
      }
      if (injection.runs === 0) return outcomes
      injection.end()
      const did = (of: string): bigint => BigInt.asIntN(64, object.global(`did_${of}`).get() as bigint)
      outcomes.push({ did: did(name), other: did(other), entries: [...object.map('table').keys()].length })
    } finally {
      machine.close()
    }
  }
}

const ON_OTHER = { context: 'task', cpu: 1 } as const
const places = [ON_OTHER, { context: 'nmi', cpu: 0 }] as const
const fill =
  (count: number) =>
  ({ put }: Rig): void => {
    for (let key = 0; key < count; key++) put(key)
  }

test('one place is left, and the list runs low: one of two CPUs gets it', () => {
  // At 21 keys the list of CPU 0 is refilled.
  const work = ({ put }: Rig): 'put' => {
    put(1000)
    return 'put'
  }
  const outcomes = atEachStep(21, fill(20), work, 'add', ON_OTHER)
  expect(outcomes.length).toBeGreaterThan(100)
  for (const { did, other, entries } of outcomes) {
    expect([[did, other].toSorted(), entries]).toEqual([[E2BIG, 0n], 21])
  }
})

test('a full map stays full while another CPU replaces a key and refills', () => {
  const prepare = ({ put }: Rig): void => {
    for (let key = 0; key < 20; key++) put(key, 1)
  }
  const work = ({ put }: Rig): 'put' => {
    put(1000)
    return 'put'
  }
  const outcomes = atEachStep(20, prepare, work, 'replace', { ...ON_OTHER, whileLocked: true })
  expect(outcomes.length).toBeGreaterThan(3)
  for (const outcome of outcomes) expect(outcome).toEqual({ did: E2BIG, other: 0n, entries: 20 })
})

test.each(places)(
  'a place that a delete made is there all the time that the worker trims, $context on CPU $cpu',
  (place) => {
    const LIMIT = 100
    const prepare = ({ put, take, level }: Rig): void => {
      fill(LIMIT)({ put, take, level })
      let gone = 0
      for (; level() < 96; gone++) take(LIMIT - 1 - gone)
      for (let key = 0; key < gone; key++) put(3000 + key, 1)
      expect(level()).toBe(96)
    }
    const work = ({ take }: Rig): 'take' => {
      take(0)
      return 'take'
    }
    const outcomes = atEachStep(LIMIT, prepare, work, 'add', place)
    const first = outcomes.findIndex(({ other }) => other !== E2BIG)
    expect(first).toBeGreaterThan(0)
    expect(outcomes.length - first).toBeGreaterThan(100)
    outcomes.forEach(({ did, other }, at) => {
      expect([did, other === E2BIG]).toEqual([0n, at < first])
    })
  },
)
