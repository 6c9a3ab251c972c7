/**
 * What happens inside a machine, one event after the other, for whoever listens:
 *
 *     if (events.active) events.emit({ kind: 'trim', … })        at the place where it happens
 *
 * A place that nobody listens to costs one look at `active`. Telling is no step (memory/steps.ts): whether somebody
 * listens changes nothing that happens. Listeners are called in the middle of what happens, under
 * the locks and in the context of whoever passes: they note it, and leave the machine alone.
 */
import { HarenaError } from '../errors/errors.ts'
import type { Context } from './cpu.ts'
import type { RcuFlavour } from './rcu.ts'

/** What happened. Sizes are bytes; `unit` is that of an object with its header. */
export type EventDetail =
  /** The worker of a bpf_mem_alloc cache found `count` objects on the list, and added or took away `moved`. */
  | {
      readonly kind: 'refill' | 'trim'
      readonly allocator: string
      readonly unit: number
      readonly count: number
      readonly moved: number
    }
  /** Deferred work was queued, and where; raised work waits for an interrupt, `lazy` for a tick, `threaded` for RT. */
  | { readonly kind: 'irq-work-raised'; readonly work: string; readonly list: 'raised' | 'lazy' | 'threaded' }
  | { readonly kind: 'irq-work-run'; readonly work: string }
  | { readonly kind: 'grace-period-start'; readonly flavour: RcuFlavour }
  /** `callbacks` run now. */
  | { readonly kind: 'grace-period-end'; readonly flavour: RcuFlavour; readonly callbacks: number }
  /** A slab cache had to go beyond the CPU's own free list. */
  | { readonly kind: 'slab-slow'; readonly cache: string; readonly operation: 'alloc' | 'free' }
  | { readonly kind: 'slab-new' | 'slab-discard'; readonly cache: string; readonly pages: number }
  /** Pages were counted for an owner, or given back by one. */
  | { readonly kind: 'pages-alloc' | 'pages-free'; readonly owner: string; readonly pages: number }
  /** A lock was held already, by CPU `holder`; whoever wanted it waits, or does without. */
  | { readonly kind: 'lock-contended' | 'trylock-failed'; readonly lock: string; readonly holder: number }
  /** Something began or ended on a CPU, in this context. */
  | { readonly kind: 'context-enter' | 'context-leave'; readonly what: string }
  | { readonly kind: 'program-start'; readonly program: string }
  /** `completed`: it came to its exit; else it faulted or ran out of time. */
  | { readonly kind: 'program-end'; readonly program: string; readonly completed: boolean }
  /** Whoever asked got nothing. */
  | { readonly kind: 'alloc-failed'; readonly allocator: string; readonly size: number }

/** Where and when. */
export interface EventPlace {
  /** Counts from 1, over all events of the machine that somebody listened to. */
  readonly number: number
  /** Nanoseconds that passed by `advance` and `settle`. */
  readonly time: bigint
  readonly cpu: number
  readonly context: Context
}

export type MachineEvent = EventPlace & EventDetail

export type EventListener = (event: MachineEvent) => void

export class Events {
  /** Looked at by whoever passes. */
  active = false
  #number = 0
  #telling = false
  readonly #place: () => Omit<EventPlace, 'number'>
  readonly #listeners: Set<EventListener> = new Set()

  constructor(place: () => Omit<EventPlace, 'number'>) {
    this.#place = place
  }

  /** Whether a listener is being told. */
  get telling(): boolean {
    return this.#telling
  }

  /** Returns what takes the listener away again. The same function twice is there twice. */
  on(listener: EventListener): () => void {
    const own: EventListener = (event) => listener(event)
    this.#listeners.add(own)
    this.active = true
    return () => {
      this.#listeners.delete(own)
      this.active = this.#listeners.size > 0
    }
  }

  /** Call where `active`. @throws HarenaError for a listener that makes the machine do something */
  emit(detail: EventDetail): void {
    if (this.#telling) throw new HarenaError('a listener of events makes the machine do something: let it only look on')
    this.#telling = true
    try {
      const event = { number: ++this.#number, ...this.#place(), ...detail }
      for (const listener of this.#listeners) listener(event)
    } finally {
      this.#telling = false
    }
  }
}

/** Tells that a context is entered, and left, around `work`. Call where `active`. */
export function inContext<T>(events: Events, what: string, work: () => T): T {
  events.emit({ kind: 'context-enter', what })
  try {
    return work()
  } finally {
    events.emit({ kind: 'context-leave', what })
  }
}

/** Of CPUs that belong to no machine. */
export const NO_EVENTS: Events = new Events(() => ({ time: 0n, cpu: 0, context: 'task' }))
