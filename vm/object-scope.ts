/** What one loaded object has of its machine, from the start of loading until it is closed. */
import type { BpfMap } from '../maps/map.ts'
import { groupKernel, type Kernel, scopedKernel } from '../memalloc/kernel.ts'
import { helperById } from '../program/helpers.ts'
import { kfuncById } from '../program/kfuncs.ts'
import type { AllocInfo } from '../program/loadable.ts'
import { checkedHelper, checkedKfunc } from './checked-call.ts'
import { makeHelpers } from './helpers.ts'
import { makeKfuncs } from './kfuncs.ts'
import type { Program } from './program.ts'
import type { Services } from './services.ts'
import type { Native } from './state.ts'

/** What programs call. */
export interface Natives {
  /** With the kernel of who pays. */
  readonly services: Services
  readonly helpers: ReadonlyMap<number, Native>
  readonly kfuncs: ReadonlyMap<number, Native>
}

export function makeNatives(services: Services): Natives {
  return { services, helpers: makeHelpers(services), kfuncs: makeKfuncs(services) }
}

/** The helper with this number; `checked`: it checks its arguments. */
export function helperOf({ services, helpers }: Natives, id: number, checked: boolean): Native | undefined {
  const native = helpers.get(id)
  const prototype = helperById(id)
  return checked && native !== undefined && prototype !== undefined
    ? checkedHelper(services, prototype, native)
    : native
}

/** The kfunc with this number of harena's; `checked` as above. */
export function kfuncOf({ services, kfuncs }: Natives, id: number, checked: boolean): Native | undefined {
  const native = kfuncs.get(id)
  const prototype = kfuncById(id)
  return checked && native !== undefined && prototype !== undefined ? checkedKfunc(services, prototype, native) : native
}

export interface ObjectScope {
  /** Name of its file. */
  readonly name: string
  readonly natives: Natives
  /** What handles ask whether they may still be used. */
  readonly handles: Kernel
  readonly maps: BpfMap[]
  readonly allocs: Map<string, AllocInfo>
  readonly programs: Program[]
  /** Its programs take from the machine's own bpf_mem_alloc. */
  usesGlobal: boolean
}

/**
 * For an object that is being loaded. With a limit (bytes, 0 for none) it is a group of its own, whose programs have
 * a bpf_mem_alloc of their own instead of the machine's.
 * @throws ErrnoError ENOMEM
 */
export function makeScope(machine: Natives, name: string, limit: number): ObjectScope {
  const { services } = machine
  const { kernel } = services
  const natives =
    limit === 0
      ? machine
      : makeNatives({ ...services, kernel: groupKernel(kernel, kernel.bpf.createGroup(name, limit)) })
  return {
    name,
    natives,
    handles: scopedKernel(kernel, name),
    maps: [],
    allocs: new Map(),
    programs: [],
    usesGlobal: false,
  }
}

/**
 * Ends the scope's group, where there is one, when everything is uncharged: what somebody still has is charged for as
 * long as the machine is there.
 */
export function endGroup({ natives }: ObjectScope): void {
  const { group, bpf } = natives.services.kernel
  if (group === undefined || group.used > 0) return
  group.drain()
  bpf.destroyGroup(group)
}
