/**
 * Traces: which lines of shared memory the CPUs of a machine touch while they update, look up and delete, each a key of
 * its own, as the load of 2016 does. The map, its supply of elements and the allocators below are harena's own code:
 * they touch shared state through step primitives only (memory/steps.ts), and a hook before each step writes it down.
 *
 * CPUs take turns here, an operation each, in random order: which CPU gets which element follows from that order. How
 * long anything takes, and who waits for whom, is the replay's business (replay.ts).
 */
import { makeCpus } from '../../cpu/cpu.ts'
import { Processors, RCU_NS } from '../../cpu/processors.ts'
import { Random } from '../../cpu/random.ts'
import { InternalError } from '../../errors/errors.ts'
import { createMap } from '../../maps/create.ts'
import type { BpfMap } from '../../maps/map.ts'
import type { SupplyName } from '../../maps/supplies.ts'
import { closeKernel, type Kernel, makeKernel } from '../../memalloc/kernel.ts'
import { PageOwner } from '../../memalloc/pages.ts'
import { store32 } from '../../memory/access.ts'
import { hookedSteps, type StepKind } from '../../memory/steps.ts'

/** Entries of the map, as in the kernel's own sample. */
export const MAX_ENTRIES = 1000
/** Rounds of each CPU: those before the first grace period, and between two of them. */
export const PERIOD = 64
export const PERIODS = 4
/** Threads of one process have numbers one after the other, and these are the keys. */
const FIRST_KEY = 4096
const KEY_STRIDE = 64
const LINE_SHIFT = 6

export const Kind = { LOAD: 0, STORE: 1, ATOMIC: 2, LOCK: 3, UNLOCK: 4, ROUND: 5 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]
const KIND_BITS = 3

export interface Trace {
  readonly elements: SupplyName
  /** For each CPU its events: a kind, and above it the line; of LOCK and UNLOCK the index of the lock. */
  readonly events: readonly Int32Array[]
  /** Lines touched; events have their indices. */
  readonly lines: number
  /** Each lock's line. */
  readonly locks: readonly number[]
  /** What each lock is called. */
  readonly lockNames: readonly string[]
}

export function kindOf(event: number): Kind {
  return (event & ((1 << KIND_BITS) - 1)) as Kind
}

/** The index of the event's line or lock. */
export function targetOf(event: number): number {
  return event >>> KIND_BITS
}

/** What happens on a machine of this many CPUs, on which maps have their elements from `elements`. */
export function capture(elements: SupplyName, cpus: number): Trace {
  const recorder = new Recorder(cpus)
  const processors = new Processors(makeCpus(cpus, 1n))
  const kernel = makeKernel({
    processors,
    makeSteps: (memory) => hookedSteps(memory, (kind, at) => recorder.step(kind, at)),
  })
  try {
    const attributes = {
      name: 'load',
      type: 'hash',
      keySize: 4,
      valueSize: 8,
      maxEntries: MAX_ENTRIES,
      flags: 0,
    } as const
    const options = { arena: { random: () => 0 }, hash: { elements } }
    const map = processors.run(0, 'task', 'user space', () => createMap(kernel, { ...attributes, extra: 0n }, options))
    run(kernel, map, recorder)
    return recorder.finish(elements)
  } finally {
    closeKernel(kernel)
  }
}

