/** The running kernel's own types: ids of its functions, offsets in its structs. Read once a process. */
import { readFileSync } from 'node:fs'
import { type BtfScan, scanBtf } from '../btf/scan.ts'
import { KERNEL_BTF } from './availability.ts'

let scanned: BtfScan | undefined

export function kernelBtf(): BtfScan {
  scanned ??= scanBtf(readFileSync(KERNEL_BTF))
  return scanned
}
