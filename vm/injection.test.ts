/** Programs injected before steps, through the public entry point. */
import { describe, expect, test } from 'vitest'
import { makeCpus } from '../cpu/cpu.ts'
import { Locks } from '../cpu/locks.ts'
import { Processors } from '../cpu/processors.ts'
import { ErrnoError, FaultError, HarenaError } from '../errors/errors.ts'
import { assemble, type InjectionOptions, type LoadedObject, Machine, type MachineOptions } from '../index.ts'
import { Kmalloc } from '../memalloc/kmalloc.ts'
import { PageLists } from '../memalloc/page-lists.ts'
import { PageAllocator } from '../memalloc/pages.ts'
import { checkSlabs } from '../memalloc/slab-invariants.ts'
import type { Memory } from '../memory/memory.ts'
import { plainSteps } from '../memory/steps.ts'

/** More rounds of what is random. */
const LONG: boolean = process.env.HARENA_LONG !== undefined

/** An update of a dynamic map and a round of bpf_mem_alloc; of two keys, from `key` on, one stays. */
const round = (name: string, type: string, key: number, lost: string): string => `
.program ${name} type=${type}
    r6 = ${key}
next:
    *(u64 *)(r10 - 8) = r6
    r1 = table ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    if r0 == 0 goto stored
    r1 = ${lost} ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
stored:
    r1 = 100
    call bpf_mem_alloc
    if r0 == 0 goto none
    r1 = 0x5a5a5a5a5a5a5a5a ll
    r1 += r6
    *(u64 *)(r0 + 0) = r1
    *(u64 *)(r0 + 88) = r1
    r7 = r0
    r2 = *(u64 *)(r0 + 0)
    r3 = *(u64 *)(r7 + 88)
    if r2 != r1 goto broken
    if r3 == r1 goto whole
broken:
    r1 = corrupt ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
whole:
    r1 = r7
    call bpf_mem_free
none:
    r6 += 1
    if r6 < ${key + 2} goto next
    r6 = ${key}
    *(u64 *)(r10 - 8) = r6
    r1 = table ll
    r2 = r10
    r2 += -8
    call bpf_map_delete_elem
    r0 = 0
    exit
`

const SOURCE = `
.map table type=hash key=8 value=8 entries=64 flags=no_prealloc
.global corrupt: u64
.global lost: u64
.global refused: u64
.global place: u64
.license "GPL"
${round('work', 'syscall', 0, 'lost')}
${round('probe', 'kprobe', 10, 'refused')}
${round('other', 'syscall', 20, 'refused')}

.program where type=kprobe
    call bpf_get_smp_processor_id
    r1 = place ll
    r0 += 1
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit

.program idle type=kprobe
    r0 = 1
    r0 += 1
    r0 += 1
    exit

.program packets type=xdp
    r0 = 2
    exit

.program sleeps type=kprobe sleepable
    r0 = 0
    exit
`

const OBJECT = assemble(SOURCE)

function load(options: MachineOptions = {}, programs?: readonly string[]) {
  const machine = new Machine({ engine: 'interpreter', seed: 1, injection: true, ...options })
  const object = machine.load(OBJECT, programs === undefined ? {} : { programs })
  return { machine, object }
}

/** Kernel memory as a run sees it. */
function memoryOf(object: LoadedObject, program: string): Memory {
  let memory: Memory | undefined
  object.program(program).run({
    hook: (_, state) => {
      memory = state.kernel
    },
  })
  return memory!
}

/** Objects of all slabs that are in use, after walking every list of the allocators. */
function objectsInUse(memory: Memory, cpus = 1): number {
  const steps = plainSteps(memory)
  const locks = new Locks(steps, new Processors(makeCpus(cpus, 1n)))
  return checkSlabs(
    new Kmalloc(memory, steps, locks, new PageLists(new PageAllocator(memory, steps, locks), steps, locks)),
  ).size
}

/** Pages in use by owner, but for slabs, which stay for a while when they are empty. */
function pagesOf(memory: Memory): Readonly<Record<string, number>> {
  const { byOwner } = new PageAllocator(memory, plainSteps(memory)).statistics()
  const { SLAB, ...others } = byOwner
  expect(SLAB).toBeGreaterThan(0)
  return others
}

