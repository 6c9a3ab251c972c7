/**
 * A map without preallocation takes its elements from a list of the CPU, which deferred work fills again. Where that
 * work cannot run, a program gets what the list holds, and then nothing, with megabytes free.
 */
import {
  type Context,
  HarenaError,
  type LoadedObject,
  Machine,
  type MachineOptions,
  type ObjectSpec,
} from '../../index.ts'
import { assembleFile } from '../../node.ts'
import type { Engine, Print } from '../example.ts'

export const ownOnly: string = 'Linux runs no programs in a context of their choice'

const ROWS: readonly (readonly [Context, 'on' | 'off'])[] = [
  ['task', 'on'],
  ['softirq', 'on'],
  ['task', 'off'],
  ['softirq', 'off'],
  ['hardirq', 'off'],
  ['nmi', 'off'],
]

const MACHINES: readonly (readonly [string, MachineOptions])[] = [
  ['not RT', {}],
  ['RT', { rt: true }],
  ['without self-interrupt', { policies: { selfInterrupt: false } }],
]

const TICK_NS = 1_000_000

export async function run(print: Print, engine?: Engine): Promise<void> {
  if (engine === 'linux') throw new HarenaError(ownOnly)
  const spec = await assembleFile(`${import.meta.dirname}/nmi-exhaustion.bpf.s`)
  print('Of 100 new keys a fresh map takes, then at once again, then after a millisecond:')
  for (const [name, options] of MACHINES) {
    print(name)
    print('  context  interrupts   cold  again  later')
    for (const [context, interrupts] of ROWS) {
      const counts = bursts(spec, { seed: 1, engine, ...options }, context, interrupts)
      print(
        `  ${context.padEnd(8)} ${interrupts.padEnd(10)} ${counts.map((count) => String(count).padStart(6)).join(' ')}`,
      )
    }
  }
  print('An NMI before each access to shared memory of one update, with at least 32 elements on the list:')
  const { steps, counts } = insideSteps(spec)
  print(`  of ${steps} NMIs that add a key each, ${counts.stored} stored it`)
  print(`  ${counts.no_memory} found the list in use by whom they interrupted, ${counts.busy} the bucket`)
}

/** What three bursts of 100 keys get. */
function bursts(spec: ObjectSpec, options: MachineOptions, context: Context, interrupts: 'on' | 'off'): number[] {
  const machine = new Machine(options)
  try {
    // In a hardirq and an NMI they are off anyway.
    const masks = interrupts === 'off' && (context === 'task' || context === 'softirq')
    const program = machine.load(spec).program(masks ? 'burst_off' : 'burst')
    const burst = (): number => program.run({ context }).retval
    const counts = [burst(), burst()]
    machine.advance(TICK_NS)
    return [...counts, burst()]
  } finally {
    machine.close()
  }
}

type Outcome = 'stored' | 'no_memory' | 'busy'

/** Updates of a task, each of them interrupted before another of its steps; only the interpreter lets itself be. */
function insideSteps(spec: ObjectSpec): { steps: number; counts: Record<Outcome, bigint> } {
  const machine = new Machine({ seed: 1, engine: 'interpreter', injection: true })
  try {
    const object = machine.load(spec)
    const single = object.program('single')
    // From here on the list is never shorter: interrupts are on, and it is filled again as soon as it gets low.
    single.run()
    let steps = 0
    const counts = { stored: 0n, no_memory: 0n, busy: 0n }
    for (;;) {
      const before = read(object)
      const injection = single.inject({ context: 'nmi', at: steps + 1, steps: 'memory' })
      single.run()
      injection.end()
      if (injection.runs === 0) return { steps, counts }
      steps++
      const after = read(object)
      for (const name of ['no_memory', 'busy'] as const) counts[name] += after[name] - before[name]
      // The task stored its own.
      counts.stored += after.stored - before.stored - 1n
    }
  } finally {
    machine.close()
  }
}

function read(object: LoadedObject): Record<Outcome, bigint> {
  const count = (name: Outcome): bigint => object.global(name).get()
  return { stored: count('stored'), no_memory: count('no_memory'), busy: count('busy') }
}
