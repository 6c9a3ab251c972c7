/** A counter that both sides add to. */
import { type Engine, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'shared-counter.bpf.s', engine)
  object.program('create').run()
  const at = object.global('counter').get()
  const arena = object.map('arena').mmap()

  // A live window onto the page: atomics work on it as on any shared memory.
  const bytes = arena.view(at, 8)
  const word = new BigInt64Array(bytes.buffer, bytes.byteOffset, 1)
  const count = object.program('count')
  const before: number[] = []
  for (let round = 0; round < 5; round++) {
    before.push(count.run().retval)
    Atomics.add(word, 0, 10n)
  }
  print(`BPF found ${before.join(', ')}`)
  print(`the counter stands at ${arena.u64(at)}: five from BPF, fifty from user space`)
  machine.close()
}