/** Objects on all lists of all bpf_mem_alloc caches; statistics walk them, and throw where one is there twice. */
function listed(machine: Machine, allocator = /./u): number {
  const lists = ['F', 'X', 'R', 'XR', 'W', 'T', 'WT'] as const
  return machine
    .statistics()
    .caches.filter(({ name }) => allocator.test(name))
    .flatMap((cache) => lists.map((list) => cache[list]))
    .reduce((sum, count) => sum + count, 0)
}

describe('an NMI before every step of a program that updates a dynamic map and takes memory', () => {
  /** Pages by owner at the end of the first run, which all others must leave too. */
  let pages: ReturnType<typeof pagesOf> | undefined

  /** Whether step `at` came. What was there before and after is compared to the last object. */
  function interrupted(at: number, options: MachineOptions, injection: Partial<InjectionOptions>): boolean {
    const { machine, object } = load(options, ['work', 'probe', 'other', 'idle'])
    const memory = memoryOf(object, 'idle')
    const injected = object.program('probe').inject({ context: 'nmi', at, ...injection })
    expect(object.program('work').run().retval).toBe(0)
    injected.end()
    machine.settle()
    const value = (name: string): bigint => object.global(name).get() as bigint
    expect([value('corrupt'), value('lost')]).toEqual([0n, 0n])
    // Keys of the program are there, and of the NMI those that it got memory for and was not refused.
    const table = object.map('table')
    const keys = [...table.keys()].map(Number).sort((a, b) => a - b)
    const came = injected.runs === 1
    expect(keys.filter((key) => key < 10)).toEqual([1])
    const others = keys.filter((key) => key >= 10)
    if (value('refused') === 0n) expect(others).toEqual(came ? [11] : [])
    else expect([came, others.every((key) => key <= 11)]).toEqual([true, true])
    for (const key of keys) expect(table.delete(key)).toBe(true)
    expect([...table.keys()]).toEqual([])
    machine.settle()
    // Every object is on one list, exactly once: none lost, none handed out twice. What the map's own caches hold goes
    // back to the slabs with it, to the last.
    const left = listed(machine, /^bpf_global_ma$/u)
    table.map.destroy()
    machine.settle()
    expect(objectsInUse(memory)).toBe(left)
    pages ??= pagesOf(memory)
    expect(pagesOf(memory)).toEqual(pages)
    machine.close()
    return came
  }

  test.each([
    ['instructions', {}, { steps: 'instructions' }],
    ['accesses of the allocators', {}, { steps: 'memory' }],
    ['both, on RT', { rt: true }, {}],
    ['both, without self-interrupt', { policies: { selfInterrupt: false } }, {}],
  ] as const)('%s', { timeout: 120_000 }, (_, options, injection) => {
    let at = 1
    while (interrupted(at, options, injection)) at++
    expect(at).toBeGreaterThan(50)
  })
})

describe('other CPUs, at random', () => {
  test.each([2, 8])('%i CPUs', { timeout: 60_000 }, (cpus) => {
    const { machine, object } = load({ cpus })
    const memory = memoryOf(object, 'idle')
    const injected = [
      object.program('probe').inject({ context: 'nmi', at: 'random', oneIn: 40 }),
      object.program('other').inject({ context: 'task', cpu: cpus - 1, at: 'random', oneIn: 40, seed: 7 }),
      object.program('probe').inject({ context: 'hardirq', at: 'random', oneIn: 40, seed: 8 }),
    ]
    for (let round = 0; round < (LONG ? 10_000 : 500); round++) {
      expect(object.program('work').run({ cpu: round % (cpus - 1) }).retval).toBe(0)
      if (round % 10 === 0) machine.settle()
    }
    for (const one of injected) {
      expect(one.runs).toBeGreaterThan(20)
      one.end()
    }
    // A hardirq does not come while interrupts are off, nor another CPU's task where it might wait for a lock.
    expect(injected.slice(1).map(({ refused }) => refused > 0)).toEqual([true, true])
    machine.settle()
    expect(object.global('corrupt').get()).toBe(0n)
    const table = object.map('table')
    for (const key of [...table.keys()]) expect(table.delete(key)).toBe(true)
    machine.settle()
    expect(objectsInUse(memory, cpus)).toBe(listed(machine))
    const left = listed(machine, /^bpf_global_ma$/u)
    table.map.destroy()
    machine.settle()
    expect(objectsInUse(memory, cpus)).toBe(left)
    machine.close()
  })
})

