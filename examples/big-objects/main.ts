/**
 * What has to lie ready so that a burst finds memory where none can be fetched: all of it (preallocation), some on a list
 * of each CPU (bpf_mem_alloc), or nothing of the map's own (kmalloc for any context, which takes from the slabs there and
 * then; what it leaves behind are empty slabs, for everybody).
 *
 * Lists hold up to 24 KiB: plenty of small objects, and so few large ones that most of a burst fails.
 */
import { HarenaError, Machine, type MachinePolicies, type ObjectSpec } from '../../index.ts'
import { assembleFile } from '../../node.ts'
import type { Engine, OwnEngine, Print } from '../example.ts'

export const ownOnly: string = 'Linux has no choice of where map elements come from, and shows no pages of them'

type Elements = NonNullable<MachinePolicies['elements']>

const DESIGNS: readonly Elements[] = ['prealloc', 'bpf_mem_alloc', 'kmalloc_nolock']
const SIZES = [64, 128, 256, 512, 1024, 2048, 4096] as const
const CPUS = 4
const BURST = 64

/** Of an element: what the map keeps beside the value. */
const HEAD_AND_KEY = 56

interface Result {
  /** Pages that the map holds for elements when it is empty, and all CPUs but the first have used it. */
  readonly idle: number
  /** Updates of a burst that failed: on a CPU that never used the map, and on one that did. */
  readonly cold: number
  readonly warm: number
  /** Pages at the end of both bursts. */
  readonly busy: number
}

export async function run(print: Print, engine?: Engine): Promise<void> {
  if (engine === 'linux') throw new HarenaError(ownOnly)
  const spec = await assembleFile(`${import.meta.dirname}/big-objects.bpf.s`)
  print(
    `Maps of 256 elements on ${CPUS} CPUs. Pages that an empty map holds for elements; updates that fail of a burst of`,
  )
  print(
    `${BURST} with interrupts off, on a CPU that has not used the map before, and on one that has; pages after both.`,
  )
  print(
    `           ${DESIGNS.map((name) => name.padEnd(25))
      .join('')
      .trimEnd()}`,
  )
  print(`element${'    idle cold warm  pages'.repeat(DESIGNS.length)}`)
  for (const size of SIZES) {
    const cells = DESIGNS.map((elements) => cell(measure(sized(spec, size), engine, elements)))
    print(`${String(size).padStart(7)}${cells.join('')}`)
  }
  print('What kmalloc_nolock holds for an empty map are slabs without objects, which serve everybody.')
}

/** The same object with elements of this size. */
function sized(spec: ObjectSpec, size: number): ObjectSpec {
  const maps = spec.maps.map((map) => (map.name === 'log' ? { ...map, valueSize: size - HEAD_AND_KEY } : map))
  return { ...spec, maps }
}

function cell({ idle, cold, warm, busy }: Result): string {
  const [first, second, third, fourth] = [idle, cold, warm, busy].map((count) => String(count).padStart(5))
  return `   ${first}${second}${third}  ${fourth}`
}

function measure(spec: ObjectSpec, engine: OwnEngine, elements: Elements): Result {
  const without = withMachine(engine, 'kmalloc_nolock', (machine) => {
    machine.load(spec)
    return used(machine)
  })
  return withMachine(engine, elements, (machine) => {
    const object = machine.load(spec)
    const on = (name: string, cpu: number, first: number): number =>
      object.program(name).run({ cpu, ctx: new Uint8Array(Uint32Array.of(first).buffer) }).retval
    for (let cpu = 1; cpu < CPUS; cpu++) on('churn', cpu, 0)
    const idle = used(machine) - without
    const cold = BURST - on('burst', 0, 0)
    const warm = BURST - on('burst', 1, 100)
    return { idle, cold, warm, busy: used(machine) - without }
  })
}

function withMachine<T>(engine: OwnEngine, elements: Elements, work: (machine: Machine) => T): T {
  const machine = new Machine({ seed: 1, engine, cpus: CPUS, policies: { elements } })
  try {
    return work(machine)
  } finally {
    machine.close()
  }
}

/** Pages in use when nothing is deferred any more. */
function used(machine: Machine): number {
  machine.settle()
  return machine.statistics().pages.used
}
