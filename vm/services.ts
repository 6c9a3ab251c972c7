/** What a machine offers to the helpers and kfuncs of its programs. */
import type { Arena } from '../arena/arena.ts'
import type { Clock } from '../cpu/clock.ts'
import type { Cpu } from '../cpu/cpu.ts'
import type { Output } from '../cpu/output.ts'
import type { BpfMap } from '../maps/map.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { RandomStates } from './random-states.ts'
import type { Native } from './state.ts'

export interface Services {
  readonly kernel: Kernel
  readonly cpus: readonly Cpu[]
  readonly clock: Clock
  readonly output: Output
  readonly randomStates: RandomStates
  /** The map whose object lies at this offset of kernel memory. */
  mapAt(offset: number): BpfMap | undefined
  /** The arena of the map whose object lies there; undefined for other maps. */
  arenaAt(offset: number): Arena | undefined
  /** The allocator (`.alloc`) whose object lies there. */
  allocAt(offset: number): BpfMemAlloc | undefined
}

/** Binds a helper or kfunc to a machine. */
export type MakeNative = (services: Services) => Native