describe('where and how often', () => {
  test('before each instruction of another program, on its CPU, in the context asked for', () => {
    const { machine, object } = load({ cpus: 3 })
    const seen: string[] = []
    const end = machine.on('event', ({ kind, cpu, context }) => seen.push(`${kind} ${cpu} ${context}`))
    const injected = object.program('where').inject({ context: 'hardirq', at: 'each', steps: 'instructions' })
    object.program('idle').run({ cpu: 2 })
    end()
    expect([injected.runs, injected.steps, injected.refused]).toEqual([4, 4, 0])
    expect(seen.filter((line) => line.startsWith('program-start'))).toEqual([
      'program-start 2 task',
      ...Array.from({ length: 4 }, () => 'program-start 2 hardirq'),
    ])
    expect(object.global('place').get()).toBe(3n)
    machine.close()
  })

  test('before one step, once', () => {
    const { machine, object } = load()
    const injected = object.program('where').inject({ context: 'nmi', at: 3, steps: 'instructions' })
    const runs: number[] = []
    for (let run = 0; run < 2; run++) object.program('idle').run({ hook: () => runs.push(injected.runs) })
    // The hook of the run sees each instruction, and the exit, before whatever is injected there.
    expect(runs).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    expect([injected.program, injected.runs, injected.steps]).toEqual(['where', 1, 8])
    machine.close()
  })

  test('what is masked comes as soon as the CPU takes it', () => {
    const { machine, object } = load()
    const injected = object.program('where').inject({ context: 'softirq', at: 2, steps: 'instructions' })
    object.program('idle').run({ context: 'hardirq' })
    expect([injected.runs, injected.refused]).toEqual([0, 3])
    object.program('idle').run()
    expect([injected.runs, injected.refused]).toEqual([1, 3])
    machine.close()
  })

  test('another CPU works meanwhile', () => {
    const { machine, object } = load({ cpus: 2 })
    const injected = object.program('where').inject({ context: 'task', cpu: 1, at: 'each', steps: 'instructions' })
    object.program('idle').run({ cpu: 0 })
    expect([injected.runs, object.global('place').get()]).toEqual([4, 2n])
    object.program('idle').run({ cpu: 1 })
    expect([injected.runs, injected.refused]).toEqual([4, 4])
    machine.close()
  })

  test('into what user space asks for', () => {
    const { machine, object } = load()
    const injected = object.program('where').inject({ context: 'nmi', at: 'each', steps: 'memory' })
    object.map('table').set(1n, 1n)
    expect(injected.runs).toBeGreaterThan(10)
    const { steps } = injected
    // Looking on is nothing that the machine does.
    machine.statistics()
    expect(injected.steps).toBe(steps)
    machine.close()
  })

  test('not into another injected program', () => {
    const { machine, object } = load()
    const one = object.program('probe').inject({ context: 'nmi', at: 1, steps: 'instructions' })
    const two = object.program('where').inject({ context: 'nmi', at: 'each', steps: 'instructions' })
    object.program('idle').run()
    expect([one.runs, two.runs]).toEqual([1, 4])
    machine.close()
  })

  test('not any more when it was ended, by a listener of its own output too', () => {
    const machine = new Machine({ engine: 'interpreter', injection: true })
    const object = machine.load(
      assemble(`
.program says type=kprobe
    r1 = 0x6968 ll
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    r2 = 3
    call bpf_trace_printk
    r0 = 0
    exit
.program idle type=kprobe
    r0 = 0
    exit
`),
    )
    const before = machine.statistics().pages.byOwner.CONTEXT
    const injected = object.program('says').inject({ context: 'nmi', at: 'each' })
    const lines: string[] = []
    machine.on('output', (line) => {
      lines.push(line)
      injected.end()
    })
    object.program('idle').run()
    injected.end()
    object.program('idle').run()
    expect([lines, injected.runs]).toEqual([['hi'], 1])
    expect(machine.statistics().pages.byOwner.CONTEXT).toBe(before)
    machine.close()
  })

  test('at random, by the seed', () => {
    const runs = (options: MachineOptions, seed?: number): readonly number[] => {
      const { machine, object } = load(options)
      const injected = object.program('where').inject({
        context: 'nmi',
        at: 'random',
        oneIn: 4,
        ...(seed === undefined ? {} : { seed }),
      })
      const counts = Array.from({ length: 8 }, () => {
        object.program('work').run()
        return injected.runs
      })
      machine.close()
      return counts
    }
    expect(runs({})).toEqual(runs({}))
    expect(runs({ seed: 5 })).toEqual(runs({}, 5))
    expect(runs({}, 5)).not.toEqual(runs({}, 6))
  })

  test('packets of its own', () => {
    const { machine, object } = load()
    const xdp = object.program('packets').inject({ context: 'softirq', at: 'each', data: new Uint8Array(64) })
    object.program('idle').run()
    expect(xdp.runs).toBeGreaterThan(3)
    xdp.end()
    const short = { context: 'softirq', at: 'each', data: new Uint8Array(3) } as const
    expect(() => object.program('packets').inject(short)).toThrow(ErrnoError)
    machine.close()
  })

  test('a machine that closes ends what is injected', () => {
    const { machine, object } = load()
    const injected = object.program('where').inject({ context: 'nmi', at: 'each' })
    machine.close()
    injected.end()
    expect(injected.runs).toBe(0)
    expect(() => object.program('where').inject({ context: 'nmi', at: 'each' })).toThrow('the machine is closed')
  })

  test('what an injected program faults with reaches whoever is interrupted', () => {
    const machine = new Machine({ engine: 'interpreter', injection: true })
    const text = '.program wild type=kprobe\n r1 = 0\n *(u64 *)(r1 + 0) = r1\n exit\n'
    const wild = machine.load(assemble(text), { unchecked: true }).program('wild')
    const idle = machine.load(assemble('.program idle type=kprobe\n r0 = 0\n exit\n')).program('idle')
    const injected = wild.inject({ context: 'nmi', at: 2 })
    expect(() => idle.run()).toThrow(FaultError)
    injected.end()
    expect(idle.run().retval).toBe(0)
    machine.close()
  })
})

