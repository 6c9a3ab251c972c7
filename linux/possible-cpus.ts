/** CPUs that the kernel has room for: per-CPU maps have a value for each. */
import { readFileSync } from 'node:fs'

let known: number | undefined

export function possibleCpus(): number {
  known ??= countCpus(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))
  return known
}

/** `0-3,8`: five. */
export function countCpus(list: string): number {
  let count = 0
  for (const range of list.trim().split(',')) {
    const [first, last = first] = range.split('-').map(Number)
    count += (last ?? 0) - (first ?? 0) + 1
  }
  return count
}
