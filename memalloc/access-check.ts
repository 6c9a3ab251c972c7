/**
 * Debug mode: looks at each access of a program that nothing has verified. Which object an address lies in follows
 * from its slab; what state that is in, from the tables of slab-debug.ts and mem-debug.ts.
 *
 * An access that is wrong is reported once for its instruction, and then done: the run shows what comes of it.
 */
import type { Processors } from '../cpu/processors.ts'
import type { Kmalloc } from './kmalloc.ts'
import type { SlabDebug } from './slab-debug.ts'

export class AccessCheck {
  private readonly slab: Kmalloc
  private readonly debug: SlabDebug
  private readonly processors: Processors
  private readonly reported: Set<string> = new Set()

  constructor(slab: Kmalloc, debug: SlabDebug) {
    this.slab = slab
    this.debug = debug
    this.processors = slab.processors
  }

  /** `at`: offset in kernel memory, on a page that is in use. */
  check(at: number, bytes: number, kind: 'read' | 'write'): void {
    const found = this.slab.objectAt(at)
    if (found === undefined) return
    const report = this.debug.misuse(found.cache, found.object, { at, bytes, kind })
    if (report === undefined) return
    const { program, instruction } = this.processors.actor()
    const key = `${report.kind} ${program} ${instruction}`
    if (this.reported.has(key)) return
    this.reported.add(key)
    this.debug.note(report)
  }
}
