/** ELF objects, as clang writes them. They are recognised, so far, and refused. */
import { HarenaError } from '../errors/errors.ts'

const MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const

/** True when the bytes begin as every ELF file does, however short it is cut. */
export function isElf(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte)
}

/** @throws HarenaError always: harena reads no ELF yet */
export function refuseElf(file: string): never {
  throw new HarenaError(`${file}: ELF objects are not read yet`)
}
