/** User space faults where BPF has not allocated. */
import { SegmentationFault } from '../../index.ts'
import { type Engine, hex, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'segv-on-fault.bpf.s', engine)
  const arena = object.map('arena').mmap()

  const read = (what: string, at: bigint): void => {
    try {
      print(`${what}: read ${arena.u64(at)} at ${hex(at)}`)
    } catch (error) {
      if (!(error instanceof SegmentationFault)) throw error
      print(`${what}: segmentation fault at ${hex(error.address)}, code ${error.code}`)
    }
  }

  read('before', arena.start)
  object.program('take').run()
  read('allocated', object.global('page').get())
  read('beside it', object.global('page').get() + 4096n)
  object.program('drop').run()
  read('freed', object.global('page').get())
  machine.close()
}
