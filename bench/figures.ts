/** What the benchmark has found, as data: the whole of `--json`, and of the committed figures.json. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Comparison, geometricMean, type RatioName } from './compare.ts'
import type { Measurement } from './measure.ts'
import { OBJECTS } from './workloads/maps.ts'

export interface Figures {
  readonly host: Host
  readonly comparisons: readonly Compared[]
  /** Speed of a dynamic hash map over that of a preallocated one (dynamic-part.ts). */
  readonly dynamic: number | undefined
  /** Bytes of JavaScript heap that a pair of bpf_obj_new and bpf_obj_drop leaves behind. */
  readonly garbage: number | undefined
  /** Million rounds a second of a plain loop. */
  readonly plainLoop: number
  readonly measurements: readonly Measurement[]
}

export interface Host {
  readonly processor: string
  readonly system: string
  readonly node: string
  /** Of the C compiler, its own first line; undefined without one. */
  readonly compiler: string | undefined
  /** Why Linux was not compared with; undefined where it was. */
  readonly withoutLinux: string | undefined
  readonly withoutHugePages: string | undefined
  /** Whether interruptions by other processes were told apart. */
  readonly knowsThread: boolean
  /** The part of its free memory that was in blocks of 2 MiB and more; undefined where it does not tell. */
  readonly largeBlocks: number | undefined
}

export interface Compared extends Comparison {
  /** Accesses to the arena a round that left the fast path; undefined without an arena. */
  readonly exact: number | undefined
}

export const FIGURES_FILE: string = join(import.meta.dirname, 'figures.json')

export function readFigures(file: string = FIGURES_FILE): Figures {
  return JSON.parse(readFileSync(file, 'utf8')) as Figures
}

/** What is aimed at, and what came out. */
export interface Target {
  readonly name: string
  readonly aim: string
  readonly value: number | undefined
  /** Undefined where nothing was measured. */
  readonly met: boolean | undefined
  /** Of which workload the value is. */
  readonly of?: string | undefined
}

export function targets({ comparisons, dynamic, garbage }: Figures): Target[] {
  const atMost = (name: string, most: number, value: number | undefined, of?: string): Target => ({
    name,
    aim: `<= ${most}`,
    value,
    met: value === undefined ? undefined : value <= most,
    of,
  })
  const slowest = (ratio: RatioName, among: readonly Compared[] = comparisons): readonly [number?, string?] => {
    const found = among
      .flatMap(({ name, ratios }) => (ratios[ratio] === undefined ? [] : [[ratios[ratio].median, name] as const]))
      .sort(([a], [b]) => b - a)[0]
    return found ?? []
  }
  // What also runs in C is nothing but compiled code: no helper, no map.
  const code = comparisons.filter(({ ratios }) => ratios['jit/native'] !== undefined)
  const maps = comparisons.filter(({ name }) => /^map (look-up|update|delete), /u.test(name))
  const pair = comparisons.find(({ name }) => name === OBJECTS.name)?.engines.jit?.median
  return [
    atMost('time over Linux, geometric mean', 0.9, mean(comparisons, 'jit/linux')),
    atMost('the same with huge pages', 0.9, mean(comparisons, 'jit-huge/linux')),
    atMost('the same without helpers, maps and objects', 0.9, mean(code, 'jit/linux')),
    atMost('the same with huge pages, without those', 0.9, mean(code, 'jit-huge/linux')),
    atMost('time over Linux, the slowest', 1.3, ...slowest('jit/linux')),
    atMost('the same with huge pages', 1.3, ...slowest('jit-huge/linux')),
    atMost('time over native C, geometric mean', 1.35, mean(comparisons, 'jit/native')),
    atMost('the same with huge pages on both', 1.35, mean(comparisons, 'jit-huge/native-huge')),
    atMost('map operations, time over Linux, the slowest', 1, ...slowest('jit/linux', maps)),
    {
      name: 'dynamic hash map, speed over preallocated',
      aim: '>= 0.95',
      value: dynamic,
      met: dynamic === undefined ? undefined : dynamic >= 0.95,
    },
    atMost('bpf_obj_new and bpf_obj_drop, ns a pair', 15, pair),
    atMost('garbage of a pair, bytes', 1, garbage),
  ]
}

/** Geometric mean over the workloads that ran on both. */
export function mean(comparisons: readonly Comparison[], ratio: RatioName): number | undefined {
  return geometricMean(comparisons.flatMap(({ ratios }) => ratios[ratio]?.median ?? []))
}
