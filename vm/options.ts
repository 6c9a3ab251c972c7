/** What a machine, a load and a run can be told. */
import type { Placement } from '../arena/ranges.ts'
import type { Context } from '../cpu/cpu.ts'
import type { EventListener } from '../cpu/events.ts'
import type { OutputListener } from '../cpu/output.ts'
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import { LRU_ELEMENTS, type LruElements } from '../maps/lru-nodes.ts'
import { SUPPLIES, type SupplyName } from '../maps/supplies.ts'
import { type MemoryPolicies, POLICY_VALUES } from '../memalloc/policies.ts'
import type { Holder, ReportListener } from '../memalloc/reports.ts'
import type { MemoryStatistics } from '../memalloc/statistics.ts'
import type { HugePages } from '../memory/pool.ts'
import type { LoadableProgram, VerifiedProgram } from '../program/loadable.ts'
import type { ProgramType } from '../program/types.ts'
import type { Engine, EngineName } from './engine.ts'
import type { Hook } from './state.ts'

export interface MachineOptions {
  /**
   * Has arenas backed with huge pages: `hugePages` of harena/linux. Random access over many megabytes is faster, and
   * every touched page of 4 KiB makes 2 MiB resident. Default none.
   */
  readonly hugePages?: HugePages
  /** Simulated CPUs, 1 to 8192; default 1. */
  readonly cpus?: number
  /**
   * What runs programs: `jit`, the default where the host can, or `interpreter`, which is also what runs with `trace`
   * or `hook`, and machines with `injection`, have by default. Who names an engine gets that one or an error.
   */
  readonly engine?: EngineName | undefined
  /** Takes a line, once, when something else than the default engine runs programs; default console.warn. */
  readonly warn?: (line: string) => void
  /** Addresses, random numbers and the virtual clock follow from it; default 1. */
  readonly seed?: number | bigint
  /** A PREEMPT_RT machine; default false. */
  readonly rt?: boolean
  /** Bytes that kernel memory and arenas may use together; default no limit. */
  readonly memoryLimit?: number
  /** Default `virtual`: time passes only by reading it and by `advance`. */
  readonly clock?: 'virtual' | 'real'
  readonly policies?: MachinePolicies
  /** Whether programs can be injected before steps (Program.inject); default false, as each step then takes longer. */
  readonly injection?: boolean
  /** Milliseconds of the host, for time-outs and durations; default performance.now. It must not use the machine. */
  readonly hostTime?: () => number
}

export interface MachinePolicies {
  /** Which free range of an arena is taken: Linux 6.13 and later (default), or 6.9 to 6.12. */
  readonly placement?: Placement
  /** Where elements of hash maps come from; default what the map's flags say (`flags`). */
  readonly elements?: SupplyName | 'flags'
  /** Hash maps that ask for preallocation get bpf_mem_alloc (a switch of 2022); default false. */
  readonly forceDynamic?: boolean | 'true' | 'false'
  /** Where elements of LRU maps come from: preallocated (default, as on Linux), or bpf_mem_alloc. */
  readonly lruElements?: LruElements
  /** Where allocators of one size have their objects from: kmalloc's class (default), or a slab cache of their own. */
  readonly slab?: MemoryPolicies['slab']
  /** kmalloc in any context: as Linux 6.18 has it (default), or as it was planned in 2024. */
  readonly nolock?: MemoryPolicies['nolock']
  /**
   * What updates of maps with `no_prealloc`, bpf_mem_alloc and bpf_mem_cache_alloc ask in sleepable programs, outside
   * all sections; default the CPU's list only.
   */
  readonly sleepable?: MemoryPolicies['sleepable']
  /** Levels at which lists of free objects are filled and emptied: by size (default), or moved by use. */
  readonly watermarks?: MemoryPolicies['watermarks']
  /** Poison, red zones, and reports of what programs do to memory that is not theirs; default off. */
  readonly debug?: boolean | 'on' | 'off'
  /** Whether CPUs can interrupt themselves; default true. Else deferred work waits for the tick. */
  readonly selfInterrupt?: boolean | 'true' | 'false'
}

