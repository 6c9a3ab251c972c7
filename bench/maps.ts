/**
 * Hash maps under the load that preallocation was made for in 2016: a key is updated, looked up and deleted soon after.
 * Each design of where elements come from, by the map's own operations, which helpers call, by user space's (map.set,
 * get, delete) and by a program on the interpreter, in turns, so that what else the host does slows all of them alike.
 */
import { assemble, type LoadedObject, Machine, type MachineOptions } from '../index.ts'
import { ELEMENT_SUPPLIES } from '../program/types.ts'
import { ENTRIES, mapTriples, OBJECTS, TRIPLES } from './map-programs.ts'
import { type Measurement, median, time } from './measure.ts'

type Policies = NonNullable<MachineOptions['policies']>
type Elements = NonNullable<Policies['elements']>

/** One design: what its rows are called, and how its machine is made. */
interface Design {
  readonly name: string
  readonly policies: Policies
  /** Part of the first design's speed that it is meant to have. */
  readonly target?: number
}

const PREALLOCATED: Design = { name: 'prealloc', policies: { elements: 'prealloc' } }

/** Those that are compared in the first place: measured before others have made the code's calls polymorphic. */
const MAIN: readonly Design[] = [
  PREALLOCATED,
  { name: 'bpf_mem_alloc', policies: { elements: 'bpf_mem_alloc' }, target: 0.9 },
  { name: 'kmalloc', policies: { elements: 'kmalloc' } },
]

/**
 * Supplies with rows of their own; and allocation by irq_work: what it fetches is for the next update, so that every other
 * one fails.
 */
const ELSEWHERE: ReadonlySet<Elements> = new Set(['prealloc', 'bpf_mem_alloc', 'kmalloc', 'irq-work'])

/** Behind preallocation once more, as what they are compared with. */
const OTHERS: readonly Design[] = [
  { ...PREALLOCATED, name: 'prealloc again' },
  { name: 'bpf_mem_alloc, slab=own', policies: { elements: 'bpf_mem_alloc', slab: 'own' } },
  { name: 'bpf_mem_alloc, adaptive', policies: { elements: 'bpf_mem_alloc', watermarks: 'adaptive' } },
  ...ELEMENT_SUPPLIES.filter((elements) => !ELSEWHERE.has(elements)).map(
    (elements): Design => ({ name: elements, policies: { elements } }),
  ),
]

/** A machine, and what is timed on it. */
interface Bench {
  readonly machine: Machine
  run(): void
}

/** Key and value of the map's own operations, in an array's first value. */
const OFFSET_OF_VALUE = 8

/** What a program's helper and bpf(2) come down to: the map's own operations. */
function operations({ policies }: Design): Bench {
  const machine = new Machine({ seed: 1, policies })
  const { map } = machine.createMap(attributes('hash', 4, ENTRIES))
  const buffers = machine.createMap(attributes('array', 16, 1))
  const key = Number(buffers.info.valueAddress & 0xffff_ffffn)
  return {
    machine,
    run: () => {
      for (let triple = 0; triple < TRIPLES; triple++) {
        const failed = map.update(key, key + OFFSET_OF_VALUE, 0) !== 0 || map.lookup(key) === 0 || map.delete(key) !== 0
        if (failed) throw new Error('the map lost its key')
      }
      machine.settle()
    },
  }
}

/** What user space does. */
function userSpace({ policies }: Design): Bench {
  const machine = new Machine({ seed: 1, policies })
  const map = machine.createMap(attributes('hash', 8, ENTRIES))
  return {
    machine,
    run: () => {
      for (let triple = 0; triple < TRIPLES; triple++) {
        map.set(7, 1n)
        if (map.get(7) !== 1n || !map.delete(7)) throw new Error('the map lost its key')
      }
      machine.settle()
    },
  }
}

function attributes(
  type: 'hash' | 'array',
  valueSize: number,
  maxEntries: number,
): Parameters<Machine['createMap']>[0] {
  return { name: type, type, keySize: 4, valueSize, maxEntries, flags: 0, extra: 0n }
}

/** A program that does the same. */
function interpreted({ policies }: Design): Bench {
  const machine = new Machine({ seed: 1, policies, engine: 'interpreter' })
  return programBench(machine, machine.load(assemble(mapTriples())), 'triples')
}

function programBench(machine: Machine, object: LoadedObject, name: string): Bench {
  const program = object.program(name)
  return {
    machine,
    run: () => {
      if (program.run().retval !== 0) throw new Error(`${name} has failed`)
      machine.settle()
    },
  }
}

/** Short turns, and many: what else the host does then meets all designs. */
const TURNS = 50

/** Million operations a second of each, turn by turn. */
function inTurns(benches: readonly Bench[]): readonly (readonly number[])[] {
  for (const { run } of benches) for (let warmUp = 0; warmUp < 10; warmUp++) run()
  const speeds: number[][] = benches.map(() => [])
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [index, { run }] of benches.entries()) speeds[index]!.push(TRIPLES / time(run) / 1000)
  }
  for (const { machine } of benches) machine.close()
  return speeds
}

function measured(title: string, designs: readonly Design[], make: (design: Design) => Bench): Measurement[] {
  const speeds = inTurns(designs.map(make))
  const reference = speeds[0]!
  return designs.map(({ name, target }, index) => {
    // Turn by turn: the turns of a slow moment are slow for both.
    const parts = speeds[index]!.map((speed, turn) => speed / reference[turn]!)
    const relation = { part: median(sorted(parts)), of: designs[0]!.name }
    return figure(`${title}, ${name}`, speeds[index]!, target === undefined ? '' : `>= ${target} of prealloc`, relation)
  })
}

function sorted(values: readonly number[]): readonly number[] {
  return [...values].sort((a, b) => a - b)
}

function figure(
  name: string,
  speeds: readonly number[],
  target: string,
  relation?: NonNullable<Measurement['relation']>,
): Measurement {
  const values = sorted(speeds)
  return {
    name,
    unit: 'M/s',
    median: median(values),
    best: values.at(-1)!,
    worst: values[0]!,
    target,
    ...(relation === undefined ? {} : { relation }),
  }
}

/** bpf_obj_new with bpf_obj_drop, and with a bpf_kptr_xchg into a map value in between. */
function objects(): Measurement[] {
  const names = ['new_drop', 'new_xchg_drop']
  const speeds = inTurns(
    names.map((name) => {
      const machine = new Machine({ seed: 1 })
      return programBench(machine, machine.load(assemble(OBJECTS)), name)
    }),
  )
  const titles = ['bpf_obj_new, bpf_obj_drop', 'bpf_obj_new, bpf_kptr_xchg, bpf_obj_drop']
  return titles.map((title, index) => figure(title, speeds[index]!, ''))
}

export function mapSpeeds(): Measurement[] {
  return [
    ...measured('update, look-up, delete: map operations', MAIN, operations),
    ...measured('update, look-up, delete: interpreter', MAIN, interpreted),
    ...measured('update, look-up, delete: map.set, get, delete', MAIN, userSpace),
    ...measured('update, look-up, delete: map operations', OTHERS, operations),
    ...measured('update, look-up, delete: interpreter', OTHERS, interpreted),
    ...objects(),
  ]
}
