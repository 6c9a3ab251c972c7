/**
 * In what pieces the free memory of the host is. After hours of work neighbouring pages of a process are no neighbours
 * in memory, and in a virtual machine each miss of the processor's cache of translations then costs up to a microsecond:
 * all that runs on pages of 4 KiB becomes several times as slow. Compaction by the kernel mends it, for a while.
 */
import { existsSync, readFileSync } from 'node:fs'

/** Free blocks of 1, 2, 4, … pages, by zone of memory. */
const BUDDYINFO = '/proc/buddyinfo'

/** Blocks from this order on are of 2 MiB and more. */
const LARGE_ORDER = 9

/** The part of free memory that is in blocks of 2 MiB and more, from 0 to 1. */
export function inLargeBlocks(buddyinfo: string): number {
  let [all, large] = [0, 0]
  for (const line of buddyinfo.trim().split('\n')) {
    const counts = line
      .replace(/^.*zone\s+\S+/u, '')
      .trim()
      .split(/\s+/u)
    for (const [order, count] of counts.entries()) {
      const pages = Number(count) * 2 ** order
      all += pages
      if (order >= LARGE_ORDER) large += pages
    }
  }
  return all === 0 ? 0 : large / all
}

/** The same of this host; undefined where it does not tell. */
export function freeInLargeBlocks(): number | undefined {
  return existsSync(BUDDYINFO) ? inLargeBlocks(readFileSync(BUDDYINFO, 'utf8')) : undefined
}
