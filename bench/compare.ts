/** Runs each workload on all engines in turns, so that what else the host does meets all of them alike. */
import type { Engine, EngineName, Prepared } from './engines/engine.ts'
import { median } from './measure.ts'
import type { Workload } from './workload.ts'

/** Nanoseconds a round, of the runs that nobody disturbed; of all, where those are too few. */
export interface Spread {
  readonly median: number
  readonly best: number
  readonly worst: number
}

/** How much longer one engine takes than another. */
export interface Ratio {
  /** The median of the turns' ratios. */
  readonly median: number
  /** Of the best times. */
  readonly best: number
}

export interface Comparison {
  readonly name: string
  readonly round: string
  readonly engines: Readonly<Partial<Record<EngineName, Spread>>>
  /** Of those that ran. Without an arena there are no huge pages, and those ratios are the ones without them. */
  readonly ratios: Readonly<Partial<Record<RatioName, Ratio>>>
}

export const RATIOS = ['jit/linux', 'jit-huge/linux', 'jit/native', 'jit-huge/native-huge'] as const
export type RatioName = (typeof RATIOS)[number]

/** How often, and at which size. */
export interface Plan {
  readonly turns: number
  /** Fewer turns where all of them together take longer than this. */
  readonly milliseconds: number
  readonly fewestTurns: number
  readonly warmUps: number
  readonly rounds: (workload: Workload, engine: EngineName) => number
}

export const FULL: Plan = {
  turns: 11,
  milliseconds: 2500,
  fewestTurns: 5,
  warmUps: 6,
  rounds: (workload, engine) =>
    engine === 'interpreter' || (engine === 'plain' && workload.plainIsSlow === true) ? workload.few : workload.rounds,
}

/** Turns and warming up of the engines that are many times slower. */
const SLOW: readonly EngineName[] = ['interpreter', 'plain']
const SLOW_TURNS = 3

/** Warming up is over after this long, but not before so many runs. */
const WARM_UP_MS = 300
const FEWEST_WARM_UPS = 3

interface Lap {
  readonly ns: number
  readonly disturbed: boolean
}

interface Runner {
  readonly engine: EngineName
  readonly rounds: number
  readonly prepared: Prepared
  readonly laps: Lap[]
  answer: number | undefined
}

/** @throws Error when two engines that did as many rounds give different answers: nothing is worth timing then */
export async function compare(workload: Workload, engines: readonly Engine[], plan: Plan): Promise<Comparison> {
  const runners: Runner[] = []
  try {
    for (const engine of engines) {
      const rounds = plan.rounds(workload, engine.name)
      const prepared = await engine.prepare(workload, rounds)
      if (prepared !== undefined) runners.push({ engine: engine.name, rounds, prepared, laps: [], answer: undefined })
    }
    for (const runner of runners) await warmUp(runner, workload, plan)
    const start = performance.now()
    for (let turn = 0; turn < plan.turns; turn++) {
      if (turn >= plan.fewestTurns && performance.now() - start > plan.milliseconds) break
      for (const runner of runners) {
        if (turn >= SLOW_TURNS && SLOW.includes(runner.engine)) continue
        runner.laps.push(await lap(runner, workload))
      }
    }
    await checkAnswers(workload, runners)
    return comparison(workload, runners)
  } finally {
    for (const { prepared } of runners) prepared.close()
  }
}

async function warmUp(runner: Runner, workload: Workload, { warmUps }: Plan): Promise<void> {
  const runs = SLOW.includes(runner.engine) ? 1 : warmUps
  const start = performance.now()
  for (let run = 0; run < runs; run++) {
    if (run >= FEWEST_WARM_UPS && performance.now() - start > WARM_UP_MS) break
    await lap(runner, workload)
    // V8 optimises on other threads: this one may be ahead of them.
    await new Promise((resume) => setTimeout(resume, 5))
  }
}

/** One timing; the time in nanoseconds a round. */
async function lap(runner: Runner, workload: Workload): Promise<Lap> {
  const { repeat = 1, runs = 1 } = SLOW.includes(runner.engine) ? {} : workload
  const timed: number[] = []
  let anyDisturbed = false
  for (let run = 0; run < runs; run++) {
    const { ms, disturbed, answer } = await runner.prepared.run(repeat)
    timed.push((ms * 1e6) / (runner.rounds * repeat))
    anyDisturbed ||= disturbed
    runner.answer = answer
  }
  // Of many runs that are short for it, some being disturbed does no harm.
  return { ns: median(sorted(timed)), disturbed: anyDisturbed && runs === 1 }
}

async function checkAnswers(workload: Workload, runners: readonly Runner[]): Promise<void> {
  const answers = new Map<number, { readonly engine: EngineName; readonly text: string }>()
  for (const { engine, rounds, prepared, answer } of runners) {
    const text = `${answer} and ${await prepared.check()}`
    const first = answers.get(rounds)
    if (first === undefined) answers.set(rounds, { engine, text })
    else if (first.text !== text) {
      throw new Error(`${workload.name}: ${first.engine} gives ${first.text}, ${engine} ${text}`)
    }
  }
}

function comparison({ name, round, pages }: Workload, runners: readonly Runner[]): Comparison {
  const of = (engine: string): Runner | undefined => {
    const wanted = pages === undefined ? engine.replace('-huge', '') : engine
    return runners.find((runner) => runner.engine === wanted)
  }
  return {
    name,
    round,
    engines: Object.fromEntries(runners.map(({ engine, laps }) => [engine, spread(laps)])),
    ratios: Object.fromEntries(
      RATIOS.flatMap((pair) => {
        const [ours, theirs] = pair.split('/').map(of)
        const found = ratio(ours, theirs)
        return found === undefined ? [] : [[pair, found] as const]
      }),
    ),
  }
}

function sorted(values: readonly number[]): readonly number[] {
  return [...values].sort((a, b) => a - b)
}

/** Laps that nobody disturbed, where there are enough to say something; else all. */
const ENOUGH = 3

function spread(laps: readonly Lap[]): Spread {
  const rising = sorted(undisturbed(laps, ({ disturbed }) => disturbed).map(({ ns }) => ns))
  return { median: median(rising), best: rising[0]!, worst: rising.at(-1)! }
}

function undisturbed<T>(all: readonly T[], isDisturbed: (one: T) => boolean): readonly T[] {
  const quiet = all.filter((one) => !isDisturbed(one))
  return quiet.length >= ENOUGH ? quiet : all
}

function ratio(ours: Runner | undefined, theirs: Runner | undefined): Ratio | undefined {
  if (ours === undefined || theirs === undefined) return undefined
  // Turn by turn: a slow moment is slow for both.
  const turns = ours.laps.map((lap, turn) => [lap, theirs.laps[turn]!] as const)
  const chosen = undisturbed(turns, (pair) => pair.some(({ disturbed }) => disturbed))
  return {
    median: median(sorted(chosen.map(([a, b]) => a.ns / b.ns))),
    best: spread(ours.laps).best / spread(theirs.laps).best,
  }
}

/** The geometric mean; undefined of nothing. */
export function geometricMean(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
