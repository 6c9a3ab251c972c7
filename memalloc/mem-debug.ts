/**
 * Debug mode of bpf_mem_alloc: its free objects are in use as the slab sees it, so that it has a table of its own.
 *
 *     in use     header │ payload, as many bytes as were asked for │ cc cc … cc        red zone up to the slab's link
 *     waiting    header │ payload as it was                        │ cc cc … cc        freed, readers may still look
 *     free       header │ kept │ 6b 6b 6b … 6b a5                  │ cc cc … cc
 *
 * What the owner of the allocator says is looked at after a free (`kept`: the chain links of a map's elements) stays.
 */
import type { Actor } from '../cpu/actor.ts'
import type { Processors } from '../cpu/processors.ts'
import { addressOf, type DebugReport, type DebugReportKind } from './reports.ts'
import type { DebugAccess, DebugUser, SlabDebug } from './slab-debug.ts'

/** `after-rcu`: when the grace period is over. `never`: somebody needs what is in it. */
export type WhenFree = 'at-once' | 'after-rcu' | 'never'

interface Entry {
  state: 'live' | 'waiting' | 'free'
  /** End of what its owner may use, of the object's payload, and of the red zone. */
  end: number
  payloadEnd: number
  redEnd: number
  allocatedBy: Actor | undefined
  freedBy: Actor | undefined
  /** Where its poison starts. */
  poisonFrom: number | undefined
  /** What was done to it stands in a report already: its traces need none. */
  told: boolean
}

/** Bytes of payload that objects of a unit have, and those up to the end of the red zone. */
export interface Room {
  readonly payload: number
  readonly red: number
}

export class MemDebug implements DebugUser {
  private readonly name: string
  private readonly room: (unit: number) => Room
  private readonly slab: SlabDebug
  private readonly processors: Processors
  private readonly entries: Map<number, Entry> = new Map()
  private kept = 0

  constructor(name: string, room: (unit: number) => Room, slab: SlabDebug, processors: Processors) {
    this.name = name
    this.room = room
    this.slab = slab
    this.processors = processors
  }

  /** Leaves the first bytes of payloads as they are, at least as many as were named before. */
  keep(bytes: number): void {
    this.kept = Math.max(this.kept, bytes)
  }

  allocated(payload: number, unit: number): void {
    const before = this.entries.get(payload)
    this.checkPoison(payload, before)
    // What is safe in an NMI is safe for programs, which may not wait; anything else there is a bug.
    if (this.processors.isForeignNmi) this.report('nmi-allocation', payload, before)
    const room = this.room(unit)
    const entry: Entry = {
      state: 'live',
      end: payload + room.payload,
      payloadEnd: payload + room.payload,
      redEnd: payload + room.red,
      allocatedBy: this.processors.actor(),
      freedBy: undefined,
      poisonFrom: undefined,
      told: false,
    }
    this.entries.set(payload, entry)
    this.slab.users.set(payload, this)
    this.slab.drawRedZone(entry.end, entry.redEnd)
  }

  /** Of the object that was just allocated, only so many bytes were asked for. */
  asked(payload: number, bytes: number): void {
    const entry = this.entries.get(payload)
    if (entry === undefined) return
    entry.end = payload + bytes
    this.slab.drawRedZone(entry.end, entry.redEnd)
  }

  /** False where the free must not go on. */
  freed(payload: number, when: WhenFree): boolean {
    const entry = this.entries.get(payload)
    if (entry === undefined || entry.state !== 'live') {
      this.report(entry === undefined ? 'bad-free' : 'double-free', payload, entry)
      return false
    }
    if (!entry.told && !this.slab.isRedZone(entry.end, entry.redEnd)) this.report('red-zone', payload, entry)
    entry.told = false
    entry.poisonFrom = undefined
    entry.freedBy = this.processors.actor()
    entry.state = when === 'after-rcu' ? 'waiting' : 'free'
    if (when === 'at-once') this.poison(payload, entry)
    return true
  }

  /** The RCU grace period of an object that was freed is over. */
  graceOver(payload: number, poison: boolean): void {
    const entry = this.entries.get(payload)
    if (entry === undefined) return
    entry.state = 'free'
    if (poison) this.poison(payload, entry)
  }

  /** The object goes back to the slab. */
  released(payload: number): void {
    this.checkPoison(payload, this.entries.get(payload))
    this.entries.delete(payload)
    this.slab.users.delete(payload)
  }

  /** Whether an object was handed out there, and freed. */
  wasFreed(payload: number): boolean {
    const entry = this.entries.get(payload)
    return entry !== undefined && entry.state !== 'live'
  }

  misuse(payload: number, { at, bytes, kind }: DebugAccess): DebugReport | undefined {
    const entry = this.entries.get(payload)
    if (entry === undefined) return undefined
    const beyond = at < payload || at + bytes > entry.end
    if (entry.state === 'waiting' ? !beyond : entry.state === 'live' && !beyond) return undefined
    if (kind === 'write') entry.told = true
    const what = entry.state === 'free' ? 'use-after-free' : 'red-zone'
    return { ...this.describe(what, payload, entry), access: { kind, offset: at - payload, bytes } }
  }

  /** Objects that are handed out, with who has them: what a leak report lists. */
  live(): readonly { readonly at: number; readonly bytes: number; readonly allocatedBy: Actor }[] {
    return [...this.entries].flatMap(([at, { state, allocatedBy, payloadEnd }]) =>
      state === 'live' && allocatedBy !== undefined ? [{ at, bytes: payloadEnd - at, allocatedBy }] : [],
    )
  }

  private poison(payload: number, entry: Entry): void {
    const from = payload + this.kept
    if (from >= entry.payloadEnd) return
    entry.poisonFrom = from
    this.slab.poison(from, entry.payloadEnd)
  }

  private checkPoison(payload: number, entry: Entry | undefined): void {
    if (entry?.poisonFrom === undefined || entry.told) return
    if (!this.slab.isPoisoned(entry.poisonFrom, entry.payloadEnd)) this.report('use-after-free', payload, entry)
  }

  private report(kind: DebugReportKind, at: number, entry: Entry | undefined): void {
    this.slab.note(this.describe(kind, at, entry))
  }

  private describe(kind: DebugReportKind, at: number, entry: Entry | undefined): DebugReport {
    const { allocatedBy, freedBy } = entry ?? {}
    return {
      kind,
      address: addressOf(at),
      allocator: this.name,
      by: this.processors.actor(),
      ...(allocatedBy === undefined ? {} : { allocatedBy }),
      ...(freedBy === undefined ? {} : { freedBy }),
    }
  }
}
