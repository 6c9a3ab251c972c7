/** `harena memstat`: runs a program, then shows what the allocators hold. */
import type { Machine, MachineEvent, MachineStatistics, MemCacheStatistics } from '../../index.ts'
import { eventJson, eventLine } from '../events.ts'
import { checkEngine } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { type Addition, runThen } from './run.ts'

export async function memstat(command: ParsedCommand, io: Io): Promise<number> {
  if (checkEngine(command) === 'linux') throw new UsageError("memstat shows harena's own allocators, not the kernel's")
  const { events, json } = command.values
  return runThen(command, io, (machine) => {
    const seen: MachineEvent[] = []
    // For people as they happen, so that they are there where the run comes to no end.
    if (events === true)
      machine.on('event', (event) => (json === true ? seen.push(event) : io.out(`${eventLine(event)}\n`)))
    return () => {
      const { json: fields, lines } = look(machine)
      return { json: events === true ? { ...fields, events: seen.map(eventJson) } : fields, lines }
    }
  })
}

/** Deferred work hides what a program really used, so both states are shown. */
function look(machine: Machine): Addition {
  const run = machine.statistics()
  machine.settle()
  const settled = machine.statistics()
  return {
    json: { memstat: { run, settled } },
    lines: ['', 'after the run:', ...render(run), '', 'settled:', ...render(settled)],
  }
}

function render({ pages, slabs, caches, gracePeriods, holders, groups }: MachineStatistics): string[] {
  const owners = Object.entries(pages.byOwner).map(([owner, count]) => `${owner.toLowerCase()} ${count}`)
  const limit = Number.isFinite(pages.limit) ? ` of ${pages.limit}` : ''
  const { rcu, tasksTrace, pending } = gracePeriods
  return [
    `  pages: ${pages.used}${limit}${owners.length === 0 ? '' : ` (${owners.join(', ')})`}`,
    `  grace periods: rcu ${rcu}, tasks-trace ${tasksTrace}; ${pending} callbacks wait`,
    ...groups.map(
      ({ name, used, limit, stocks }) =>
        `  group ${name}: ${used} of ${limit} bytes in use, in stock by CPU: ${stocks.join(', ')}`,
    ),
    ...holders.map(({ owner, what, objects, bytes }) => `  held by ${owner}: ${objects} ${what}, ${bytes} bytes`),
    ...slabs.map(
      (slab) => `  slab ${slab.name}: ${slab.slabs} slabs of ${slab.objects} objects of ${slab.stride} bytes`,
    ),
    ...table(caches),
  ]
}

/** Objects by list: free, freed meanwhile, waiting for RCU, waiting for tasks-trace. */
const COLUMNS: readonly (readonly [string, (cache: MemCacheStatistics) => string | number])[] = [
  ['allocator', (cache) => cache.name],
  ['cpu', (cache) => cache.cpu],
  ['size', (cache) => cache.unit],
  ['free', (cache) => cache.F],
  ['low', (cache) => cache.low],
  ['high', (cache) => cache.high],
  ['rcu', (cache) => cache.R + cache.XR + cache.W],
  ['trace', (cache) => cache.T + cache.WT],
  ['refills', (cache) => cache.refills],
  ['trims', (cache) => cache.trims],
  ['failures', (cache) => cache.failures],
  ['irq_work', (cache) => cache.irqWork],
]

function table(caches: readonly MemCacheStatistics[]): string[] {
  if (caches.length === 0) return ['  caches: none']
  const rows = [COLUMNS.map(([name]) => name), ...caches.map((cache) => COLUMNS.map(([, cell]) => String(cell(cache))))]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const pad = (cell: string, i: number): string => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
  return rows.map((row) => `  ${row.map(pad).join('  ')}`)
}
