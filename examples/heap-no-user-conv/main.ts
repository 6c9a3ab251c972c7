/** A heap with 32-bit links. */
import { type Engine, hex, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'heap-no-user-conv.bpf.s', engine)
  print(`build returned ${object.program('build').run().retval}`)
  print(`the allocator gave ${hex(object.global('pages').get())}: a full address, whatever the flag`)

  const arena = object.map('arena').mmap()
  const high = arena.start & ~0xffff_ffffn
  const head = object.global('head').get()
  let length = 0
  let total = 0
  for (let link = head; link !== 0n; link = BigInt(arena.u32(high | link))) {
    total += arena.u32((high | link) + 4n)
    length++
  }
  print(`the links are 32 bits wide: head ${hex(head)}; ${length} cells add up to ${total}`)
  machine.close()
}
