/**
 * Who has the machine's memory, by the names that users gave: maps, allocators, programs. For `memstat`, and for the
 * report when the limit is reached; walks maps, and changes nothing.
 */
import { ArenaMap } from '../maps/arena-map.ts'
import type { BpfMap } from '../maps/map.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { BpfMemory } from '../memalloc/bpf-memory.ts'
import type { MemoryGroup } from '../memalloc/group.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { Holder } from '../memalloc/reports.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { PAGE_SIZE } from '../program/types.ts'

/** What is known of a map from when it was made. */
export interface MadeMap {
  /** Pages that were taken for it. */
  readonly pages: number
  /** Who pays. */
  readonly group: MemoryGroup | undefined
}

export type MadeMaps = ReadonlyMap<BpfMap, MadeMap>

/** Objects in fields of maps, and where they are from. */
type Kept = Map<number, BpfMemAlloc>

/** The largest first; of a group, who is in it. */
export function holdersOf(kernel: Kernel, maps: MadeMaps, group?: MemoryGroup): readonly Holder[] {
  const { bpf } = kernel
  const holders: Holder[] = []
  const kept: Kept = new Map()
  const counts = (of: MemoryGroup | undefined): boolean => group === undefined || of === group
  for (const [map, made] of maps) {
    const found = mapHolders(kernel, map, made.pages, kept)
    if (counts(made.group)) holders.push(...found)
  }
  const handles = new Map(bpf.handles.map((handle) => [handle.theGlobal, handle]))
  for (const instance of bpf.all) {
    if (!counts(instance.group)) continue
    const handle = handles.get(instance)
    if (handle === undefined) holders.push(instanceHolder(instance))
    else holders.push(...programHolders(handle, instance, kept))
  }
  return holders.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
}

function mapHolders(kernel: Kernel, map: BpfMap, made: number, kept: Kept): Holder[] {
  const owner = `map ${map.info.name}`
  // Destroyed by who holds it: there is nothing to walk.
  if (!kernel.pages.isAllocated(Number(map.info.address - KERNEL_BASE))) return []
  if (map instanceof ArenaMap) {
    const pages = map.arena.table.count
    return [{ owner, what: 'pages of the arena', objects: pages, bytes: pages * PAGE_SIZE }]
  }
  const objects = (map.heldObjects?.() ?? []).filter((object) => kernel.objects.isObject(object))
  let bytes = 0
  for (const object of objects) {
    const instance = kernel.bpf.ownerOf(object)!
    kept.set(object, instance)
    bytes += instance.bytesAt(object)
  }
  const elements = map.elementUsage?.() ?? { objects: 0, bytes: 0 }
  return [
    { owner, what: 'pages when it was made', objects: made, bytes: made * PAGE_SIZE },
    { owner, what: 'elements', ...elements },
    { owner, what: 'objects in kptr fields', objects: objects.length, bytes },
  ]
}

/** A map's own instance is called `map NAME`, and that of its per-CPU values `map NAME, per CPU`. */
function instanceHolder({ name, usage }: BpfMemAlloc): Holder {
  const isMap = name.startsWith('map ')
  return { owner: isMap ? name : `alloc ${name}`, what: isMap ? 'elements' : 'objects', ...usage }
}

/**
 * The machine's instance, or a group's: what programs took and have not given back. Which program, is known of bpf_mem_alloc always,
 * of other objects in debug mode.
 */
function programHolders(bpf: BpfMemory, instance: BpfMemAlloc, allKept: Kept): Holder[] {
  const kept = new Set([...allKept].filter(([, owner]) => owner === instance).map(([object]) => object))
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
  const owner = bpf.group === undefined ? 'all programs' : `programs of ${bpf.group.name}`
  return [...known, { owner, what: 'objects, and free ones', objects: rest, bytes: bytes - keptBytes }]
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
