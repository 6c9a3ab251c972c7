/** The failure contract of bpf_mem_alloc, cell for cell: context x interrupts x what the list holds x kind of machine. */
import { describe, expect, test } from 'vitest'
import type { Context } from '../cpu/cpu.ts'
import { TICK_NS } from '../cpu/processors.ts'
import type { BpfMemAlloc } from './bpf-mem-alloc.ts'
import { type Simulation, type SimulationOptions, simulate } from './fixture.ts'
import { COUNT, EXTRA, insideOf } from './mem-cache-layout.ts'

/** What the list holds: 4 as made, 48 after a refill, nothing. */
type List = 'cold' | 'warm' | 'empty'

/** When the refill comes that an allocation asked for. */
type When =
  /** Before the next instruction. */
  | 'at once'
  /** When interrupts come on again. */
  | 'interrupts on'
  /** When the handler, or what the NMI interrupted, returns with interrupts on. */
  | 'return'
  /** When the irq-work thread runs: in a task with interrupts on, when time passes. */
  | 'thread'
  | 'tick'

interface Cell {
  readonly context: Context
  readonly irqsOff: boolean
  readonly list: List
  /** Allocations out of 200 in a row, without time passing, that give an object. */
  readonly got: number
  readonly when: When
}

const LEVEL: Readonly<Record<List, number>> = { cold: 4, warm: 48, empty: 0 }
const LISTS: readonly List[] = ['cold', 'warm', 'empty']

/** With refills at once no allocation fails but the first one on an empty list. */
const refilled = (list: List): number => (list === 'empty' ? 199 : 200)

/** Rows of the contract, for each content of the list. */
function cells(rows: readonly (readonly [Context, boolean, 'refilled' | 'list', When])[]): readonly Cell[] {
  return rows.flatMap(([context, irqsOff, kind, when]) =>
    LISTS.map((list) => ({ context, irqsOff, list, when, got: kind === 'list' ? LEVEL[list] : refilled(list) })),
  )
}

const MACHINES: readonly { name: string; options: SimulationOptions; cells: readonly Cell[] }[] = [
  {
    name: 'not RT',
    options: {},
    cells: cells([
      ['task', false, 'refilled', 'at once'],
      ['softirq', false, 'refilled', 'at once'],
      ['task', true, 'list', 'interrupts on'],
      ['softirq', true, 'list', 'interrupts on'],
      ['hardirq', true, 'list', 'return'],
      ['nmi', true, 'list', 'return'],
    ]),
  },
  {
    name: 'RT',
    options: { rt: true },
    cells: cells([
      ['task', false, 'list', 'thread'],
      ['softirq', false, 'list', 'thread'],
      ['task', true, 'list', 'thread'],
      ['softirq', true, 'list', 'thread'],
      ['hardirq', true, 'list', 'thread'],
      ['nmi', true, 'list', 'thread'],
    ]),
  },
  {
    name: 'without self-interrupt',
    options: { selfInterrupt: false },
    cells: cells([
      ['task', false, 'list', 'tick'],
      ['softirq', false, 'list', 'tick'],
      ['task', true, 'list', 'tick'],
      ['softirq', true, 'list', 'tick'],
      ['hardirq', true, 'list', 'tick'],
      ['nmi', true, 'list', 'tick'],
    ]),
  },
]

/** An instance whose list holds what it should, with nothing deferred. */
function prepare({ kernel, processors }: Simulation, list: List): BpfMemAlloc {
  const alloc = kernel.bpf.create({ name: 'test', size: 64 })
  const cache = alloc.allCaches[0]!
  if (list === 'warm') {
    processors.current.irqSave()
    while (alloc.cacheAlloc() !== 0);
    processors.current.irqRestore(false)
    processors.advance(2n * TICK_NS)
  } else if (list === 'empty') {
    // Taken behind the cache's back: nobody has asked for a refill yet.
    while (cache.remove() !== 0);
  }
  expect(cache.count).toBe(LEVEL[list])
  return alloc
}

