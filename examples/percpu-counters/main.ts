/** Counters of which every CPU has its own. */
import { type Engine, load, type Print } from '../example.ts'

const CPUS = 2
const KEYS = [7n, 9n]

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'percpu-counters.bpf.s', engine, { cpus: CPUS })
  const call = (program: string, key: bigint, cpu: number): number =>
    object.program(program).run({ ctx: new Uint8Array(new BigUint64Array([key]).buffer), cpu }).retval
  // A kernel may have more CPUs than those that count here.
  const counters = (map: string, key: number | bigint): string => {
    const values = object.map(map).get(key)
    if (!Array.isArray(values)) throw new Error(`${map} has no key ${key}`)
    return values.slice(0, CPUS).join(' and ')
  }

  for (let round = 1; round <= 10; round++) {
    const cpu = round % 3 === 0 ? 1 : 0
    call('count', KEYS[round % 2]!, cpu)
  }
  for (const key of KEYS) {
    print(`key ${key}: ${counters('hits', key)} on CPU 0 and 1; a program adds up ${call('sum', key, 0)}`)
  }
  print(`all keys: ${counters('total', 0)}`)
  object.map('hits').delete(7n)
  print(`key 7 deleted: a program adds up ${call('sum', 7n, 1)}`)
  machine.close()
}
