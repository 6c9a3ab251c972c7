import { describe, expect, test } from 'vitest'
import { HarenaError } from '../errors/errors.ts'
import { makeCpus } from './cpu.ts'
import type { MachineEvent } from './events.ts'
import { makeIrqWork } from './irq-work.ts'
import { type ProcessorOptions, Processors, TASKS_TRACE_NS, TICK_NS } from './processors.ts'

function listening(options: ProcessorOptions = {}, cpus = 1) {
  const processors = new Processors(makeCpus(cpus, 1n), options)
  const seen: MachineEvent[] = []
  const end = processors.events.on((event) => seen.push(event))
  /** Each event in a few words. */
  const told = (): string[] =>
    seen.map((event) => {
      const what = 'what' in event ? ` ${event.what}` : 'list' in event ? ` ${event.list}` : ''
      return `${event.kind}${what} ${event.cpu} ${event.context}`
    })
  return { processors, seen, told, end }
}

describe('events', () => {
  test('have numbers, and the place and time at which they happened', () => {
    const { processors, seen } = listening({}, 2)
    processors.advance(5n)
    processors.run(1, 'hardirq', 'device', () => undefined)
    expect(seen).toEqual([
      { number: 1, time: 5n, cpu: 1, context: 'hardirq', kind: 'context-enter', what: 'device' },
      { number: 2, time: 5n, cpu: 1, context: 'hardirq', kind: 'context-leave', what: 'device' },
    ])
  })

  test('go to everybody who listens, until they do not any more', () => {
    const { processors, seen, end } = listening()
    const other: string[] = []
    const endOther = processors.events.on(({ kind }) => other.push(kind))
    processors.run(0, 'task', 'one', () => undefined)
    endOther()
    processors.run(0, 'task', 'two', () => undefined)
    expect([seen.length, other.length, processors.events.active]).toEqual([4, 2, true])
    end()
    end()
    processors.run(0, 'task', 'three', () => undefined)
    expect([seen.length, processors.events.active]).toEqual([4, false])
  })

  test('are no occasion to make the machine do something', () => {
    const { processors } = listening()
    processors.events.on(() => processors.run(0, 'nmi', 'meddler', () => undefined))
    expect(() => processors.run(0, 'task', 'work', () => undefined)).toThrow(HarenaError)
    // Nothing is left behind.
    expect([processors.cpus[0]!.busy, processors.trace.length, processors.cpus[0]!.context]).toEqual([0, 0, 'task'])
  })

  test('a context is left where its work throws', () => {
    const { processors, told } = listening()
    const work = (): never => {
      throw new Error('broken')
    }
    expect(() => processors.run(0, 'nmi', 'work', work)).toThrow('broken')
    expect(told()).toEqual(['context-enter work 0 nmi', 'context-leave work 0 nmi'])
  })

  test.each([
    [
      'a self-interrupt, at once',
      {},
      0n,
      [
        'irq-work-raised raised 0 task',
        'context-enter self-interrupt 0 hardirq',
        'irq-work-run 0 hardirq',
        'context-leave self-interrupt 0 hardirq',
      ],
    ],
    ['nothing before the tick without one', { selfInterrupt: false }, TICK_NS - 1n, ['irq-work-raised raised 0 task']],
    [
      'the tick without one',
      { selfInterrupt: false },
      TICK_NS,
      [
        'irq-work-raised raised 0 task',
        'context-enter timer interrupt 0 hardirq',
        'irq-work-run 0 hardirq',
        'context-leave timer interrupt 0 hardirq',
      ],
    ],
    [
      'a thread on RT',
      { rt: true },
      1n,
      [
        'irq-work-raised threaded 0 task',
        'context-enter irq-work thread 0 task',
        'irq-work-run 0 task',
        'context-leave irq-work thread 0 task',
      ],
    ],
  ] as const)('irq_work: %s', (_, options, ns, expected) => {
    const { processors, told } = listening(options)
    processors.raise(makeIrqWork('work', () => undefined))
    processors.advance(ns)
    expect(told()).toEqual(expected)
  })

  test('grace periods start and end', () => {
    const { processors, seen } = listening()
    processors.callRcu('tasks-trace', () => undefined)
    processors.advance(TASKS_TRACE_NS)
    expect(seen.map(({ kind, time }) => [kind, time])).toEqual([
      ['grace-period-start', 0n],
      ['grace-period-end', TASKS_TRACE_NS],
      ['context-enter', TASKS_TRACE_NS],
      ['context-leave', TASKS_TRACE_NS],
    ])
    expect(seen[1]).toMatchObject({ flavour: 'tasks-trace', callbacks: 1 })
  })

  test('the attach point of irq_work is passed before the work runs', () => {
    const processors = new Processors()
    const order: unknown[] = []
    processors.points.attach('irq_work:run', (_, detail) => order.push(detail))
    processors.raise(makeIrqWork('work', () => order.push('ran')))
    expect(order).toEqual([{ work: 'work' }, 'ran'])
  })
})
