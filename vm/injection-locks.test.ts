/** Programs injected under locks that they want themselves: what is reported, and how it is avoided. */
import { describe, expect, test } from 'vitest'
import { LockError } from '../errors/errors.ts'
import { assemble, type InjectionOptions, Machine } from '../index.ts'

/** Two programs that take locks of the allocators. */
const LOCKING = assemble(`
.map plain type=hash key=8 value=8 entries=1000 flags=no_prealloc elements=kmalloc
.global place: u64
.license "GPL"

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
    if r7 < 100 goto again
    r0 = 0
    exit

# Another key each time, with memory from kmalloc.
.program one type=kprobe
    r6 = place ll
    r1 = *(u64 *)(r6 + 0)
    r1 += 1
    *(u64 *)(r6 + 0) = r1
    r1 += 500
    *(u64 *)(r10 - 8) = r1
    r1 = plain ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r0 = 0
    exit
`)

function load(cpus = 1) {
  const machine = new Machine({ engine: 'interpreter', seed: 1, injection: true, cpus })
  return { machine, object: machine.load(LOCKING) }
}

describe('lock reports name both stacks', () => {
  /** The report of the first step at which `one` cannot go on. */
  function report(injection: InjectionOptions, cpus = 1): LockError {
    for (let at = 1; ; at++) {
      const { machine, object } = load(cpus)
      try {
        const injected = object.program('one').inject({ ...injection, at })
        object.program('fill').run()
        expect(injected.runs, 'a step under a lock').toBe(1)
      } catch (error) {
        if (!(error instanceof LockError)) throw error
        // User space takes memory for the run: not what is looked for.
        if (error.report.held[0]?.what !== 'user space') return error
      } finally {
        machine.close()
      }
    }
  }

  test('an NMI that wants a lock of its own CPU', () => {
    const error = report({ context: 'nmi', at: 1, steps: 'memory' })
    expect(error.report.kind).toBe('deadlock')
    expect(error.message.replace(/step \d+/u, 'step N').split('\n')).toEqual([
      expect.stringMatching(/^deadlock: CPU 0 waits for .* lock.*, which it holds itself$/u),
      '  taken by',
      '    CPU 0, task: program fill',
      '  wanted by',
      '    CPU 0, nmi: program one',
      '    CPU 0, task: injected before step N',
      '    CPU 0, task: program fill',
    ])
  })

  test('another CPU that would wait for a paused one', () => {
    const error = report({ context: 'task', cpu: 1, at: 1, steps: 'memory', whileLocked: true }, 2)
    const { kind, cpu, holder, held, wanted } = error.report
    expect({ kind, cpu, holder, held, wanted: wanted.filter(({ what }) => !what.startsWith('injected')) }).toEqual({
      kind: 'impossible-schedule',
      cpu: 1,
      holder: 0,
      held: [{ cpu: 0, context: 'task', what: 'program fill' }],
      wanted: [
        { cpu: 0, context: 'task', what: 'program fill' },
        { cpu: 1, context: 'task', what: 'program one' },
      ],
    })
  })

  test('a lock that user space took', () => {
    const { machine, object } = load()
    object.program('one').inject({ context: 'nmi', at: 'each', steps: 'memory' })
    let report: LockError | undefined
    try {
      for (let key = 0n; key < 300n; key++) object.map('plain').set(key, key)
    } catch (error) {
      if (!(error instanceof LockError)) throw error
      report = error
    }
    expect(report?.report.held).toEqual([{ cpu: 0, context: 'task', what: 'user space' }])
    machine.close()
  })

  test('without whileLocked it does not come to that', () => {
    const { machine, object } = load(2)
    const injected = object.program('one').inject({ context: 'task', cpu: 1, at: 'each', steps: 'memory' })
    object.program('fill').run()
    expect([injected.runs > 0, injected.refused > 0]).toEqual([true, true])
    machine.close()
  })
})
