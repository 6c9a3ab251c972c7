/**
 * Debug mode: who has an object, and whether anybody wrote where nobody may.
 *
 *     free       6b 6b 6b … 6b a5 │ bb × 8 │ link          poison: a write after the free shows when it is taken next
 *     in use     (payload)        │ cc × 8 │ link          red zone: a write past the end shows at the free
 *
 * Who took and who freed an object stands in a table beside kernel memory: a report names both.
 */
import type { Actor } from '../cpu/actor.ts'
import type { Processors } from '../cpu/processors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Gfp } from './gfp.ts'
import { addressOf, type DebugReport, type DebugReportKind, Reports } from './reports.ts'
import { HEADER_BYTES } from './size-classes.ts'

interface Record {
  live: boolean
  allocatedBy: Actor | undefined
  freedBy: Actor | undefined
  /** Whose it is, by name, and how many bytes of it may be used. Past the free too, until it is taken again. */
  claim: DebugClaim | undefined
  /** Who has let go of an object that is freed after a grace period. */
  leftBy: Actor | undefined
  /** What was done to it stands in a report already: its traces need none. */
  told: boolean
}

/** What those who take objects for others know of them. */
export interface DebugClaim {
  readonly name: string
  readonly bytes: number
}

/** An access, by its offset in kernel memory. */
export interface DebugAccess {
  readonly at: number
  readonly bytes: number
  readonly kind: 'read' | 'write'
}

/** Somebody on top, whose objects lie in those of the slab. */
export interface DebugUser {
  /** A report, where the access of this payload's memory is wrong. */
  misuse(payload: number, access: DebugAccess): DebugReport | undefined
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
const LINK_BYTES = 8

export class SlabDebug {
  /** Bytes behind an object: red zone and link. */
  readonly extra: number = RED_BYTES + LINK_BYTES
  readonly reports: Reports
  /** Whose a payload is; it starts behind the object's header of 8 bytes. */
  readonly users: Map<number, DebugUser> = new Map()
  private readonly memory: Memory
  private readonly processors: Processors
  private readonly records: Map<number, Record> = new Map()

  constructor(memory: Memory, processors: Processors, reports: Reports = new Reports()) {
    this.memory = memory
    this.processors = processors
    this.reports = reports
  }

  /** Who has the object at this offset, and who freed it last; undefined where none was ever. */
  ownerOf(at: number): Readonly<Record> | undefined {
    return this.records.get(at)
  }

  made(cache: DebugCache, object: number): void {
    this.poison(object, object + cache.size)
    this.memory.u8.fill(RED_FREE, this.redZone(cache, object), this.redZone(cache, object) + RED_BYTES)
  }

  allocated(cache: DebugCache, object: number, gfp: Gfp): void {
    const { processors } = this
    const record = this.record(object)
    if (processors.current.context === 'nmi' && gfp !== 'nolock') this.report('nmi-allocation', cache, object, record)
    if (!record.told && !this.isPoisoned(object, object + cache.size)) {
      this.report('use-after-free', cache, object, record)
    }
    record.live = true
    record.allocatedBy = processors.actor()
    record.freedBy = undefined
    record.claim = undefined
    record.told = false
    this.drawRedZone(this.redZone(cache, object), this.redZone(cache, object) + RED_BYTES)
  }

  /** The object that was allocated is somebody's, who acts now. */
  claimed(cache: DebugCache, object: number, claim: DebugClaim): void {
    const record = this.record(object)
    record.claim = claim
    record.allocatedBy = this.processors.actor()
    this.drawRedZone(object + claim.bytes, this.redZone(cache, object) + RED_BYTES)
  }

  /**
   * Whoever acts now lets go of an object of somebody's, which is freed when the grace period is over: what stands
   * behind its end is looked at while it is known whose program it is.
   */
  leaves(cache: DebugCache, object: number): void {
    const record = this.record(object)
    this.checkRedZone(cache, object, record)
    record.leftBy = this.processors.actor()
  }

