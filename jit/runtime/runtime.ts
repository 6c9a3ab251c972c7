/**
 * The functions of one module that do what helpers and kfuncs do, each made when a call first needs it, for the map,
 * the type or the allocator that the call names. Differential tests hold them equal to their twins in TypeScript.
 *
 *     call 1 with r1 = hits ll       r0 = map_hits_lookup(r2)
 *     call bpf_obj_new_impl, r1 = 7  r0 = new_7(slot)              FALLBACK: the native, as everywhere else
 */

import type { Btf } from '../../btf/types.ts'
import type { ArrayLayout, ElementLayout, HashLayout, MapLayout } from '../../maps/layout.ts'
import type { ClassLayout } from '../../memalloc/class-layout.ts'
import { BPF_SIZES, HEADER_BYTES } from '../../memalloc/size-classes.ts'
import { KERNEL_BASE } from '../../memory/memory.ts'
import type { AllocInfo, MapInfo } from '../../program/loadable.ts'
import type { Services } from '../../vm/services.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { makeArrayUpdate } from './array-map.ts'
import { makeDelete, makeLookup, makeUpdate } from './hash-map.ts'
import type { RuntimeContext } from './host.ts'
import type { Halves } from './mem-class.ts'
import { makeWorker } from './mem-worker.ts'
import { type HeapLayout, makeAlloc, makeDrop, makeDropOf, makeExchange, makeFree, makeNew } from './objects.ts'
import { makeRandom } from './random.ts'
import { makeSlabSlow } from './slab.ts'

export type MapOperation = 'lookup' | 'update' | 'delete'

export class Runtime {
  readonly context: RuntimeContext
  readonly #services: Services
  readonly #made: Map<string, ModuleFunction> = new Map()
  readonly #halves: Map<string, Halves> = new Map()
  /** Classes whose caches the functions work on; the host finds them by the offsets of their control blocks. */
  readonly classes: Set<ClassLayout> = new Set()

  constructor(services: Services, context: RuntimeContext) {
    this.#services = services
    this.context = context
  }

  /** Where the map keeps what; undefined where only it knows. */
  layoutOf(info: MapInfo): MapLayout | undefined {
    return this.#services.mapAt(Number(info.address - KERNEL_BASE))?.layout?.()
  }

  /** The function for an operation on a hash map; undefined where there is none. */
  hash(info: MapInfo, layout: HashLayout, operation: MapOperation): Halves | undefined {
    const name = `map_${info.name}_${info.id}_${operation}`
    const { elements } = layout
    switch (operation) {
      case 'lookup':
        return this.#inHalves(name, () => ({ usual: makeLookup(this.context, layout, name), near: undefined }))
      case 'update':
        if (elements === undefined || (elements.kind === 'mem-alloc' && !this.#asksCacheOnly)) return undefined
        return this.#inHalves(name, () => makeUpdate(this.context, this.#parts(layout, elements), name))
      case 'delete':
        return elements && this.#inHalves(name, () => makeDelete(this.context, this.#parts(layout, elements), name))
      default:
        return operation satisfies never
    }
  }

  arrayUpdate(info: MapInfo, layout: ArrayLayout): number {
    const name = `map_${info.name}_${info.id}_update`
    return this.#make(name, () => makeArrayUpdate(this.context, layout, name))
  }

  /** bpf_get_prandom_u32. */
  random(): number {
    return this.#make('random', () => makeRandom(this.context, this.#services.randomStates.at(), 'random'))
  }

  /** bpf_obj_new of a type. */
  objectNew(btf: Btf, typeId: number): Halves | undefined {
    const name = `new_${typeId}`
    const made = this.#halves.get(name)
    if (made !== undefined) return made
    const layout = this.#services.kernel.objects.layoutOf(btf, typeId)
    if (layout === undefined) return undefined
    return this.#inHalves(name, () => makeNew(this.context, layout, this.#worker(layout.class), name))
  }

  /** bpf_obj_drop of what bpf_obj_new gave for the type. */
  objectDropOf(btf: Btf, typeId: number): Halves | undefined {
    const name = `drop_${typeId}`
    const made = this.#halves.get(name)
    if (made !== undefined) return made
    const layout = this.#services.kernel.objects.layoutOf(btf, typeId)
    if (layout === undefined) return undefined
    this.classes.add(layout.class)
    return this.#inHalves(name, () => makeDropOf(this.context, layout, name))
  }

  /** bpf_obj_drop of anything. */
  objectDrop(): Halves | undefined {
    const heap = this.#heap()
    return heap && this.#inHalves('drop', () => makeDrop(this.context, heap, 'drop'))
  }

  exchange(): number {
    return this.#make('kptr_xchg', () => makeExchange(this.context, 'kptr_xchg'))
  }

  /** bpf_mem_cache_alloc of one allocator. */
  cacheAlloc(info: AllocInfo): Halves | undefined {
    const layout = this.#cacheOf(info)
    const name = `alloc_${info.name}`
    return layout && this.#inHalves(name, () => makeAlloc(this.context, layout, this.#worker(layout), name))
  }

  cacheFree(info: AllocInfo): Halves | undefined {
    const layout = this.#cacheOf(info)
    const name = `free_${info.name}`
    return layout && this.#inHalves(name, () => makeFree(this.context, layout, this.#worker(layout), name))
  }

  #cacheOf({ address }: AllocInfo): ClassLayout | undefined {
    const { allocAt } = this.#services
    if (!this.#asksCacheOnly) return undefined
    const alloc = allocAt(Number(address - KERNEL_BASE))
    return alloc !== undefined && alloc.size > 0 ? alloc.layoutOf(alloc.size) : undefined
  }

  /** Under the other policies a program that may sleep asks the general allocator, which compiled code cannot. */
  get #asksCacheOnly(): boolean {
    return this.#services.kernel.slab.policies.sleepable === 'cache-only'
  }

  #heap(): HeapLayout | undefined {
    const { global } = this.#services.kernel.bpf
    const classes = BPF_SIZES.map((size) => global.layoutOf(size - HEADER_BYTES))
    const [first] = classes
    if (first === undefined) return undefined
    for (const layout of classes) if (layout !== undefined) this.classes.add(layout)
    return { at: first.at, stride: first.stride, bytes: first.stride * this.context.cpus }
  }

  #parts(layout: HashLayout, elements: ElementLayout): Parameters<typeof makeUpdate>[1] {
    return { layout, elements, worker: elements.kind === 'mem-alloc' ? this.#worker(elements.class) : undefined }
  }

  #worker(layout: ClassLayout): number {
    this.classes.add(layout)
    const name = `worker_${layout.at}`
    const { slab } = layout
    const part = slab === undefined ? undefined : { at: slab, slow: this.#slabSlow(slab) }
    return this.#make(name, () => makeWorker(this.context, layout, part, name))
  }

  #slabSlow(slab: number): number {
    const name = `slab_${slab}`
    return this.#make(name, () => makeSlabSlow(this.context, slab, name))
  }

  #inHalves(name: string, make: () => Halves): Halves {
    const found = this.#halves.get(name) ?? make()
    this.#halves.set(name, found)
    return found
  }

  #make(name: string, make: () => ModuleFunction): number {
    const found = this.#made.get(name) ?? make()
    this.#made.set(name, found)
    return found.index
  }
}
