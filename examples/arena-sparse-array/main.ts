/** 4 GiB of addresses, a thousand pages of memory. */
import { type Engine, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'arena-sparse-array.bpf.s', engine)
  const arena = object.map('arena').mmap()
  print(`the arena spans ${arena.length / 2 ** 30} GiB from 0x${arena.start.toString(16)}`)

  print(`fill returned ${object.program('fill').run().retval}`)
  const resident = arena.residentPages()
  print(`${resident} pages are resident: ${(resident * 4096) / 1024} KiB of ${arena.length / 1024} KiB`)

  print(`element 500 is ${arena.u64(arena.start + ((500n * 1049n * 4096n) % 2n ** 32n))}`)
  object.program('scan').run()
  print(`BPF scanned 4000 strides, most of them absent: the sum is ${object.global('sum').get()}`)
  print(`${arena.residentPages()} pages are resident still: reading what is absent allocates nothing`)
  machine.close()
}
