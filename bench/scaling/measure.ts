/**
 * `npm run bench:costs`: measures the six costs of the model (costs.ts) on this machine, and writes costs.json.
 *
 * Two threads, this one and measure-worker.ts, share a memory. Both spin while they wait for each other, so that each
 * has a CPU to itself; a run in which the other's answer came late is thrown away: one of them did not run then, or
 * both ran on one CPU by turns. What remains is reported by its median.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { Worker } from 'node:worker_threads'
import { median } from '../measure.ts'
import { COST_NAMES, COSTS_FILE, type Costs, type MeasuredCosts } from './costs.ts'
import { ANSWER, COMMAND, Command, LINE_WORDS, LINES, RING, TURNS, takeTurns, WORDS } from './measure-lines.ts'

const SAMPLES = 400
/** An answer that comes later than this had to wait for a CPU. */
const PROMPT_MS = 0.5
/** Few enough that most runs are over before anybody else gets the CPU. */
const ROUNDS = 2000

const words = new Int32Array(new SharedArrayBuffer(4 * WORDS))

/** Tells the other thread what to do, without waiting. */
function tell(command: Command): void {
  Atomics.add(words, COMMAND, 1)
  Atomics.store(words, COMMAND + 1, command)
  Atomics.add(words, COMMAND, 1)
}

/** Waits until the other thread has done what it was told; false where that took suspiciously long. */
function wasPrompt(since: number): boolean {
  const wanted = Atomics.load(words, COMMAND)
  while (Atomics.load(words, ANSWER) !== wanted);
  return performance.now() - since < PROMPT_MS
}

/** The median of many runs; the first quarter warms up. */
function typical(run: () => number | undefined): number {
  const values: number[] = []
  while (values.length < SAMPLES) {
    const value = run()
    if (value !== undefined) values.push(value)
  }
  return median(values.slice(SAMPLES / 4).sort((a, b) => a - b))
}

/** Nanoseconds for each of `count`. */
function nanoseconds(count: number, work: () => void): number {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1e6) / count
}

function hit(): number {
  const own = new Int32Array(new SharedArrayBuffer(4 * 16 * LINE_WORDS))
  for (let line = 0; line < 16; line++) own[line * LINE_WORDS] = ((line + 5) % 16) * LINE_WORDS
  let at = 0
  const each = nanoseconds(2 * ROUNDS, () => {
    for (let round = 0; round < ROUNDS; round++) {
      at = own[at]!
      own[at + 1] = round
    }
  })
  if (own[at + 1] === -1) throw new Error('the ring was not walked')
  return each
}

function atomic(): number {
  const own = new Int32Array(new SharedArrayBuffer(64))
  const each = nanoseconds(ROUNDS, () => {
    for (let round = 0; round < ROUNDS; round++) Atomics.compareExchange(own, 0, round, round + 1)
  })
  if (own[0] !== ROUNDS) throw new Error('a compare-exchange has failed')
  return each
}

/** `work` on lines that the other thread has just written. */
function transferred(work: () => void): number | undefined {
  const start = performance.now()
  tell(Command.WRITE_LINES)
  return wasPrompt(start) ? nanoseconds(LINES, work) : undefined
}

function followRing(): void {
  let at = RING
  for (let line = 0; line < LINES; line++) at = words[at]!
  if (at !== RING) throw new Error('the ring does not close')
}

function followRingWriting(): void {
  let at = RING
  for (let line = 0; line < LINES; line++) at = Atomics.add(words, at, 0)
  if (at !== RING) throw new Error('the ring does not close')
}

function handoff(): number | undefined {
  tell(Command.TAKE_TURNS)
  // The turns of both threads: they end at about the same time where both ran all the while.
  const each = nanoseconds(2 * TURNS, () => takeTurns(words))
  return wasPrompt(performance.now()) ? each : undefined
}

function round(): number {
  const { getuid } = process
  if (getuid === undefined) throw new Error('this system has no getuid')
  return nanoseconds(ROUNDS, () => {
    for (let call = 0; call < ROUNDS; call++) getuid()
  })
}

/** How each cost is measured; goes into the file, so that its figures say what they are. */
const HOW: Readonly<Record<keyof Costs, string>> = {
  hit: 'a ring of linked words in 16 lines of one thread: load the link, store a number beside it; each of the two',
  atomic: 'compare-exchange, again and again, of a word in a line of one thread',
  read: 'another thread has written a word in each of 512 lines, a ring in no guessable order; follow the links',
  own: 'the same, but the links are read by atomic adds of 0; less the cost atomic',
  handoff: 'two threads take and give up a ticket lock as fast as they can; each turn',
  round: 'a system call that does next to nothing (getuid), as each round of the load of 2016 begins with one',
}

function measure(): Costs {
  const inOwnLine = typical(atomic)
  return {
    hit: typical(hit),
    atomic: inOwnLine,
    read: typical(() => transferred(followRing)),
    own: typical(() => transferred(followRingWriting)) - inOwnLine,
    handoff: typical(handoff),
    round: typical(round),
  }
}

const worker = new Worker(new URL('./measure-worker.ts', import.meta.url), { workerData: words })
tell(Command.NOTHING)
wasPrompt(0)
const measured = measure()
tell(Command.END)
await new Promise((resolve) => worker.once('exit', resolve))

const costs = Object.fromEntries(COST_NAMES.map((name) => [name, Number(measured[name].toPrecision(3))]))
const cpu = cpus()
const result = {
  machine: `${cpu.length} x ${cpu[0]?.model}`,
  node: process.version,
  costs,
  how: HOW,
} as unknown as MeasuredCosts
console.log(`median of ${(SAMPLES * 3) / 4} runs, in nanoseconds`)
console.log(result)
writeFileSync(COSTS_FILE, `${JSON.stringify(result, undefined, 2)}\n`)
