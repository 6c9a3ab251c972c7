/** Whether the kernel underneath can be asked, and if not, which single thing is missing. */
import { existsSync, readFileSync } from 'node:fs'
import { HarenaError } from '../errors/errors.ts'
import { MAP_TYPES } from '../program/types.ts'
import { closeFd, mapCreate } from './bpf.ts'
import { errnoOf } from './libc.ts'

/** Capabilities by their bits in /proc/self/status (capabilities(7)). */
const CAP_NET_ADMIN = 12
const CAP_SYS_ADMIN = 21
const CAP_PERFMON = 38
const CAP_BPF = 39

export const KERNEL_BTF = '/sys/kernel/btf/vmlinux'

/**
 * What needs more than engine linux itself: loading programs that see the network's packets, maps with the flag
 * zero_seed.
 */
export type Wanted = 'packets' | 'zero_seed'

/** What stands between this process and engine linux, in one line; undefined when nothing does. */
export function whyUnavailable(wanted?: Wanted): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`
  if (process.arch !== 'x64') return `this is Linux on ${process.arch}, not on x86-64`
  const missing = missingCapability() ?? missingFor(wanted)
  if (missing !== undefined) return `this process lacks ${missing}`
  if (!existsSync(KERNEL_BTF)) return `this kernel has no BTF of its own (${KERNEL_BTF})`
  try {
    return refusalOfBpf()
  } catch (error) {
    if (error instanceof HarenaError) return error.message
    throw error
  }
}

let available = false

/** @throws HarenaError with the reason */
export function assertAvailable(): void {
  // Rights that were there once stay: machines are made by the thousand.
  if (available) return
  const why = whyUnavailable()
  if (why !== undefined) throw new HarenaError(`engine linux is not available: ${why}`)
  available = true
}

/** The capability without which programs are refused for any reason but their own. */
function missingCapability(): string | undefined {
  if (hasCapability(CAP_SYS_ADMIN)) return undefined
  if (!hasCapability(CAP_BPF)) return 'CAP_BPF (needed to create maps and to load programs)'
  // Pointers into memory of several kinds, and comparing them, count as leaks without it.
  if (!hasCapability(CAP_PERFMON)) return 'CAP_PERFMON (needed for what the verifier allows privileged programs)'
  return undefined
}

function missingFor(wanted: Wanted | undefined): string | undefined {
  switch (wanted) {
    case undefined:
      return undefined
    case 'packets':
      return missingForPackets()
    case 'zero_seed':
      return hasCapability(CAP_SYS_ADMIN) ? undefined : 'CAP_SYS_ADMIN (needed to create maps with zero_seed)'
    default:
      return wanted satisfies never
  }
}

/** The capability without which programs of most types that see packets are not loaded. */
export function missingForPackets(): string | undefined {
  if (hasCapability(CAP_NET_ADMIN) || hasCapability(CAP_SYS_ADMIN)) return undefined
  return 'CAP_NET_ADMIN (needed to load programs that see packets)'
}

function hasCapability(bit: number): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync('/proc/self/status', 'utf8'))
  return ((BigInt(`0x${line?.[1] ?? '0'}`) >> BigInt(bit)) & 1n) === 1n
}

/** Rights on paper may be none in a container: seccomp, lockdown and security modules refuse as they like. */
function refusalOfBpf(): string | undefined {
  const probe = { type: MAP_TYPES.array, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0, extra: 0n, name: 'probe' }
  const fd = mapCreate(probe)
  if (fd >= 0) {
    closeFd(fd)
    return undefined
  }
  return `bpf(2) answers ${errnoOf(fd) ?? `error ${-fd}`} in spite of the capabilities (seccomp, lockdown or a security module)`
}
