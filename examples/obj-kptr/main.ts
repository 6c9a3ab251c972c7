/** Objects that a map owns, one a value. */
import { type Engine, load, type Print } from '../example.ts'

const SLOT_BYTES = 16

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'obj-kptr.bpf.s', engine)
  const slots = object.map('slots')
  const call = (program: string, key: bigint): string => {
    const result = object.program(program).run({ ctx: new Uint8Array(new BigUint64Array([key]).buffer) }).retval | 0
    return result < 0 ? 'nothing' : `${result}`
  }

  slots.set(1n, new Uint8Array(SLOT_BYTES))
  print(`put: ${call('put', 1n)} was there; put again: ${call('put', 1n)} was there`)
  print(`looked at it ${call('look', 1n)}, ${call('look', 1n)}, ${call('look', 1n)} times`)
  // The pointer is the kernel's business: user space reads zeros, and what it writes there is ignored.
  print(`user space sees [${new BigUint64Array(slots.getBytes(1n)!.slice().buffer).join(', ')}]`)
  print(`taken out: ${call('take', 1n)}; once more: ${call('take', 1n)}`)

  call('put', 1n)
  slots.set(1n, new Uint8Array(SLOT_BYTES).fill(0xff))
  print(`after an update by user space: ${call('look', 1n)}`)
  slots.set(1n, new Uint8Array(SLOT_BYTES))
  call('put', 1n)
  slots.delete(1n)
  // The object went with its element.
  slots.set(1n, new Uint8Array(SLOT_BYTES))
  print(`after the key was deleted and set again: ${call('look', 1n)}`)
  machine.close()
}