describe('what cannot be', () => {
  const nmi: InjectionOptions = { context: 'nmi', at: 'each' }

  test.each([
    ['work', nmi, 'program work: syscall programs run in task context only, not in nmi'],
    ['packets', nmi, 'program packets: xdp programs run in task or softirq context, not in nmi'],
    ['sleeps', nmi, 'program sleeps: sleepable kprobe programs run in task context only, not in nmi'],
    [
      'where',
      { context: 'task', at: 1 },
      'program where: a task interrupts nobody; name the other CPU that it runs on',
    ],
    ['where', { ...nmi, cpu: 1 }, 'there is no CPU 1: they are 0 to 0'],
    ['where', { ...nmi, context: 'irq' }, 'context is one of task, softirq, hardirq, nmi, not irq'],
    ['where', { ...nmi, at: 0 }, 'program where: at is a step from 1, each or random, not 0'],
    ['where', { ...nmi, at: 1.5 }, 'program where: at is a step from 1, each or random, not 1.5'],
    ['where', { ...nmi, at: 'all' }, 'program where: at is a step from 1, each or random, not all'],
    ['where', { ...nmi, oneIn: 4 }, "program where: oneIn goes with at: 'random', not with at: each"],
    ['where', { ...nmi, onein: 4 }, 'program where: an injection has no option onein; did you mean oneIn?'],
    ['where', { ...nmi, at: 'random', oneIn: 0 }, 'program where: oneIn is a number of steps from 1, not 0'],
    ['where', { ...nmi, steps: 'all' }, 'program where: steps is one of both, instructions, memory, not all'],
    ['where', { ...nmi, seed: 0.5 }, 'program where: seed is a whole number, not 0.5'],
  ])('%s %o', (program, options, message) => {
    const { machine, object } = load()
    const before = machine.statistics()
    expect(() => object.program(program).inject(options as InjectionOptions)).toThrow(new HarenaError(message))
    expect(machine.statistics()).toEqual(before)
    machine.close()
  })

  test('on a machine that was made without', () => {
    const { machine, object } = load({ injection: false })
    expect(() => object.program('where').inject(nmi)).toThrow(
      new HarenaError('program where: only a machine made with injection: true is injected into'),
    )
    machine.close()
  })

  test('as an option of the machine', () => {
    const options = { injection: 'yes' } as unknown as MachineOptions
    expect(() => new Machine(options)).toThrow(new HarenaError('injection is true or false, not yes'))
  })
})
