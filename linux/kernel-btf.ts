/** The running kernel's own types: ids of its functions, offsets in its structs. Read once a process. */
import { readFileSync } from 'node:fs'
import { type BtfScan, scanBtf } from '../btf/scan.ts'
import { KERNEL_BTF } from './availability.ts'

let scanned: BtfScan | undefined
const functions: Map<string, number | undefined> = new Map()

/** Id of the kernel's function of that name. */
export function kernelFunction(name: string): number | undefined {
  // Looking through two megabytes of strings takes longer than loading a program.
  if (!functions.has(name)) functions.set(name, kernelBtf().func(name))
  return functions.get(name)
}

/** Offset in bytes of a member of one of the kernel's structs. */
export function kernelMember(struct: string, member: string): number | undefined {
  return kernelBtf().member(struct, member)
}

function kernelBtf(): BtfScan {
  scanned ??= scanBtf(readFileSync(KERNEL_BTF))
  return scanned
}
