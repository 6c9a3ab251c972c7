/** How many accesses to the arena leave the fast path: one run of a program that is compiled with a counter. */
import { makeJit } from '../jit/engine.ts'
import { verify } from '../verifier/verify.ts'
import { MachineCore } from '../vm/machine.ts'
import { prepare } from './engines/bpf.ts'
import type { Workload } from './workload.ts'

/** Accesses a round; undefined for work without an arena. */
export function exactAccesses(workload: Workload, rounds: number = workload.rounds): number | undefined {
  if (workload.pages === undefined) return undefined
  let last = 0
  const engine = makeJit({
    onExact: (accesses) => {
      last = accesses
    },
  })
  const prepared = prepare(new MachineCore({ engine: 'jit' }, { verify, engines: [engine] }), workload, rounds)
  try {
    prepared.run(1)
    return last / rounds
  } finally {
    prepared.close()
  }
}
