/**
 * Whether a machine's kernel memory can be trusted. Verified programs write to what is theirs; an unchecked one may
 * write over the lists, headers and tables of the allocators and maps, which is found out when they are next used.
 */
import { CorruptionError, HarenaError, InternalError, type LockReport, renderLockReport } from '../errors/errors.ts'

/** One of a machine, for all its kernels. */
export interface Integrity {
  /** Names of programs that ran without having been verified. */
  readonly unchecked: Set<string>
  /** The first that was found. */
  corruption: CorruptionError | undefined
}

export function makeIntegrity(): Integrity {
  return { unchecked: new Set(), corruption: undefined }
}

/**
 * What to throw on for what was caught on the way out of a machine: an invariant that does not hold is harena's mistake
 * on machines that ran verified programs only, and elsewhere the unchecked programs'.
 */
export function blame(integrity: Integrity, error: unknown): unknown {
  const { unchecked } = integrity
  if (!(error instanceof InternalError) || unchecked.size === 0) return error
  integrity.corruption ??= new CorruptionError([...unchecked], error.what)
  return integrity.corruption
}

/** Does `work` for a caller outside of the machine. @throws CorruptionError */
export function blaming<T>(integrity: Integrity, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw blame(integrity, error)
  }
}

/**
 * For what takes down a part of a machine, `what`: it would wait for a lock that is never given up, or follow pointers
 * that lead anywhere. @throws HarenaError that says what is left
 */
export function assertIntact({ corruption }: Integrity, stuck: LockReport | undefined, what: string): void {
  if (corruption !== undefined) throw corruption
  if (stuck === undefined) return
  const [first] = renderLockReport(stuck).split('\n')
  throw new HarenaError(
    `${what} cannot be closed any more, only the whole machine (machine.close()): it hangs; ${first}`,
  )
}
