/** Programs that misuse memory, on a machine that watches it (policy `debug`): each report names who did what, where. */
import { type Actor, type DebugReport, HarenaError, Machine, type MemoryReport, type ObjectSpec } from '../../index.ts'
import { assembleFile } from '../../node.ts'
import type { Engine, OwnEngine, Print } from '../example.ts'

export const ownOnly: string = 'Linux runs no program that its verifier has not seen'

export async function run(print: Print, engine?: Engine): Promise<void> {
  if (engine === 'linux') throw new HarenaError(ownOnly)
  const spec = await assembleFile(`${import.meta.dirname}/debug-reports.bpf.s`)
  for (const { name } of spec.programs) trial(print, engine, spec, name, true)
  // No verifier sees this one: the memory of a deleted element is good for another one at once.
  trial(print, engine, spec, 'stale_value', false)
}

function trial(print: Print, engine: OwnEngine, spec: ObjectSpec, program: string, unchecked: boolean): void {
  const machine = new Machine({ seed: 1, engine, policies: { debug: 'on' } })
  try {
    const object = machine.load(spec, { programs: [program], unchecked })
    print(`${program}, ${unchecked ? 'unchecked' : 'verified'}`)
    machine.on('report', (report) => {
      for (const line of describe(report)) print(`  ${line}`)
    })
    object.program(program).run()
  } finally {
    machine.close()
  }
}

/** The same data as the report's one line, for people with room. */
function describe(report: MemoryReport): readonly string[] {
  if (report.kind === 'out-of-memory') return [report.kind]
  const { kind, allocator, by, allocatedBy, freedBy } = report
  return [
    `${kind} in ${allocator}: ${access(report)}${place(by)}`,
    ...(allocatedBy === undefined ? [] : [`  allocated ${place(allocatedBy)}`]),
    ...(freedBy === undefined ? [] : [`  freed ${place(freedBy)}`]),
  ]
}

function access({ access: done }: DebugReport): string {
  return done === undefined ? '' : `${done.kind} of ${done.bytes} bytes at offset ${done.offset}, `
}

function place({ what, instruction, source }: Actor): string {
  return `by ${what}, instruction ${instruction}, line ${source?.line}`
}
