/** A reserve of memory, for programs that run where none can be fetched. */
import { type Engine, load, type Print } from '../example.ts'

export const ownOnly: string = 'Linux has no allocators that programs declare'

const KEYS = 64

export async function run(print: Print, engine?: Engine): Promise<void> {
  for (const reserve of [0, 16, KEYS]) {
    const { machine, object } = await load(import.meta.dirname, 'prefill.bpf.s', engine)
    const ctx = new Uint8Array(new Uint32Array([reserve]).buffer)
    if (reserve > 0) object.program('reserve').run({ ctx })
    const taken = object.program('burst').run().retval
    print(`${reserve} in reserve: with interrupts off the map takes ${taken} of ${KEYS} keys`)
    // The list was filled when interrupts came on again.
    print(
      `  afterwards ${object.program('burst').run().retval} more, and a program borrows memory: ${borrowed(object)}`,
    )
    machine.close()
  }

  const { machine, object } = await load(import.meta.dirname, 'prefill.bpf.s', engine, { memoryLimit: 2 ** 20 })
  const ctx = new Uint8Array(new Uint32Array([10_000]).buffer)
  print(`10,000 in reserve, where there is 1 MiB: ${object.program('reserve').run({ ctx }).retval | 0}`)
  machine.close()
}

function borrowed(object: Awaited<ReturnType<typeof load>>['object']): number {
  return object.program('borrow').run().retval
}