/** What a machine tells of, and whom. */
export interface MachineListeners {
  /** Each line that programs print. */
  readonly output: OutputListener
  /**
   * Everything that happens inside, in order: refills, deferred work, grace periods, slabs, pages, locks, contexts,
   * programs. Called in the middle of it, so that the listener must not make the machine do anything.
   */
  readonly event: EventListener
  /**
   * What is wrong with the use of memory: misuse, where the policy `debug` is on, and the limit, where programs went
   * without for it. With the report its text, one line. The listener must not make the machine do anything.
   */
  readonly report: ReportListener
}

/** What the allocators hold, and who has it. */
export interface MachineStatistics extends MemoryStatistics {
  /** By the names of maps, allocators and programs, the largest first. */
  readonly holders: readonly Holder[]
}

/** What a machine is made of that it does not bring itself. */
export interface MachineParts {
  readonly verify: Verify
  /** The first that the host can run is the default. */
  readonly engines: readonly Engine[]
}

export interface VerifyOptions {
  /** BPF log levels: 1 the failing path, 2 every path, 4 statistics; bits add up. Default 1. */
  readonly logLevel?: number
  readonly implementedHelpers: ReadonlySet<number>
  /** By name. */
  readonly implementedKfuncs: ReadonlySet<string>
  readonly implementedTypes: ReadonlySet<ProgramType>
  readonly cpus: number
  /** Is told now and then how many instructions were verified so far. */
  readonly progress?: (processed: number) => void
}

/** Throws VerifierError for a program that it refuses. */
export type Verify = (program: LoadableProgram, options: VerifyOptions) => VerifiedProgram

export interface LoadOptions {
  /**
   * Bytes that the object's maps and allocators, and what its programs take from bpf_mem_alloc and bpf_obj_new, may use
   * together, below the machine's limit; over it maps are not created (ENOMEM), allocations give null and updates -ENOMEM.
   * Default no limit: nothing is charged then.
   */
  readonly memoryLimit?: number
  /** Names of the programs to load; default all. */
  readonly programs?: readonly string[]
  /** Do not verify: accesses are checked while the program runs. */
  readonly unchecked?: boolean
  readonly logLevel?: number
  /** Is told now and then how many instructions of a program were verified so far. */
  readonly progress?: (processed: number) => void
}

export interface RunOptions {
  /**
   * The context, copied in before the first run and back into these bytes after the last one. Of xdp programs a struct
   * xdp_md, of socket programs a struct __sk_buff, of kprobe programs a struct pt_regs: may be shorter, or longer with
   * zeros behind it.
   */
  readonly ctx?: Uint8Array
  /** A packet from its Ethernet header on; syscall and kprobe programs have none. */
  readonly data?: Uint8Array
  /** Default 0. */
  readonly cpu?: number
  /** Default `task`, where all program types run; xdp and socket programs also run in `softirq`, kprobe in any. */
  readonly context?: Context
  /** Milliseconds of the host after which the run is given up; default 10,000, 0 for never. */
  readonly timeoutMs?: number
  /** Runs, one after the other on the same context; default 1. */
  readonly repeat?: number
  /** Takes a line for each instruction executed, with the registers it changed. */
  readonly trace?: (line: string) => void
  /** Is told now and then for how many milliseconds of the host the program has run. */
  readonly progress?: (elapsedMs: number) => void
  /** Called before each instruction and, with slot -1, at the exit. */
  readonly hook?: Hook
}

export interface RunResult {
  /** Low 32 bits of r0 of the last run, as BPF_PROG_TEST_RUN gives it. */
  readonly retval: number
  /** r0 of the last run, unsigned. */
  readonly r0: bigint
  /** Average of a run. */
  readonly durationNs: number
  /** The packet afterwards; undefined for syscall and kprobe programs. */
  readonly data: Uint8Array | undefined
  /** The whole context afterwards, whatever the length of the one that was given; undefined where none was. */
  readonly ctx: Uint8Array | undefined
}

const PLACEMENTS: readonly Placement[] = ['best-fit', 'first-fit']

/** A choice of how the machine works. */
export interface PolicySpec {
  readonly name: keyof MachinePolicies
  /** What it may be; the first is the default. */
  readonly values: readonly string[]
  readonly help: string
}