describe.each(MACHINES)('$name', ({ options, cells }) => {
  test.each(cells)('$context, interrupts off $irqsOff, $list: $got objects, refill $when', (cell) => {
    simulate(options, (simulation) => {
      const { processors } = simulation
      const alloc = prepare(simulation, cell.list)
      const cache = alloc.allCaches[0]!
      processors.run(0, cell.context, 'program', () => {
        const irqs = processors.current.irqsOff
        if (cell.irqsOff && !irqs) processors.current.irqSave()
        expect(processors.current.irqsOff).toBe(cell.irqsOff)
        let got = 0
        for (let count = 0; count < 200; count++) if (alloc.cacheAlloc() !== 0) got++
        expect(got).toBe(cell.got)
        if (cell.when !== 'at once') expect(cache.count).toBe(0)
        // Time that passes while interrupts are off helps nobody: no tick comes in, and no thread runs.
        if (cell.irqsOff || cell.context !== 'task') {
          const before = cache.count
          if (cell.irqsOff) processors.advance(50n * TICK_NS)
          expect(cache.count).toBe(before)
        }
        if (cell.irqsOff && !irqs) processors.current.irqRestore(false)
        if (cell.when === 'interrupts on') expect(cache.count).toBe(48)
      })
      expectRefill(simulation, cell.when, () => cache.count)
    })
  })
})

function expectRefill({ processors }: Simulation, when: When, count: () => number): void {
  switch (when) {
    case 'at once':
      expect(count()).toBeGreaterThanOrEqual(32)
      return
    case 'interrupts on':
    case 'return':
      expect(count()).toBe(48)
      return
    case 'thread':
      expect(count()).toBe(0)
      processors.advance(1n)
      expect(count()).toBe(48)
      return
    case 'tick':
      expect(count()).toBe(0)
      processors.advance(TICK_NS - (processors.now % TICK_NS) - 1n)
      expect(count()).toBe(0)
      processors.advance(1n)
      expect(count()).toBe(48)
      return
    default:
      throw new Error(when satisfies never)
  }
}

describe('an NMI', () => {
  test('in an interrupts-off section: the refill comes when the section ends', () => {
    simulate({}, (simulation) => {
      const { processors } = simulation
      const alloc = prepare(simulation, 'cold')
      const cache = alloc.allCaches[0]!
      const irqs = processors.current.irqSave()
      processors.run(0, 'nmi', 'nmi', () => alloc.cacheAlloc())
      expect(cache.count).toBe(3)
      processors.current.irqRestore(irqs)
      expect(cache.count).toBe(51)
    })
  })

  test('inside a step on the same list: NULL with objects in the list, and a free goes to [X]', () => {
    let refused = 0
    let steps = 1
    for (let step = 1; step <= steps; step++) {
      simulate({}, (simulation) => {
        const { processors, injector, kernel } = simulation
        const alloc = prepare(simulation, 'warm')
        const cache = alloc.allCaches[0]!
        const spare = alloc.cacheAlloc()
        let inside = false
        injector.start()
        injector.at(step, () => {
          const before = kernel.memory.i32[(cache.at + COUNT) / 4]!
          inside = insideOf(before) !== 0
          processors.run(0, 'nmi', 'nmi', () => {
            expect(alloc.cacheAlloc() === 0).toBe(inside)
            alloc.cacheFree(spare)
          })
          const after = kernel.memory.i32[(cache.at + COUNT) / 4]
          if (inside) expect(after).toBe(before)
        })
        expect(alloc.cacheAlloc()).not.toBe(0)
        steps = Math.max(step, injector.step)
        injector.start()
        if (!inside) return
        refused++
        expect(kernel.memory.i32[(cache.at + EXTRA) / 4]).toBe(spare - 8)
      })
    }
    expect(refused).toBeGreaterThan(3)
    expect(steps).toBeGreaterThan(refused)
  })
})

describe('a prefilled reserve turns the first allocations of every cell into objects', () => {
  test.each(MACHINES.flatMap(({ name, options, cells }) => cells.map((cell) => ({ name, options, ...cell }))))(
    '$name, $context, interrupts off $irqsOff, $list',
    ({ options, context, irqsOff, list }) => {
      simulate(options, (simulation) => {
        const { processors } = simulation
        const alloc = prepare(simulation, list)
        expect(alloc.prefill(64, 60)).toBe(0)
        processors.run(0, context, 'program', () => {
          const irqs = processors.current.irqSave()
          if (!irqsOff) processors.current.irqRestore(irqs)
          for (let count = 0; count < 60; count++) expect(alloc.cacheAlloc()).not.toBe(0)
          processors.current.irqRestore(irqs)
        })
      })
    },
  )
})
