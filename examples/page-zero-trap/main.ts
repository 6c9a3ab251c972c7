/** The object that casts to NULL, and the way round it. */
import { type Engine, hex, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'page-zero-trap.bpf.s', engine)
  const show = (what: string): void => {
    const cast = object.global('cast').get()
    print(
      `${what}: allocated ${hex(object.global('page').get())}, cast there and back ${cast === 0n ? 'NULL' : hex(cast)}`,
    )
  }
  object.program('trap').run()
  show('the trap')
  object.program('drop').run()
  const { retval } = object.program('careful').run()
  show(`page 0 reserved (${retval})`)
  print('or choose a base that is no multiple of 4 GiB, as the other examples do')
  machine.close()
}
