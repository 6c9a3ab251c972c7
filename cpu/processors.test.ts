import { describe, expect, test } from 'vitest'
import { HarenaError } from '../errors/errors.ts'
import { CONTEXTS, type Context, makeCpus } from './cpu.ts'
import { makeIrqWork } from './irq-work.ts'
import { type ProcessorOptions, Processors, RCU_NS, TASKS_TRACE_NS, TICK_NS } from './processors.ts'
import { LAZY_NS } from './rcu.ts'

function machine(options: ProcessorOptions = {}, cpus = 2): Processors {
  return new Processors(makeCpus(cpus, 1n), options)
}

describe('run', () => {
  test('makes the CPU the current one, and notes who is on the stack', () => {
    const processors = machine()
    processors.run(1, 'task', 'outer', () => {
      processors.run(1, 'nmi', 'inner', () => {
        expect(processors.current.id).toBe(1)
        expect(processors.trace).toEqual([
          { cpu: 1, context: 'task', what: 'outer' },
          { cpu: 1, context: 'nmi', what: 'inner' },
        ])
      })
    })
    expect([processors.current.id, processors.trace.length]).toEqual([0, 0])
  })

  test.each(
    CONTEXTS.flatMap((outer) => [false, true].flatMap((off) => CONTEXTS.map((inner) => [outer, off, inner] as const))),
  )('in %s, interrupts off %s, comes %s', (outer, off, inner) => {
    const processors = machine()
    const rank = (context: Context): number => CONTEXTS.indexOf(context)
    processors.run(0, outer, 'outer', () => {
      if (off) processors.current.irqSave()
      const masked = processors.current.irqsOff && inner !== 'nmi'
      const nest = (): string => processors.run(0, inner, 'inner', () => processors.current.context)
      if (rank(inner) > rank(outer) && !masked) expect(nest()).toBe(inner)
      else expect(nest).toThrow(HarenaError)
      // Another CPU is idle, and takes anything.
      expect(processors.run(1, inner, 'other', () => processors.current.context)).toBe(inner)
    })
  })

  test('there is no third CPU', () => {
    expect(() => machine().run(2, 'task', 'x', () => 0)).toThrow(/there is no CPU 2/u)
  })
})

describe('irq_work', () => {
  const raised = (processors: Processors, kind?: 'lazy' | 'hard'): string[] => {
    const ran: string[] = []
    const work = makeIrqWork('w', () => ran.push(processors.current.context), kind)
    processors.raise(work)
    return ran
  }

  test('runs in hardirq: at once, or when interrupts come on', () => {
    const processors = machine()
    expect(raised(processors)).toEqual(['hardirq'])
    const { current } = processors
    const outer = current.irqSave()
    const inner = current.irqSave()
    const ran = raised(processors)
    current.irqRestore(inner)
    expect(ran).toEqual([])
    current.irqRestore(outer)
    expect(ran).toEqual(['hardirq'])
  })

  test('from an NMI it waits for what was interrupted', () => {
    const processors = machine()
    const ran = processors.run(0, 'task', 'task', () => {
      const irqs = processors.current.irqSave()
      const inNmi = processors.run(0, 'nmi', 'nmi', () => raised(processors))
      expect(inNmi).toEqual([])
      processors.current.irqRestore(irqs)
      return inNmi
    })
    expect(ran).toEqual(['hardirq'])
  })

  test('raised twice it runs once; raised from within it runs once more', () => {
    const processors = machine()
    let runs = 0
    const work = makeIrqWork('w', () => {
      if (runs++ === 0) processors.raise(work)
    })
    const irqs = processors.current.irqSave()
    expect([processors.raise(work), processors.raise(work)]).toEqual([true, false])
    processors.current.irqRestore(irqs)
    expect(runs).toBe(2)
  })

  test('lazy: at the tick; without self-interrupt everything is', () => {
    for (const [processors, kind] of [
      [machine(), 'lazy'],
      [machine({ selfInterrupt: false }), undefined],
    ] as const) {
      const ran = raised(processors, kind)
      processors.advance(TICK_NS - 1n)
      expect(ran).toEqual([])
      processors.advance(1n)
      expect(ran).toEqual(['hardirq'])
    }
  })

  test('on RT a thread runs it, where the scheduler could; hard work is an interrupt still', () => {
    const processors = machine({ rt: true })
    expect(raised(processors, 'hard')).toEqual(['hardirq'])
    const ran = raised(processors)
    processors.current.preemptOff++
    processors.advance(TICK_NS)
    expect(ran).toEqual([])
    processors.current.preemptOff--
    processors.advance(1n)
    expect(ran).toEqual(['task'])
  })

  test('flush runs it on its CPU', () => {
    for (const options of [{ selfInterrupt: false }, { rt: true }]) {
      const processors = machine(options)
      const ran: number[] = []
      const work = makeIrqWork('w', () => ran.push(processors.current.id))
      processors.run(1, 'task', 'task', () => processors.raise(work))
      processors.flush(work)
      processors.flush(work)
      expect([ran, work.pending, processors.isPending]).toEqual([[1], false, false])
    }
  })
})