  /** False where the free must not go on. */
  freed(cache: DebugCache, object: number, _gfp: Gfp): boolean {
    const record = this.record(object)
    if (!record.live) {
      this.report(record.freedBy === undefined ? 'bad-free' : 'double-free', cache, object, record)
      return false
    }
    this.checkRedZone(cache, object, record)
    record.live = false
    record.freedBy = record.leftBy ?? this.processors.actor()
    record.leftBy = undefined
    record.told = false
    this.made(cache, object)
    return true
  }

  /** A report, where the access of this object's memory is wrong. */
  misuse(cache: DebugCache, object: number, access: DebugAccess): DebugReport | undefined {
    const payload = object + HEADER_BYTES
    const user = this.users.get(payload)
    if (user !== undefined) return user.misuse(payload, access)
    const record = this.records.get(object)
    if (record === undefined) return undefined
    const { at, bytes, kind } = access
    // Of objects in use by the kernel itself nothing is known.
    if (record.live && (record.claim === undefined || at + bytes <= object + record.claim.bytes)) return undefined
    if (kind === 'write') record.told = true
    const what = record.live || record.freedBy === undefined ? 'red-zone' : 'use-after-free'
    return { ...this.describe(what, cache, object, record), access: { kind, offset: at - object, bytes } }
  }

  /** The slab goes back to the page allocator. */
  forget(cache: DebugCache, first: number): void {
    const end = first + 4096 * 2 ** cache.order
    for (let object = first; object + cache.stride <= end; object += cache.stride) this.records.delete(object)
  }

  /** Fills with poison; for allocators on top, whose free objects are in use here. */
  poison(from: number, to: number): void {
    this.memory.u8.fill(POISON, from, to - 1)
    this.memory.u8[to - 1] = POISON_END
  }

  isPoisoned(from: number, to: number): boolean {
    return this.isFilled(POISON, from, to - 1) && this.memory.u8[to - 1] === POISON_END
  }

  drawRedZone(from: number, to: number): void {
    this.memory.u8.fill(RED_USED, from, to)
  }

  isRedZone(from: number, to: number): boolean {
    return this.isFilled(RED_USED, from, to)
  }

  note(report: DebugReport): void {
    this.reports.note(report)
  }

  /** From the end of what may be used up to the link. */
  private checkRedZone(cache: DebugCache, object: number, record: Record): void {
    const zone = this.redZone(cache, object)
    const from = record.claim === undefined ? zone : object + record.claim.bytes
    if (record.told || this.isRedZone(from, zone + RED_BYTES)) return
    record.told = true
    this.report('red-zone', cache, object, record)
  }

  private isFilled(value: number, from: number, to: number): boolean {
    const { u8 } = this.memory
    for (let at = from; at < to; at++) if (u8[at] !== value) return false
    return true
  }

  private report(kind: DebugReportKind, cache: DebugCache, at: number, record: Record): void {
    this.note(this.describe(kind, cache, at, record))
  }

  private describe(kind: DebugReportKind, cache: DebugCache, at: number, record: Record): DebugReport {
    const { allocatedBy, freedBy, claim } = record
    return {
      kind,
      address: addressOf(at),
      // Who had the object before has no part in how it is allocated.
      allocator: kind === 'nmi-allocation' ? cache.name : (claim?.name ?? cache.name),
      by: this.processors.actor(),
      ...(allocatedBy === undefined ? {} : { allocatedBy }),
      ...(freedBy === undefined ? {} : { freedBy }),
    }
  }

  private record(object: number): Record {
    let record = this.records.get(object)
    if (record === undefined) {
      record = {
        live: false,
        allocatedBy: undefined,
        freedBy: undefined,
        claim: undefined,
        leftBy: undefined,
        told: false,
      }
      this.records.set(object, record)
    }
    return record
  }

  private redZone(cache: DebugCache, object: number): number {
    return object + cache.stride - LINK_BYTES - RED_BYTES
  }
}
