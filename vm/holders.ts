/**
 * Who has the machine's memory, by the names that users gave: maps, allocators, programs. For `memstat`, and for the
 * report when the limit is reached; walks maps, and changes nothing.
 */
import { ArenaMap } from '../maps/arena-map.ts'
import type { BpfMap } from '../maps/map.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { Holder } from '../memalloc/reports.ts'
import { PAGE_SIZE } from '../program/types.ts'

/** A map, with the pages that were taken for it when it was made. */
export type MadeMaps = ReadonlyMap<BpfMap, number>

/** The largest first. */
export function holdersOf(kernel: Kernel, maps: MadeMaps): readonly Holder[] {
  const { bpf } = kernel
  const holders: Holder[] = []
  const kept = new Set<number>()
  for (const [map, pages] of maps) holders.push(...mapHolders(kernel, map, pages, kept))
  for (const instance of bpf.all) {
    if (instance === bpf.theGlobal) holders.push(...programHolders(kernel, instance, kept))
    else holders.push(instanceHolder(instance))
  }
  return holders.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
}

function mapHolders(kernel: Kernel, map: BpfMap, made: number, kept: Set<number>): Holder[] {
  const owner = `map ${map.info.name}`
  if (map instanceof ArenaMap) {
    const pages = map.arena.table.count
    return [{ owner, what: 'pages of the arena', objects: pages, bytes: pages * PAGE_SIZE }]
  }
  const objects = (map.heldObjects?.() ?? []).filter((object) => kernel.objects.isObject(object))
  for (const object of objects) kept.add(object)
  const bytes = objects.reduce((sum, object) => sum + kernel.bpf.global.bytesAt(object), 0)
  return [
    { owner, what: 'pages when it was made', objects: made, bytes: made * PAGE_SIZE },
    { owner, what: 'objects in kptr fields', objects: objects.length, bytes },
  ]
}

/** A map's own instance is called `map NAME`, and that of its per-CPU values `map NAME, per CPU`. */
function instanceHolder({ name, usage }: BpfMemAlloc): Holder {
  const isMap = name.startsWith('map ')
  return { owner: isMap ? name : `alloc ${name}`, what: isMap ? 'elements' : 'objects', ...usage }
}

/**
 * The machine's instance: what programs took and have not given back. Which program, is known of bpf_mem_alloc always,
 * of other objects in debug mode.
 */
function programHolders({ bpf }: Kernel, instance: BpfMemAlloc, kept: ReadonlySet<number>): Holder[] {
  const programs = new Map<string, { objects: number; bytes: number }>()
  for (const { at, allocatedBy } of instance.leaks()) {
    if (!kept.has(at)) add(programs, allocatedBy.what, 1, instance.bytesAt(at))
  }
  if (programs.size === 0) {
    for (const [program, { objects, bytes }] of bpf.taken) add(programs, `program ${program}`, objects, bytes)
  }
  const known = [...programs].map(([owner, usage]) => ({ owner, what: 'objects', ...usage }))
  const rest = instance.usage.objects - kept.size - known.reduce((sum, { objects }) => sum + objects, 0)
  const bytes = instance.usage.bytes - known.reduce((sum, holder) => sum + holder.bytes, 0)
  const keptBytes = [...kept].reduce((sum, object) => sum + instance.bytesAt(object), 0)
  return [...known, { owner: 'all programs', what: 'objects, and free ones', objects: rest, bytes: bytes - keptBytes }]
}

function add(
  programs: Map<string, { objects: number; bytes: number }>,
  owner: string,
  objects: number,
  bytes: number,
): void {
  const before = programs.get(owner) ?? { objects: 0, bytes: 0 }
  programs.set(owner, { objects: before.objects + objects, bytes: before.bytes + bytes })
}
