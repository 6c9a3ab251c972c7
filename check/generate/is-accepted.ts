/** Whether harena's verifier accepts a generated program: what mutants are made of is to be valid. */
import { assemble } from '../../asm/assemble.ts'
import { VerifierError } from '../../errors/errors.ts'
import { Machine } from '../../index.ts'

/** Instructions after which verification is given up, and the program counts as refused. */
const MAX_VERIFIED = 100_000

class TooLong extends Error {
  override readonly name = 'TooLong'
}

export function isAccepted(text: string): boolean {
  const machine = new Machine()
  const progress = (processed: number): void => {
    if (processed > MAX_VERIFIED) throw new TooLong()
  }
  try {
    machine.load(assemble(text), { logLevel: 0, progress })
    return true
  } catch (error) {
    if (error instanceof VerifierError || error instanceof TooLong) return false
    throw error
  } finally {
    machine.close()
  }
}