describe('grace periods', () => {
  test('end after their shortest time, in softirq or a task', () => {
    const processors = machine()
    const ran: string[] = []
    processors.callRcu('rcu', () => ran.push(`rcu ${processors.current.context}`))
    processors.callRcu('tasks-trace', () => ran.push(`trace ${processors.current.context}`))
    processors.advance(RCU_NS - 1n)
    expect(ran).toEqual([])
    processors.advance(1n)
    expect(ran).toEqual(['rcu softirq'])
    processors.advance(TASKS_TRACE_NS - RCU_NS)
    expect(ran).toEqual(['rcu softirq', 'trace task'])
  })

  test('wait for readers that were there, not for later ones', () => {
    const processors = machine()
    let ended = 0
    processors.rcu.enter(1)
    processors.callRcu('rcu', () => ended++)
    processors.advance(10n * RCU_NS)
    expect(ended).toBe(0)
    processors.rcu.leave(1)
    processors.rcu.enter(1)
    processors.advance(1n)
    expect(ended).toBe(1)
    processors.callRcu('rcu', () => ended++)
    processors.advance(10n ** 18n)
    expect(ended).toBe(1)
    // A reader of the other flavour is none of this one.
    processors.rcu.leave(1)
    processors.tasksTrace.enter(0)
    processors.advance(1n)
    expect(ended).toBe(2)
  })

  test('a callback waits for a whole one that began after it', () => {
    const processors = machine()
    const ended: bigint[] = []
    processors.callRcu('rcu', () => ended.push(processors.now))
    processors.advance(RCU_NS / 2n)
    processors.callRcu('rcu', () => ended.push(processors.now))
    processors.settle()
    expect(ended).toEqual([RCU_NS, 2n * RCU_NS])
  })

  test('regions with interrupts or preemption off count as readers', () => {
    const processors = machine()
    let ended = 0
    processors.current.preemptOff++
    const irqs = processors.current.irqSave()
    processors.callRcu('rcu', () => ended++)
    processors.advance(5n * RCU_NS)
    processors.current.irqRestore(irqs)
    processors.advance(5n * RCU_NS)
    expect(ended).toBe(0)
    processors.current.preemptOff--
    processors.advance(1n)
    expect(ended).toBe(1)
  })

  test('lazy callbacks wait for company', () => {
    const processors = machine()
    const ended: bigint[] = []
    processors.callRcu('rcu', () => ended.push(processors.now), true)
    processors.callRcu('rcu', () => ended.push(processors.now))
    processors.settle()
    expect(ended.every((at) => at <= 2n * RCU_NS + LAZY_NS)).toBe(true)
    const start = processors.now
    processors.callRcu('rcu', () => ended.push(processors.now), true)
    processors.settle()
    expect(ended.at(-1)! - start).toBe(LAZY_NS + RCU_NS)
  })
})

describe('settle', () => {
  test('does nothing where nothing is deferred, and runs chains to their end', () => {
    const processors = machine()
    expect(processors.settle()).toBe(0n)
    const order: string[] = []
    processors.queueJob(() => {
      order.push('job')
      processors.callRcu('rcu', () => {
        order.push('rcu')
        processors.callRcu('tasks-trace', () => order.push('trace'))
      })
    })
    processors.settle()
    expect([order, processors.isPending]).toEqual([['job', 'rcu', 'trace'], false])
  })

  test('gives up on what waits for somebody on the stack', () => {
    const processors = machine()
    processors.run(0, 'task', 'program', () => {
      processors.rcu.enter(0)
      processors.callRcu('rcu', () => 0)
      processors.settle()
      expect(processors.isPending).toBe(true)
      processors.rcu.leave(0)
    })
    processors.settle()
    expect(processors.isPending).toBe(false)
  })

  test('time does not go back', () => {
    expect(() => machine().advance(-1n)).toThrow(HarenaError)
  })
})

describe('attach points', () => {
  test('run what is attached, not from within itself, and not after it was taken away', () => {
    const processors = machine()
    const { points } = processors
    const point = points.get('slab:lock')
    let probed = 0
    let seen = 0
    const hit = (): void => {
      if (point.active) point.hit(points.running, processors.current.id)
    }
    hit()
    const end = points.attach('slab:lock', () => {
      probed++
      hit()
      if (processors.current.id === 0) processors.run(1, 'task', 'other', hit)
    })
    const endAll = points.listenAll(() => seen++)
    hit()
    // Once on each CPU; what the probe itself set off was missed there.
    expect([probed, point.missed, seen]).toEqual([2, 2, 4])
    end()
    hit()
    expect(probed).toBe(2)
    endAll()
    expect([point.active, points.find('nowhere')]).toEqual([false, undefined])
  })
})
