/**
 * BPF_MAP_TYPE_ARENA as a map among others. It has neither keys nor values: what it is for, pages, goes through the
 * Arena itself; the operations of other maps answer as observed on Linux 6.18.
 */
import { Arena, type ArenaOptions } from '../arena/arena.ts'
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { MapInfo } from '../program/loadable.ts'
import { type BpfMap, type MapAttributes, MapObject, makeMapInfo, NO_BATCHES, type UserOperations } from './map.ts'

/** What an arena needs besides the kernel. */
export type ArenaMapOptions = Omit<ArenaOptions, 'kernel' | 'btf'>

/** Throws ErrnoError as Linux refuses: EINVAL, E2BIG, ERANGE, ENOMEM. */
export function createArenaMap(kernel: Kernel, attributes: MapAttributes, options: ArenaMapOptions): ArenaMap {
  return new ArenaMap(kernel, attributes, new Arena(attributes, { ...options, kernel, btf: attributes.btf }))
}

export class ArenaMap implements BpfMap {
  readonly info: MapInfo
  readonly user: UserOperations = {
    valueBytes: 0,
    batches: NO_BATCHES,
    read: () => -ERRNO.EINVAL,
    update: () => -ERRNO.EOPNOTSUPP,
    take: () => -ERRNO.ENOTSUPP,
    readBatch: () => ({ result: -ERRNO.ENOTSUPP, cursor: undefined }),
  }
  readonly arena: Arena
  private readonly object: MapObject

  constructor(kernel: Kernel, attributes: MapAttributes, arena: Arena) {
    this.arena = arena
    try {
      this.object = new MapObject(kernel, attributes, 0)
    } catch (error) {
      arena.close()
      throw error
    }
    this.info = makeMapInfo(attributes, this.object, {
      valueAddress: () => arena.userStart ?? 0n,
      userStart: () => arena.userStart,
    })
  }

  get isFrozen(): boolean {
    return this.arena.frozen
  }

  /** Linux answers an error pointer here, which no program gets to see: the verifier refuses the call. */
  lookup(_key: number): number {
    return 0
  }

  lookupPerCpu(): number {
    return 0
  }

  update(_key: number, _value: number, _flags: number): number {
    return -ERRNO.EOPNOTSUPP
  }

  delete(_key: number): number {
    return -ERRNO.EOPNOTSUPP
  }

  nextKey(_key: number, _next: number): number {
    return -ERRNO.EOPNOTSUPP
  }

  freeze(): number {
    // EPERM for a second one is the rights' business (user.ts).
    if (this.arena.everWritable) return -ERRNO.EBUSY
    this.arena.freeze()
    return 0
  }

  destroy(): void {
    this.arena.close()
    this.object.destroy()
  }
}