/** Every policy that there is, for those who take them as text. */
export const POLICIES: readonly PolicySpec[] = [
  {
    name: 'placement',
    values: PLACEMENTS,
    help: 'which free range of an arena is taken: as Linux 6.13 and later, or as Linux 6.9 to 6.12',
  },
  {
    name: 'elements',
    values: ['flags', ...Object.keys(SUPPLIES)],
    help: 'where elements of hash maps come from: what the flags of each map say, or one for all',
  },
  {
    name: 'forceDynamic',
    values: ['false', 'true'],
    help: 'hash maps that ask for preallocation get bpf_mem_alloc',
  },
  {
    name: 'lruElements',
    values: LRU_ELEMENTS,
    help: 'where elements of LRU maps come from: preallocated, or on demand from bpf_mem_alloc',
  },
  {
    name: 'slab',
    values: POLICY_VALUES.slab.map(String),
    help: "where allocators of one size have their objects from: kmalloc's class, or a cache of their own",
  },
  {
    name: 'nolock',
    values: POLICY_VALUES.nolock.map(String),
    help: 'kmalloc in any context: as Linux 6.18 has it, or as planned in 2024',
  },
  {
    name: 'sleepable',
    values: POLICY_VALUES.sleepable.map(String),
    help: 'what updates of dynamic maps and bpf_mem_alloc ask in programs that may sleep',
  },
  {
    name: 'watermarks',
    values: POLICY_VALUES.watermarks.map(String),
    help: 'levels of the lists of free objects: by size, or moved by use',
  },
  {
    name: 'selfInterrupt',
    values: ['true', 'false'],
    help: 'whether deferred work interrupts its CPU at once, or waits for the tick',
  },
  {
    name: 'debug',
    values: ['off', 'on'],
    help: 'reports of double frees, and of reads and writes after a free or beyond an end',
  },
]

/** A record, so that the compiler misses none. */
const MACHINE_OPTIONS: Readonly<Record<keyof MachineOptions, true>> = {
  cpus: true,
  engine: true,
  seed: true,
  rt: true,
  memoryLimit: true,
  clock: true,
  policies: true,
  injection: true,
  hostTime: true,
  warn: true,
  hugePages: true,
}

/** Throws HarenaError for what options from outside the type system may hold. */
export function checkMachineOptions(options: MachineOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(MACHINE_OPTIONS, name)) {
      throw new HarenaError(`a machine has no option ${name}${meant(name, Object.keys(MACHINE_OPTIONS))}`)
    }
  }
  for (const [name, value] of Object.entries(options.policies ?? {})) checkPolicy(name, value)
  limitOf(options)
  if (options.hugePages !== undefined && typeof options.hugePages !== 'function') {
    throw new HarenaError(`hugePages is the function of that name of harena/linux, not ${String(options.hugePages)}`)
  }
  const { seed = 1, rt = false } = options
  if (typeof rt !== 'boolean') throw new HarenaError(`rt is true or false, not ${String(rt)}`)
  if (typeof seed !== 'bigint' && !Number.isInteger(seed)) {
    throw new HarenaError(`seed is a whole number, not ${String(seed)}`)
  }
}

/** Bytes; 0 for none. @throws HarenaError for what is no number of bytes */
export function limitOf({ memoryLimit: limit = 0 }: { readonly memoryLimit?: number }): number {
  if (typeof limit !== 'number' || !(limit >= 0)) {
    const given = typeof limit === 'string' ? `'${String(limit)}'` : String(limit)
    throw new HarenaError(`memoryLimit is a number of bytes, not ${given}`)
  }
  return limit === Infinity ? 0 : limit
}

function checkPolicy(name: string, value: unknown): void {
  const policy = POLICIES.find((candidate) => candidate.name === name)
  if (policy === undefined) {
    const names = POLICIES.map((known) => known.name)
    throw new HarenaError(`there is no policy ${name}${meant(name, names)}`)
  }
  if (value === undefined || policy.values.some((known) => known === String(value))) return
  if (policy.values.includes('on') && typeof value === 'boolean') return
  throw new HarenaError(`policy ${name} is ${policy.values.join(' or ')}, not ${String(value)}`)
}

function meant(name: string, names: readonly string[]): string {
  const near = nearest(name, names)
  return near === undefined ? `; there are ${names.join(', ')}` : `; did you mean ${near}?`
}
