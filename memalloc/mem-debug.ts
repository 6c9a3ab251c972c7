/**
 * Debug mode of bpf_mem_alloc: its free objects are in use as the slab sees it, so it has a table of its own. The
 * payload of a freed object is poisoned; a write to it shows when the object is handed out again.
 */
import type { Processors } from '../cpu/processors.ts'
import type { DebugReportKind, SlabDebug } from './slab-debug.ts'

interface Entry {
  readonly unit: number
  live: boolean
  allocatedBy: string | undefined
  freedBy: string | undefined
  poisoned: boolean
}

export class MemDebug {
  private readonly name: string
  private readonly slab: SlabDebug
  private readonly processors: Processors
  private readonly entries: Map<number, Entry> = new Map()

  constructor(name: string, slab: SlabDebug, processors: Processors) {
    this.name = name
    this.slab = slab
    this.processors = processors
  }

  allocated(payload: number, unit: number): void {
    const entry = this.entries.get(payload)
    if (entry?.poisoned === true && !this.slab.isPoisoned(payload, unit - 8)) {
      this.report('use-after-free', payload, entry)
    }
    // What is safe in an NMI is safe for programs, which may not wait; anything else there is a bug.
    if (this.processors.isForeignNmi) this.report('nmi-allocation', payload, entry)
    const allocatedBy = this.processors.actor()
    this.entries.set(payload, { unit, live: true, allocatedBy, freedBy: undefined, poisoned: false })
  }

  /** False where the free must not go on. `poison`: nothing in the payload is needed any more. */
  freed(payload: number, poison: boolean): boolean {
    const entry = this.entries.get(payload)
    if (entry === undefined || !entry.live) {
      this.report(entry === undefined ? 'bad-free' : 'double-free', payload, entry)
      return false
    }
    entry.live = false
    entry.freedBy = this.processors.actor()
    entry.poisoned = poison
    if (poison) this.slab.poison(payload, entry.unit - 8)
    return true
  }

  /** The object goes back to the slab. */
  released(payload: number): void {
    this.entries.delete(payload)
  }

  /** Objects that are handed out, with who has them: what a leak report lists. */
  live(): readonly { readonly at: number; readonly allocatedBy: string }[] {
    return [...this.entries].flatMap(([at, { live, allocatedBy }]) =>
      live && allocatedBy !== undefined ? [{ at, allocatedBy }] : [],
    )
  }

  private report(kind: DebugReportKind, at: number, entry: Entry | undefined): void {
    const by = this.processors.actor()
    this.slab.note({ kind, at, cache: this.name, by, allocatedBy: entry?.allocatedBy, freedBy: entry?.freedBy })
  }
}
