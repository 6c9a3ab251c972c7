/**
 * Attach points: named places inside the kernel's own code, as a kprobe would have them. What is attached runs there,
 * in the context and under the locks of whoever passes.
 *
 * As on Linux, a program at an attach point does not set off another one on the same CPU: such hits are counted as
 * missed.
 */

/** What an allocator has to say at an attach point; numbers are offsets, sizes or counts. */
export type PointDetail = Readonly<Record<string, number | string | boolean>>

/** Runs at the attach point. */
export type Probe = (point: string, detail: PointDetail | undefined) => void

export class AttachPoint {
  readonly name: string
  hits = 0
  missed = 0
  /** Looked at by whoever passes, so that a point nobody uses costs one load. */
  active = false
  readonly probes: Set<Probe> = new Set()
  readonly listeners: Set<Probe> = new Set()

  constructor(name: string) {
    this.name = name
  }

  /** Call where `active`. */
  hit(running: Set<number>, cpu: number, detail?: PointDetail): void {
    this.hits++
    for (const listener of this.listeners) listener(this.name, detail)
    if (this.probes.size === 0) return
    if (running.has(cpu)) {
      this.missed++
      return
    }
    running.add(cpu)
    try {
      for (const probe of this.probes) probe(this.name, detail)
    } finally {
      running.delete(cpu)
    }
  }
}

/** Every point there is. A name is `subsystem:place`. */
export const ATTACH_POINTS = [
  /** Behind the lock, and before it is given up: of slab caches, the zone, bpf_mem_alloc's lists. */
  'slab:lock',
  'slab:unlock',
  'page:lock',
  'page:unlock',
  /** The free list of the CPU was empty. */
  'slab:slow',
  /** A slab was made, or given back to the page allocator. */
  'slab:new',
  'slab:discard',
  'slab:free-slow',
  /** irq_work of bpf_mem_alloc. */
  'mem_alloc:raise',
  'mem_alloc:refill',
  'mem_alloc:trim',
  'mem_alloc:empty',
  'mem_alloc:destroy',
  'irq_work:run',
  'rcu:grace-period',
  'tasks_trace:grace-period',
  /** A probe of the allocations that failed for want of a lock. */
  'nolock:busy',
] as const
export type AttachPointName = (typeof ATTACH_POINTS)[number]

export class AttachPoints {
  readonly #points: Map<string, AttachPoint> = new Map(ATTACH_POINTS.map((name) => [name, new AttachPoint(name)]))
  /** CPUs on which a probe runs now. */
  readonly running: Set<number> = new Set()

  /** The point of this name; undefined where there is none. */
  find(name: string): AttachPoint | undefined {
    return this.#points.get(name)
  }

  /** The point of a name that the type says exists. */
  get(name: AttachPointName): AttachPoint {
    return this.#points.get(name)!
  }

  /** Runs `probe` at each hit. Returns what takes it away again. */
  attach(name: AttachPointName, probe: Probe): () => void {
    const point = this.get(name)
    return this.#add(point, point.probes, probe)
  }

  /** As `attach`, for looking on: sees missed hits too, and must not touch the machine. */
  listen(name: AttachPointName, listener: Probe): () => void {
    const point = this.get(name)
    return this.#add(point, point.listeners, listener)
  }

  /** Looks on at every point. */
  listenAll(listener: Probe): () => void {
    const ends = ATTACH_POINTS.map((name) => this.listen(name, listener))
    return () => {
      for (const end of ends) end()
    }
  }

  #add(point: AttachPoint, set: Set<Probe>, probe: Probe): () => void {
    // A wrapper, so that the same function attached twice is there twice.
    const own: Probe = (name, detail) => probe(name, detail)
    set.add(own)
    point.active = true
    return () => {
      set.delete(own)
      point.active = point.probes.size + point.listeners.size > 0
    }
  }
}
