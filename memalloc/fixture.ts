/** A kernel whose steps can be interrupted, for tests. */
import { makeCpus } from '../cpu/cpu.ts'
import { Injector } from '../cpu/inject.ts'
import { type ProcessorOptions, Processors } from '../cpu/processors.ts'
import { hookedSteps } from '../memory/steps.ts'
import { closeKernel, type Kernel, makeKernel } from './kernel.ts'
import type { MemoryPolicies } from './policies.ts'

export interface Simulation {
  readonly kernel: Kernel
  readonly processors: Processors
  readonly injector: Injector
  /** Pages in use when everything was just made. */
  readonly pagesBefore: number
}

export interface SimulationOptions extends ProcessorOptions {
  /** Default 1. */
  readonly cpus?: number
  readonly policies?: MemoryPolicies
  readonly memoryLimit?: number
}

/** Runs `work` with a fresh machine, and closes it. */
export function simulate<T>(options: SimulationOptions, work: (simulation: Simulation) => T): T {
  const processors = new Processors(makeCpus(options.cpus ?? 1, 1n), options)
  const injector = new Injector()
  const kernel = makeKernel({
    processors,
    makeSteps: (memory) => hookedSteps(memory, injector.beforeStep),
    ...(options.policies === undefined ? {} : { policies: options.policies }),
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
  })
  try {
    return work({ kernel, processors, injector, pagesBefore: kernel.pages.statistics().used })
  } finally {
    closeKernel(kernel)
  }
}

/** Lets everything deferred happen and empty slabs go back: pages in use then. */
export function pagesAfter({ kernel, processors }: Simulation): number {
  processors.settle()
  kernel.slab.shrink()
  kernel.percpu.shrink()
  return kernel.pages.statistics().used
}