function run(kernel: Kernel, map: BpfMap, recorder: Recorder): void {
  const { processors, memory, pages } = kernel
  const { cpus } = processors
  // Keys and values, on the programs' stacks: nobody else's business.
  const stacks = pages.allocBytes(KEY_STRIDE * cpus.length, PageOwner.STACK)
  recorder.start(kernel)
  for (const { id } of cpus) store32(memory, stacks + KEY_STRIDE * id, FIRST_KEY + id)
  const operations: readonly ((key: number) => boolean)[] = [
    (key) => map.update(key, key + 8, 0) === 0,
    (key) => map.lookup(key) !== 0,
    (key) => map.delete(key) === 0,
  ]
  const random = new Random([1, 2, 3, 4])
  const done = cpus.map(() => 0)
  const turn = (id: number): void => {
    const operation = done[id]! % operations.length
    const worked = processors.run(id, 'task', 'program', () => operations[operation]!(stacks + KEY_STRIDE * id))
    if (!worked) throw new InternalError(`CPU ${id}: operation ${operation} of a round has failed`)
    done[id] = done[id]! + 1
    if (operation === operations.length - 1) recorder.endRound(id)
  }
  // Not all CPUs begin with an update at the same time.
  for (const { id } of cpus) for (let ahead = id % operations.length; ahead > 0; ahead--) turn(id)
  for (let period = 0; period < PERIODS; period++) {
    for (let turns = 0; turns < PERIOD * operations.length; turns++) {
      for (const id of shuffled(cpus.length, random)) turn(id)
    }
    processors.advance(RCU_NS)
  }
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = random.u32() % (last + 1)
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

/** Numbers things in the order in which they are first seen. */
class Numbering {
  readonly seen: number[] = []
  private readonly indices: Map<number, number> = new Map()

  of(thing: number): number {
    let index = this.indices.get(thing)
    if (index === undefined) {
      index = this.seen.push(thing) - 1
      this.indices.set(thing, index)
    }
    return index
  }

  has(thing: number): boolean {
    return this.indices.has(thing)
  }
}

class Recorder {
  private kernel: Kernel | undefined
  private readonly events: number[][]
  private readonly lines: Numbering = new Numbering()
  private readonly locks: Numbering = new Numbering()
  private readonly names: Map<number, string> = new Map()
  /** The compare-exchange before: where it was and in whose list, -1 for none. */
  private exchanged = -1
  private exchanger = 0

  constructor(cpus: number) {
    this.events = Array.from({ length: cpus }, () => [])
  }

  start(kernel: Kernel): void {
    this.kernel = kernel
  }

  step(kind: StepKind, at: number): void {
    const { kernel } = this
    if (kernel === undefined) return
    this.recognizeLock(kernel)
    const { id } = kernel.processors.current
    const unlock = kind === 'store' && this.locks.has(at)
    if (unlock) this.push(id, Kind.UNLOCK, this.locks.of(at))
    else this.push(id, KIND_OF_STEP[kind], this.lines.of(at >>> LINE_SHIFT))
    this.exchanged = kind === 'compare-exchange' ? at : -1
    this.exchanger = id
  }

  endRound(cpu: number): void {
    this.push(cpu, Kind.ROUND, 0)
  }

  finish(elements: SupplyName): Trace {
    this.kernel = undefined
    const { lines, locks } = this
    return {
      elements,
      events: this.events.map((events) => Int32Array.from(events)),
      lines: lines.seen.length,
      locks: locks.seen.map((at) => lines.of(at >>> LINE_SHIFT)),
      lockNames: locks.seen.map((at) => this.names.get(at)!),
    }
  }

  /** A step does not say that it takes a lock. The locks know, as soon as it is done: at the next step. */
  private recognizeLock({ locks }: Kernel): void {
    if (this.exchanged < 0) return
    const held = locks.held.at(-1)
    if (held?.at !== this.exchanged) return
    this.names.set(held.at, held.name)
    const events = this.events[this.exchanger]!
    events[events.length - 1] = Kind.LOCK | (this.locks.of(this.exchanged) << KIND_BITS)
  }

  private push(cpu: number, kind: Kind, target: number): void {
    this.events[cpu]!.push(kind | (target << KIND_BITS))
  }
}

const KIND_OF_STEP = {
  load: Kind.LOAD,
  store: Kind.STORE,
  add: Kind.ATOMIC,
  'compare-exchange': Kind.ATOMIC,
} as const satisfies Record<StepKind, Kind>
