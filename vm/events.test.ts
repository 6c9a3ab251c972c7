/** The events of a whole machine, through the public entry point: what a program sets off, and where it lands. */
import { describe, expect, test } from 'vitest'
import { FaultError, HarenaError, LockError } from '../errors/errors.ts'
import { assemble, Machine, type MachineEvent, type MachineOptions } from '../index.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  /** A new key each time, the element with `rest` bytes of value. */
  const SOURCE = `
.map table type=hash key=8 value=8 entries=1000 flags=no_prealloc
.map plain type=hash key=8 value=8 entries=1000 flags=no_prealloc elements=kmalloc
.global next: u64
.license "GPL"

.program put type=kprobe
    r6 = next ll
    r1 = *(u64 *)(r6 + 0)
    *(u64 *)(r10 - 8) = r1
    r1 += 1
    *(u64 *)(r6 + 0) = r1
    r1 = table ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    exit

# As much as one CPU's list holds, and one more, before anybody can fill it.
.program drain type=kprobe
    r7 = 0
    r1 = r10
    r1 += -16
    call bpf_local_irq_save
more:
    *(u64 *)(r10 - 8) = r7
    r1 = table ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r7 += 1
    if r7 < 5 goto more
    r6 = r0
    r1 = r10
    r1 += -16
    call bpf_local_irq_restore
    r0 = r6
    exit

.program fill type=kprobe
    r7 = 0
again:
    *(u64 *)(r10 - 8) = r7
    r1 = plain ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r7 += 1
    if r7 < 200 goto again
    r0 = 0
    exit
`

  type Told = Record<string, unknown> & Pick<MachineEvent, 'kind' | 'cpu' | 'context'>

  function listening(options: MachineOptions = {}, program?: string) {
    const machine = new Machine({ engine, seed: 1, ...options })
    const object = machine.load(assemble(SOURCE), program === undefined ? {} : { programs: [program] })
    const events: Told[] = []
    const end = machine.on('event', (event) => events.push({ ...event }))
    const kinds = (): string[] => events.map(({ kind }) => kind)
    const of = (kind: MachineEvent['kind']): Told[] => events.filter((event) => event.kind === kind)
    return { machine, object, events, kinds, of, end }
  }

  describe('events of a machine', () => {
    test('tell the whole of one update, in order', () => {
      const { machine, object, events } = listening({ cpus: 2 }, 'put')
      object.program('put').run({ cpu: 1, context: 'softirq' })
      // Slabs and pages of the refill in the middle are another test's.
      const told = events.filter(({ kind }) => !/^(?:slab|pages)/u.test(kind))
      expect(told.map(({ kind, cpu, context, work, what }) => [kind, cpu, context, work ?? what])).toEqual([
        ['context-enter', 1, 'softirq', 'program put'],
        ['program-start', 1, 'softirq', undefined],
        ['irq-work-raised', 1, 'softirq', 'refill of map table, 72 bytes, CPU 1'],
        ['context-enter', 1, 'hardirq', 'self-interrupt'],
        ['irq-work-run', 1, 'hardirq', 'refill of map table, 72 bytes, CPU 1'],
        ['refill', 1, 'hardirq', undefined],
        ['context-leave', 1, 'hardirq', 'self-interrupt'],
        ['program-end', 1, 'softirq', undefined],
        ['context-leave', 1, 'softirq', 'program put'],
      ])
      machine.close()
    })

    test('number themselves, and are equal for equal seeds', () => {
      const once = (): Told[] => {
        const { machine, object, events } = listening()
        for (let key = 0; key < 100; key++) object.program('put').run()
        machine.settle()
        machine.close()
        return events
      }
      const first = once()
      expect(first.length).toBeGreaterThan(400)
      expect(first.map(({ number }) => number)).toEqual(first.map((_, index) => index + 1))
      expect(once()).toEqual(first)
    })

    test('levels of the list before and after the worker', () => {
      const { machine, object, of } = listening()
      object.program('put').run()
      expect(of('refill')).toMatchObject([{ allocator: 'map table', unit: 72, count: 3, moved: 48 }])
      for (let key = 1; key < 21; key++) object.program('put').run()
      expect(of('refill')).toMatchObject([{}, { count: 31, moved: 48 }])
      for (let key = 0n; key < 18n; key++) object.map('table').delete(key)
      expect(of('trim')).toMatchObject([{ allocator: 'map table', unit: 72, count: 97, moved: 33 }])
      machine.settle()
      expect(of('grace-period-end')).toMatchObject([{ flavour: 'tasks-trace', callbacks: 1 }])
      machine.close()
    })

    test('slabs, and pages by owner, balance', () => {
      const { machine, object, of } = listening()
      object.program('fill').run()
      const before = machine.statistics().pages.byOwner.SLAB ?? 0
      expect(of('slab-new').length).toBeGreaterThan(1)
      expect(of('slab-slow').length).toBeGreaterThanOrEqual(of('slab-new').length)
      for (let key = 0n; key < 200n; key++) object.map('plain').delete(key)
      machine.settle()
      const owned = (owner: string): number =>
        [...of('pages-alloc'), ...of('pages-free')]
          .filter((event) => event.owner === owner)
          .reduce((sum, { kind, pages }) => sum + (kind === 'pages-alloc' ? 1 : -1) * Number(pages), 0)
      const after = machine.statistics().pages.byOwner.SLAB ?? 0
      expect(before).toBeGreaterThan(0)
      expect([owned('context'), owned('stack') >= 0]).toEqual([0, true])
      expect(owned('slab')).toBe(after - (slabsAtLoad() ?? 0))
      machine.close()
    })

    test('a failed allocation names who had nothing, and how much was asked for', () => {
      const { machine, object, of } = listening()
      expect(object.program('drain').run().retval).toBe(2 ** 32 - 12)
      expect(of('alloc-failed')).toMatchObject([{ allocator: 'map table', size: 72, context: 'task' }])
      machine.close()
    })

    test('at the limit of memory', () => {
      const { machine, object, of } = listening({ memoryLimit: 15 * 4096 })
      object.program('fill').run()
      const failed = of('alloc-failed').map(({ allocator, size }) => `${allocator} ${size}`)
      expect(failed[0]).toBe('pages 4096')
      expect(failed).toContain('kmalloc 64')
      machine.close()
    })

    test('a program that does not come to its end', () => {
      const machine = new Machine({ engine })
      const object = machine.load(assemble('.program wild type=syscall\n r1 = 0\n *(u64 *)(r1 + 0) = r1\n exit\n'), {
        unchecked: true,
      })
      const ends: unknown[] = []
      machine.on('event', (event) => {
        if (event.kind === 'program-end') ends.push([event.program, event.completed])
      })
      expect(() => object.program('wild').run()).toThrow(FaultError)
      expect(ends).toEqual([['wild', false]])
      machine.close()
    })

    test('a lock that its own CPU holds', () => {
      const { machine, object, of } = listening()
      object.program('fill').attach('page:unlock')
      expect(() => object.program('fill').run()).toThrow(LockError)
      expect(of('lock-contended')).toMatchObject([{ lock: 'the zone lock', holder: 0, cpu: 0 }])
      machine.close()
    })

    test('what a listener may not do', () => {
      const { machine, object } = listening()
      machine.on('event', () => object.program('put').run())
      expect(() => object.program('put').run()).toThrow(
        new HarenaError('a listener of events makes the machine do something: let it only look on'),
      )
      machine.close()
    })

    test('a machine is not closed by whom it calls in the middle of its work', () => {
      const refused = new HarenaError('the machine is at work: close it afterwards')
      const { machine, object } = listening()
      const detach = machine.on('event', () => machine.close())
      expect(() => object.program('put').run()).toThrow(refused)
      detach()
      if (engine === 'interpreter')
        expect(() => object.program('put').run({ hook: () => machine.close() })).toThrow(refused)
      expect(object.program('put').run().retval).toBe(0)
      machine.close()
    })

    test('a listener is a function, time is whole', () => {
      const machine = new Machine({ engine })
      expect(() => machine.on('event', 5 as never)).toThrow(new HarenaError('a listener is a function, not 5'))
      for (const ns of [1.5, Number.NaN, 'x' as never]) {
        expect(() => machine.advance(ns)).toThrow(new HarenaError(`nanoseconds are a whole number, not ${ns}`))
      }
      machine.close()
      expect(() => new Machine({ engine, rt: 'yes' as never })).toThrow(new HarenaError('rt is true or false, not yes'))
    })

    test('what there is to listen to', () => {
      const machine = new Machine({ engine })
      const on = machine.on as (about: string, listener: () => void) => () => void
      expect(() => on.call(machine, 'events', () => undefined)).toThrow(
        /a machine tells of output, event.*, not of events/,
      )
      machine.close()
      expect(() => machine.on('event', () => undefined)).toThrow(new HarenaError('the machine is closed'))
    })
  })

  describe('deferred work goes to the right place', () => {
    /** Where the refill was raised, and where it ran; after so many nanoseconds. */
    function refill(options: MachineOptions, context: 'task' | 'nmi', ns: number) {
      const { machine, object, of } = listening({ cpus: 2, ...options })
      object.program('put').run({ cpu: 1, context })
      const raised = of('irq-work-raised').map(({ cpu, list, context: where }) => [cpu, list, where])
      const at = (): unknown[] => of('irq-work-run').map(({ cpu, context: where }) => [cpu, where])
      const during = at()
      const ended = of('program-end').length
      machine.advance(ns)
      const events = { raised, during, after: at(), ended, failures: of('alloc-failed').length }
      machine.close()
      return events
    }

    test.each([
      ['at once', {}, 'task', 0, [1, 'raised', 'task'], [[1, 'hardirq']], [[1, 'hardirq']]],
      ['when the NMI is left', {}, 'nmi', 0, [1, 'raised', 'nmi'], [[1, 'hardirq']], [[1, 'hardirq']]],
      ['on RT not before the thread runs', { rt: true }, 'task', 0, [1, 'threaded', 'task'], [], []],
      ['on RT in a thread', { rt: true }, 'task', 1, [1, 'threaded', 'task'], [], [[1, 'task']]],
      ['on RT in a thread, from an NMI too', { rt: true }, 'nmi', 1, [1, 'threaded', 'nmi'], [], [[1, 'task']]],
      [
        'without self-interrupt not before the tick',
        { policies: { selfInterrupt: false } },
        'nmi',
        999_999,
        [1, 'raised', 'nmi'],
        [],
        [],
      ],
      [
        'without self-interrupt at the tick',
        { policies: { selfInterrupt: false } },
        'task',
        1_000_000,
        [1, 'raised', 'task'],
        [],
        [[1, 'hardirq']],
      ],
      [
        'on RT without self-interrupt in a thread',
        { rt: true, policies: { selfInterrupt: false } },
        'task',
        1,
        [1, 'threaded', 'task'],
        [],
        [[1, 'task']],
      ],
    ] as const)('%s', (_, options, context, ns, raised, during, after) => {
      expect(refill(options, context, ns)).toEqual({ raised: [raised], during, after, ended: 1, failures: 0 })
    })
  })

  /** Pages of slabs when the machine was loaded and nothing had run. */
  function slabsAtLoad(): number | undefined {
    const machine = new Machine({ engine, seed: 1 })
    machine.load(assemble(SOURCE))
    const { SLAB } = machine.statistics().pages.byOwner
    machine.close()
    return SLAB
  }
})
