/** Debug mode: programs that the verifier has accepted are looked at too, as what they read may have been freed. */
import { Access, type VerifiedProgram } from '../program/loadable.ts'

/** The same program, with each access of kernel memory told to the machine's check. */
export function watched(verified: VerifiedProgram): VerifiedProgram {
  const access = verified.access.map((kind) => (kind === Access.KERNEL ? Access.CHECKED : kind))
  return { ...verified, access }
}
