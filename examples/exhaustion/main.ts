/** Programs that keep what they take, each run to the machine's limit: what they get then, and who is named. */
import { HarenaError, type Holder, Machine, type ObjectSpec } from '../../index.ts'
import { assembleFile } from '../../node.ts'
import type { Engine, OwnEngine, Print } from '../example.ts'

export const ownOnly: string = 'the kernel has the memory that it has, and runs nothing unchecked'

const LIMIT = 2 ** 20

export async function run(print: Print, engine?: Engine): Promise<void> {
  if (engine === 'linux') throw new HarenaError(ownOnly)
  const spec = await assembleFile(`${import.meta.dirname}/exhaustion.bpf.s`)
  trial(print, engine, spec, 'keep', false)
  trial(print, engine, spec, 'grow', false)
  trial(print, engine, spec, 'leak', true)
  trial(print, engine, spec, 'leak_pool', true)
}

function trial(print: Print, engine: OwnEngine, spec: ObjectSpec, program: string, unchecked: boolean): void {
  const machine = new Machine({ seed: 1, engine, memoryLimit: LIMIT })
  try {
    const { programs } = machine.load(spec, { programs: [program, 'alive'], unchecked })
    machine.on('report', (report) => {
      if (report.kind !== 'out-of-memory') return
      print(`  out of memory at line ${report.by.source?.line}: ${report.used} of ${report.limit} bytes in use`)
    })
    print(`${program}, ${unchecked ? 'unchecked' : 'verified'}`)
    print(`  returned ${programs.get(program)!.run().retval | 0}`)
    print(`  most is held by ${holder(machine.statistics().holders[0])}`)
    print(`  another program runs: ${programs.get('alive')!.run().retval}`)
    refusedMap(print, machine)
  } finally {
    machine.close()
  }
}

function holder(most: Holder | undefined): string {
  return most === undefined ? 'nobody' : `${most.owner}: ${most.objects} ${most.what}`
}

/** A map that is too large takes nothing. */
function refusedMap(print: Print, machine: Machine): void {
  const before = machine.statistics().pages.used
  try {
    machine.createMap({ name: 'large', type: 'hash', keySize: 4, valueSize: 64, maxEntries: 1000, flags: 0, extra: 0n })
    print('  a map of 1,000 elements was made')
  } catch (error) {
    if (!(error instanceof HarenaError)) throw error
    print(`  ${error.message}; pages in use before ${before}, after ${machine.statistics().pages.used}`)
  }
}
