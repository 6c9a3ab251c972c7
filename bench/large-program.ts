/** Runs a program of so many instructions until it is no longer getting faster, and prints what that took, as JSON. */
import { assemble, Machine } from '../index.ts'
import { largeProgram } from './compile-programs.ts'
import type { LargeFigures } from './compile-times.ts'

/** A run counts as one at full speed when it takes at most this much longer than the fastest. */
const AT_PEAK = 1.25
/** Over when this many milliseconds have brought nothing faster. */
const PATIENCE = 2500

function measure(instructions: number): LargeFigures {
  const start = performance.now()
  const object = assemble(largeProgram(instructions))
  const assembled = performance.now()
  const before = process.resourceUsage().maxRSS / 1024
  const machine = new Machine({ engine: 'jit' })
  const loaded = machine.load(object)
  const verified = performance.now()
  loaded.program('setup').run()
  const main = loaded.program('main')
  const data = new Uint8Array(64)
  const runs: { readonly end: number; readonly ms: number }[] = []
  const first = performance.now()
  let fastest = { ms: Number.POSITIVE_INFINITY, end: first }
  while (performance.now() - fastest.end < PATIENCE) {
    const begin = performance.now()
    main.run({ data })
    const end = performance.now()
    runs.push({ end, ms: end - begin })
    // A little faster is noise.
    if (end - begin < fastest.ms * 0.9) fastest = { ms: end - begin, end }
  }
  const peak = runs.find(({ ms }) => ms <= fastest.ms * AT_PEAK)!
  machine.close()
  return {
    instructions,
    assemble: assembled - start,
    load: verified - assembled,
    peak: peak.end - first,
    run: fastest.ms,
    resident: process.resourceUsage().maxRSS / 1024,
    before,
  }
}

console.log(JSON.stringify(measure(Number(process.argv[2]))))
