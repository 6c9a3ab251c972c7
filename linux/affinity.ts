/** Runs something on one CPU: sched_setaffinity(2) of this thread, and back. */
import { HarenaError } from '../errors/errors.ts'
import { libc, refused, Syscall } from './libc.ts'

/** Room for 8192 CPUs, as many as Linux knows. */
const MASK_BYTES = 1024

/** Without a number: wherever the kernel likes. @throws HarenaError for a CPU that this thread may not use */
export function onCpu<T>(cpu: number | undefined, work: () => T): T {
  if (cpu === undefined) return work()
  const { syscall, address } = libc()
  const before = new Uint8Array(MASK_BYTES)
  const size = syscall(Syscall.SCHED_GETAFFINITY, 0, MASK_BYTES, address(before))
  if (size < 0) throw refused(size, 'sched_getaffinity')
  const wanted = new Uint8Array(size)
  if (!Number.isInteger(cpu) || cpu < 0 || ((before[cpu >> 3] ?? 0) & (1 << (cpu & 7))) === 0) {
    throw new HarenaError(`this process may not run on CPU ${cpu}`)
  }
  wanted[cpu >> 3] = 1 << (cpu & 7)
  const set = syscall(Syscall.SCHED_SETAFFINITY, 0, size, address(wanted))
  if (set < 0) throw refused(set, 'sched_setaffinity')
  const putBack = (): void => {
    const back = syscall(Syscall.SCHED_SETAFFINITY, 0, size, address(before))
    if (back < 0) throw refused(back, 'sched_setaffinity')
  }
  let result: T
  try {
    result = work()
  } catch (error) {
    putBack()
    throw error
  }
  putBack()
  return result
}
