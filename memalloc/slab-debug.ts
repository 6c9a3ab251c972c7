/**
 * Debug mode: who has an object, and whether anybody wrote where nobody may.
 *
 *     free       6b 6b 6b … 6b a5 │ bb × 8 │ link          poison: a write after the free shows when it is taken next
 *     in use     (payload)        │ cc × 8 │ link          red zone: a write past the end shows at the free
 *
 * Who took and who freed an object stands in a table beside kernel memory: a report names both.
 */
import type { Processors } from '../cpu/processors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Gfp } from './gfp.ts'

export type DebugReportKind = 'double-free' | 'use-after-free' | 'red-zone' | 'nmi-allocation' | 'bad-free'

export interface DebugReport {
  readonly kind: DebugReportKind
  /** Offset of the object in kernel memory. */
  readonly at: number
  readonly cache: string
  /** Who has noticed, who took the object, who freed it. */
  readonly by: string
  readonly allocatedBy: string | undefined
  readonly freedBy: string | undefined
}

/** One line, as it is printed. */
export function renderDebugReport(report: DebugReport): string {
  const { kind, at, cache, by, allocatedBy, freedBy } = report
  const parts = [`${kind} of 0x${at.toString(16)} (${cache}): noticed by ${by}`]
  if (allocatedBy !== undefined) parts.push(`allocated by ${allocatedBy}`)
  if (freedBy !== undefined) parts.push(`freed by ${freedBy}`)
  return parts.join('; ')
}

interface Record {
  live: boolean
  allocatedBy: string | undefined
  freedBy: string | undefined
}

/** What of a cache matters here. */
export interface DebugCache {
  readonly name: string
  readonly size: number
  readonly stride: number
  readonly order: number
}

const POISON = 0x6b
const POISON_END = 0xa5
const RED_FREE = 0xbb
const RED_USED = 0xcc
const RED_BYTES = 8

export class SlabDebug {
  /** Bytes behind an object: red zone and link. */
  readonly extra: number = RED_BYTES + 8
  readonly reports: DebugReport[] = []
  private readonly memory: Memory
  private readonly processors: Processors
  private readonly records: Map<number, Record> = new Map()

  constructor(memory: Memory, processors: Processors) {
    this.memory = memory
    this.processors = processors
  }

  /** Who has the object at this offset, and who freed it last; undefined where none was ever. */
  ownerOf(
    at: number,
  ): { readonly live: boolean; readonly allocatedBy?: string; readonly freedBy?: string } | undefined {
    const record = this.records.get(at)
    if (record === undefined) return undefined
    const { live, allocatedBy, freedBy } = record
    return {
      live,
      ...(allocatedBy === undefined ? {} : { allocatedBy }),
      ...(freedBy === undefined ? {} : { freedBy }),
    }
  }

  made(cache: DebugCache, object: number): void {
    this.poison(object, cache.size)
    this.memory.u8.fill(RED_FREE, this.redZone(cache, object), this.redZone(cache, object) + RED_BYTES)
  }

  allocated(cache: DebugCache, object: number, gfp: Gfp): void {
    const { processors } = this
    const record = this.record(object)
    if (processors.current.context === 'nmi' && gfp !== 'nolock') this.report('nmi-allocation', cache, object, record)
    if (!this.isPoisoned(object, cache.size)) this.report('use-after-free', cache, object, record)
    record.live = true
    record.allocatedBy = processors.actor()
    this.memory.u8.fill(RED_USED, this.redZone(cache, object), this.redZone(cache, object) + RED_BYTES)
  }

  /** False where the free must not go on. */
  freed(cache: DebugCache, object: number, _gfp: Gfp): boolean {
    const record = this.record(object)
    if (!record.live) {
      this.report(record.freedBy === undefined ? 'bad-free' : 'double-free', cache, object, record)
      return false
    }
    const zone = this.redZone(cache, object)
    if (!this.memory.u8.subarray(zone, zone + RED_BYTES).every((byte) => byte === RED_USED)) {
      this.report('red-zone', cache, object, record)
    }
    record.live = false
    record.freedBy = this.processors.actor()
    this.made(cache, object)
    return true
  }

  /** The slab goes back to the page allocator. */
  forget(cache: DebugCache, first: number): void {
    const end = first + 4096 * 2 ** cache.order
    for (let object = first; object + cache.stride <= end; object += cache.stride) this.records.delete(object)
  }

  /** Fills with poison; for allocators on top, whose free objects are in use here. */
  poison(at: number, bytes: number): void {
    this.memory.u8.fill(POISON, at, at + bytes - 1)
    this.memory.u8[at + bytes - 1] = POISON_END
  }

  isPoisoned(at: number, bytes: number): boolean {
    const { u8 } = this.memory
    for (let byte = at; byte < at + bytes - 1; byte++) if (u8[byte] !== POISON) return false
    return u8[at + bytes - 1] === POISON_END
  }

  note(report: DebugReport): void {
    this.reports.push(report)
  }

  private report(kind: DebugReportKind, cache: DebugCache, at: number, record: Record): void {
    const { allocatedBy, freedBy } = record
    this.note({ kind, at, cache: cache.name, by: this.processors.actor(), allocatedBy, freedBy })
  }

  private record(object: number): Record {
    let record = this.records.get(object)
    if (record === undefined) {
      record = { live: false, allocatedBy: undefined, freedBy: undefined }
      this.records.set(object, record)
    }
    return record
  }

  private redZone(cache: DebugCache, object: number): number {
    return object + cache.stride - 8 - RED_BYTES
  }
}
