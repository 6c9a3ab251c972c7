/**
 * What the machine has to say about its memory: misuse, found in debug mode, and what programs did not get for the
 * limit. Reports are data; one line of text renders each.
 */
import { type Actor, renderActor } from '../cpu/actor.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { MemoryGroup } from './group.ts'

/**
 * `double-free`      freed, and nobody has had it since
 * `bad-free`         never handed out
 * `use-after-free`   read or written after the free; or its poison is gone when it is handed out again
 * `red-zone`         read or written beyond its end; or what stands there is gone when it is freed
 * `nmi-allocation`   asked of an allocator that waits for locks, or by what is no program, in an NMI
 */
export type DebugReportKind = 'double-free' | 'use-after-free' | 'red-zone' | 'nmi-allocation' | 'bad-free'

export interface DebugReport {
  readonly kind: DebugReportKind
  /** Kernel address of the object. */
  readonly address: bigint
  /** The allocator: a slab cache, an alloc of a program, `map NAME`. */
  readonly allocator: string
  /** Who did it; where only the traces were found, who has found them. */
  readonly by: Actor
  /** The access that did it: `offset` counts from the object. Undefined where only its traces were found. */
  readonly access?: { readonly kind: 'read' | 'write'; readonly offset: number; readonly bytes: number }
  readonly allocatedBy?: Actor
  readonly freedBy?: Actor
}

/** The memory limit, of the machine or of an object, was reached, and a program went without. */
export interface OutOfMemoryReport {
  readonly kind: 'out-of-memory'
  /** The group whose limit it is; undefined for the machine's. */
  readonly group?: string
  /** Who wanted memory first. */
  readonly by: Actor
  /** In bytes: what was wanted, what was in use, and the limit. */
  readonly wanted: number
  readonly used: number
  readonly limit: number
  /** Who has it, the largest first; of a group, those in it. */
  readonly holders: readonly Holder[]
}

/** Somebody who has memory. */
export interface Holder {
  /** `map NAME`, `alloc NAME`, `program NAME`, or what of the kernel. */
  readonly owner: string
  /** What it is: `elements`, `objects of ITEM`, … */
  readonly what: string
  readonly objects: number
  readonly bytes: number
}

export type MemoryReport = DebugReport | OutOfMemoryReport

/** `line` is the report as it is printed. Must not touch the machine: somebody is in the middle of an allocation. */
export type ReportListener = (report: MemoryReport, line: string) => void

/** A kernel address of an offset. */
export function addressOf(at: number): bigint {
  return KERNEL_BASE + BigInt(at)
}

/** One line, as it is printed. */
export function renderReport(report: MemoryReport): string {
  return report.kind === 'out-of-memory' ? renderOutOfMemory(report) : renderDebug(report)
}

function renderDebug({ kind, address, allocator, by, access, allocatedBy, freedBy }: DebugReport): string {
  const object = `0x${address.toString(16)} (${allocator})`
  const parts = [
    access === undefined
      ? `${kind}: ${object} ${HOW[kind]} ${renderActor(by)}`
      : `${kind}: ${access.kind} of ${access.bytes} bytes at offset ${access.offset} of ${object} by ${renderActor(by)}`,
  ]
  if (allocatedBy !== undefined) parts.push(`allocated by ${renderActor(allocatedBy)}`)
  if (freedBy !== undefined) parts.push(`freed by ${renderActor(freedBy)}`)
  return parts.join('; ')
}

const HOW: Readonly<Record<DebugReportKind, string>> = {
  'double-free': 'freed again by',
  'bad-free': 'freed, but never allocated, by',
  'use-after-free': 'written to after the free, noticed by',
  'red-zone': 'written to beyond its end, noticed by',
  'nmi-allocation': 'allocated in an NMI by',
}

/** Holders that a line names. */
const SHOWN = 3

function renderOutOfMemory({ group, by, wanted, used, limit, holders }: OutOfMemoryReport): string {
  const most = holders.slice(0, SHOWN).map(renderHolder)
  const who = most.length === 0 ? '' : `; most is held by ${most.join(', ')}`
  const pages = `${wanted / PAGE_SIZE} ${wanted === PAGE_SIZE ? 'page' : 'pages'}`
  const what = wanted % PAGE_SIZE === 0 ? pages : `${wanted} bytes`
  const where = group === undefined ? '' : ` of group ${group}`
  return `out-of-memory: ${what} for ${renderActor(by)}, with ${used} of ${limit} bytes${where} in use${who}`
}

export function renderHolder({ owner, what, objects, bytes }: Holder): string {
  return `${owner} (${objects} ${what}, ${bytes} bytes)`
}

/** The machine's reports, and who listens. */
export class Reports {
  /** Of debug mode, in their order. */
  readonly misuse: DebugReport[] = []
  /** Who has memory (of a group's), the largest first; set by who knows maps and programs. */
  holders: (group?: MemoryGroup) => readonly Holder[] = () => []
  private readonly listeners: Set<ReportListener> = new Set()

  /** Returns what takes the listener away again. */
  on(listener: ReportListener): () => void {
    const own: ReportListener = (report, line) => listener(report, line)
    this.listeners.add(own)
    return () => {
      this.listeners.delete(own)
    }
  }

  /** Whether it is worth the while to make a report. */
  get heard(): boolean {
    return this.listeners.size > 0
  }

  note(report: MemoryReport): void {
    if (report.kind !== 'out-of-memory') this.misuse.push(report)
    if (this.listeners.size === 0) return
    const line = renderReport(report)
    for (const listener of this.listeners) listener(report, line)
  }
}
