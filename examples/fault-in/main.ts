/** Pages that user space touches first. */
import { type Engine, hex, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'fault-in.bpf.s', engine)
  const arena = object.map('arena').mmap()
  const page = arena.start + 5n * 4096n
  object.global('where').set(page)

  object.program('look').run()
  print(`before: BPF reads ${object.global('seen').get()} from an absent page; ${arena.residentPages()} pages resident`)

  arena.setU64(page, 0x1234n)
  print(`user space wrote to ${hex(page)}: ${arena.residentPages()} page resident`)
  object.program('look').run()
  print(`BPF reads ${hex(object.global('seen').get())}`)

  object.program('claim').run()
  print(`BPF asks for that page: ${object.global('taken').get() === 0n ? 'NULL, it is taken' : 'granted'}`)
  object.global('where').set(page + 4096n)
  object.program('claim').run()
  print(`BPF asks for the next one: ${hex(object.global('taken').get())}`)
  machine.close()
}
