/** The engines that run BPF: harena's, and Linux. */
import { assemble, Machine, type MachineOptions } from '../../index.ts'
import { LinuxMachine, whyUnavailable } from '../../linux/index.ts'
import { type Lap, stopwatch } from '../clock.ts'
import type { Workload } from '../workload.ts'
import type { Engine, EngineName, Prepared } from './engine.ts'

/** What a machine of either kind is here. */
interface BenchMachine {
  load(spec: ReturnType<typeof assemble>): {
    program(name: string): { run(options: { data?: Uint8Array; repeat?: number }): Result }
    global(name: string): { set(value: number): void }
  }
  settle(): void
  close(): void
}

export function harena(name: EngineName, options: MachineOptions): Engine {
  return {
    name,
    prepare: (workload, rounds) => {
      // Huge pages are for arenas: without one there is nothing to compare.
      if (options.hugePages !== undefined && workload.pages === undefined) return undefined
      return prepare(new Machine(options), workload, rounds)
    },
    close: () => undefined,
  }
}

export function linux(): Engine {
  return {
    name: 'linux',
    prepare: (workload, rounds) => prepare(new LinuxMachine(), workload, rounds, kernelTime),
    close: () => undefined,
  }
}

/** The kernel's own time, without the way in and out. */
function kernelTime({ durationNs = 0 }: Result, repeat: number): Lap {
  return { ms: (durationNs * repeat) / 1e6, disturbed: false }
}

/** Why Linux is not among the engines; undefined where it is. */
export function whyNoLinux(): string | undefined {
  return whyUnavailable('packets')
}

/** A packet as short as Linux takes one. */
const PACKET = 64

interface Result {
  readonly retval: number
  readonly durationNs: number | undefined
}

/** `measured`: what the machine itself has measured, where that is better. */
export function prepare(
  machine: BenchMachine,
  workload: Workload,
  rounds: number,
  measured?: (result: Result, repeat: number) => Lap,
): Prepared {
  const spec = assemble(workload.source)
  const object = machine.load(spec)
  const has = (name: string): boolean => spec.programs.some((program) => program.name === name)
  const data = new Uint8Array(PACKET)
  object.global('n').set(rounds)
  object.global('pages').set(workload.pages?.(rounds) ?? 0)
  if (has('setup') && object.program('setup').run({}).retval !== 0)
    throw new Error(`${workload.name}: setup has failed`)
  const before = has('before') ? object.program('before') : undefined
  const run = object.program('run')
  return {
    run: (repeat) => {
      before?.run({ data })
      machine.settle()
      stopwatch.start()
      const result = run.run({ data, repeat })
      // What the run has put off is left out, as it is from Linux's own time; put-off.ts times it.
      const lap = stopwatch.stop()
      machine.settle()
      return { ...(measured?.(result, repeat) ?? lap), answer: result.retval | 0 }
    },
    check: () => (has('check') ? object.program('check').run({ data }).retval | 0 : undefined),
    close: () => machine.close(),
  }
}
