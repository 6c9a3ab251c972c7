/** For tests: a hash map on a machine of its own, and what programs do with keys and values of 32 bits. */
import { makeCpus } from '../cpu/cpu.ts'
import { Processors } from '../cpu/processors.ts'
import { type Errno, ErrnoError } from '../errors/errors.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { MemoryPolicies } from '../memalloc/policies.ts'
import { load32, store32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import { createMap } from './create.ts'
import type { HashOptions } from './create-hash.ts'
import type { BpfMap, MapAttributes } from './map.ts'
import { UserMap } from './user.ts'

export const HASH: MapAttributes = {
  name: 'h',
  type: 'hash',
  keySize: 4,
  valueSize: 8,
  maxEntries: 8,
  flags: 0,
  extra: 0n,
}

/** From a key to its value. */
const VALUE = 0x8000

export interface RigOptions extends HashOptions {
  /** Default 2. */
  readonly cpus?: number
  readonly limit?: number
  readonly policies?: MemoryPolicies
  readonly makeSteps?: (memory: Memory) => Steps
}

export class Rig {
  readonly kernel: Kernel
  readonly processors: Processors
  readonly map: BpfMap
  readonly user: UserMap
  /** Pages in use before there was a map. */
  readonly pagesBefore: number
  /** Where keys and values lie, for tasks and for what interrupts them. */
  private readonly buffers: number

  constructor(attributes: Partial<MapAttributes> = {}, options: RigOptions = {}) {
    this.processors = new Processors(makeCpus(options.cpus ?? 2, 1n))
    this.kernel = makeKernel({
      processors: this.processors,
      memoryLimit: options.limit ?? 0,
      ...(options.policies === undefined ? {} : { policies: options.policies }),
      ...(options.makeSteps === undefined ? {} : { makeSteps: options.makeSteps }),
    })
    // At odd offsets: programs may keep keys and values anywhere.
    this.buffers = this.kernel.pages.alloc(5, PageOwner.STACK) + 1
    this.pagesBefore = this.kernel.pages.statistics().used
    const arena = { random: () => 0 }
    this.map = createMap(this.kernel, { ...HASH, ...attributes }, { arena, hash: options })
    this.user = new UserMap(this.kernel, this.map)
  }

  update(key: number, value: number, flags = 0, cpu = 0): number {
    return this.onKey(key, cpu, (at) => {
      store32(this.kernel.memory, at + VALUE, value)
      return this.map.update(at, at + VALUE, flags)
    })
  }

  /** Offset of the value, 0 for none. */
  at(key: number, cpu = 0): number {
    return this.onKey(key, cpu, (at) => this.map.lookup(at))
  }

  get(key: number, cpu = 0): number | undefined {
    const at = this.at(key, cpu)
    return at === 0 ? undefined : load32(this.kernel.memory, at)
  }

  delete(key: number, cpu = 0): number {
    return this.onKey(key, cpu, (at) => this.map.delete(at))
  }

  /** Keys in the order of next-key. */
  keys(): number[] {
    return [...this.user.keys()].map(Number)
  }

  /** Destroys the map and lets everything deferred happen: pages in use beyond those before. */
  pagesLeft(): number {
    this.map.destroy()
    this.processors.settle()
    this.kernel.slab.shrink()
    this.kernel.percpu.shrink()
    return this.kernel.pages.statistics().used - this.pagesBefore
  }

  close(): void {
    closeKernel(this.kernel)
  }

  private onKey<T>(key: number, cpu: number, work: (key: number) => T): T {
    const { current } = this.processors
    // Whoever interrupts the current CPU works on it, with a stack of its own; and so does each other CPU.
    const on = (): T => {
      const at = this.buffers + 64 * cpu + (this.processors.current.context === 'task' ? 0 : 2 * VALUE)
      store32(this.kernel.memory, at, key)
      return work(at)
    }
    return current.id === cpu && current.busy > 0 ? on() : this.processors.run(cpu, 'task', 'test', on)
  }
}

/** 'ok', or the number of the refusal. */
export function outcome(work: () => unknown): Errno | 'ok' {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error
    return error.errno
  }
}
