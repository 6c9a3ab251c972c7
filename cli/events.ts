/** Events of a machine, as lines for people and as JSON. */
import type { MachineEvent } from '../index.ts'

/** One line: number, time, CPU, context, what happened. */
export function eventLine(event: MachineEvent): string {
  const { number, time, cpu, context, kind } = event
  return `${String(number).padStart(6)}  ${time} ns  CPU ${cpu} ${context.padEnd(7)}  ${kind.padEnd(18)}  ${detail(event)}`
}

function detail(event: MachineEvent): string {
  switch (event.kind) {
    case 'refill':
      return `${event.allocator}, ${event.unit} bytes: ${event.count} free, ${event.moved} added`
    case 'trim':
      return `${event.allocator}, ${event.unit} bytes: ${event.count} free, ${event.moved} taken away`
    case 'irq-work-raised':
      return `${event.work} (${event.list})`
    case 'irq-work-run':
      return event.work
    case 'grace-period-start':
      return event.flavour
    case 'grace-period-end':
      return `${event.flavour}: ${event.callbacks} ${event.callbacks === 1 ? 'callback' : 'callbacks'}`
    case 'slab-slow':
      return `${event.cache}: ${event.operation}`
    case 'slab-new':
    case 'slab-discard':
      return `${event.cache}: ${pages(event.pages)}`
    case 'pages-alloc':
    case 'pages-free':
      return `${event.owner}: ${pages(event.pages)}`
    case 'lock-contended':
    case 'trylock-failed':
      return `${event.lock}, which CPU ${event.holder} holds`
    case 'context-enter':
    case 'context-leave':
      return event.what
    case 'program-start':
      return event.program
    case 'program-end':
      return `${event.program}${event.completed ? '' : ', not at its exit'}`
    case 'alloc-failed':
      return `${event.allocator}, ${event.size} bytes`
    default:
      return event satisfies never
  }
}

function pages(count: number): string {
  return count === 1 ? '1 page' : `${count} pages`
}

/** Numbers of 64 bits are strings in JSON. */
export function eventJson(event: MachineEvent): Readonly<Record<string, unknown>> {
  return { ...event, time: String(event.time) }
}
