/** Huge pages of Linux for the memory of arenas, by madvise(2). */
import { existsSync, readFileSync } from 'node:fs'
import { HarenaError } from '../errors/errors.ts'
import { libc, refused, Syscall } from './libc.ts'

const MADV_HUGEPAGE = 14

/** Whether the kernel gives any: `always`, `madvise` or `never`, the one that holds in brackets. */
const SWITCH = '/sys/kernel/mm/transparent_hugepage/enabled'

/**
 * For the machine's option of that name: `new Machine({ hugePages })`. A page table entry, and an entry of the
 * processor's cache of them, then stand for 2 MiB instead of 4 KiB, which random access over many megabytes feels. In
 * return a page that is touched makes 2 MiB resident. Needs Linux on x86-64 and the optional package koffi, no rights.
 * @throws HarenaError that says what is missing
 */
export function hugePages(bytes: Uint8Array): void {
  const why = whyNoHugePages()
  if (why !== undefined) throw new HarenaError(`no huge pages can be had: ${why}`)
  const { address, syscall } = libc()
  const result = syscall(Syscall.MADVISE, address(bytes), bytes.length, MADV_HUGEPAGE)
  if (result < 0) throw refused(result, 'no huge pages can be had: madvise')
}

/** What stands in the way, in one line; undefined when nothing does. `enabled` is the file of the kernel's switch. */
export function whyNoHugePages(enabled: string = SWITCH): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`
  if (process.arch !== 'x64') return `this is Linux on ${process.arch}, not on x86-64`
  if (!existsSync(enabled)) return 'this kernel was built without them'
  if (readFileSync(enabled, 'utf8').includes('[never]')) return `${enabled} says never`
  try {
    libc()
    return undefined
  } catch (error) {
    if (error instanceof HarenaError) return error.message
    throw error
  }
}
