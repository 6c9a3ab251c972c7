/** A list that BPF builds and user space walks, and the other way round. */
import { type Engine, hex, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'arena-list.bpf.s', engine)
  print('assembled and verified: build, sum')

  const built = object.program('build').run()
  print(`build returned ${built.retval}`)

  // The same bytes, through the user-space mapping: the pointers in them are addresses here.
  const arena = object.map('arena').mmap()
  const head = object.global('head')
  const first = head.get()
  let length = 0
  let total = 0n
  for (let at = first; at !== 0n; at = arena.u64(at)) {
    total += arena.u64(at + 8n)
    length++
  }
  print(`user space walked ${length} items from ${hex(first)}: their values add up to ${total}`)

  // User space touches a page that nobody allocated: it is faulted in, and BPF finds it there.
  let at = arena.start + 99n * 4096n
  for (const value of [1_000_000n, 2_000_000n, 3_000_000n]) {
    arena.setU64(at, head.get())
    arena.setU64(at + 8n, value)
    head.set(at)
    at += 16n
  }
  object.program('sum').run()
  print(`user space added three items; BPF summed ${object.global('total').get()}`)
  print(`${arena.residentPages()} of 100 pages are resident`)
  machine.close()
}
