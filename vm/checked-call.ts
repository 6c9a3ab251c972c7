/**
 * Calls of helpers by programs that no verifier has seen: arguments that lead to memory are checked before the call,
 * by the same prototypes that the verifier uses. What is wrong is a fault at the call.
 */
import { FaultError } from '../errors/errors.ts'
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import { toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { MapInfo } from '../program/loadable.ts'
import type { ArgumentKind, HelperPrototype, KfuncParameter, KfuncPrototype } from '../program/prototypes.ts'
import type { Services } from './services.ts'
import type { Native, RunState } from './state.ts'

/** `native`, with its arguments checked against the helper's prototype. */
export function checkedHelper(services: Services, prototype: HelperPrototype, native: Native): Native {
  return (R, state) => {
    let map: MapInfo | undefined
    prototype.args.forEach(({ kind }, index) => {
      const at = 2 + 2 * index
      if (kind === 'const_map_ptr') map = requireMap(services, R, at, prototype.name, state)
      const size = sizeOf(kind, map, R, at)
      if (size !== undefined)
        requireMemory(R, at, size, prototype.name, state, kind === 'mem_uninit' || kind === 'mem_write')
      const given = (R[at]! | R[at + 1]!) !== 0
      if (kind === 'kptr_release_or_null' && given) requireObject(services, R, at, prototype.name, state)
    })
    native(R, state)
  }
}

/** `native`, with maps, allocators, objects and types among its arguments checked. */
export function checkedKfunc(services: Services, prototype: KfuncPrototype, native: Native): Native {
  const { params, name, ret } = prototype
  return (R, state) => {
    let allocator: BpfMemAlloc | undefined
    params.forEach((parameter, index) => {
      const at = 2 + 2 * index
      if (parameter.kind === 'allocator') allocator = requireAllocator(services, R, at, parameter.orNull, name, state)
      else requireKfuncArgument(services, R, at, parameter.kind, { name, ret, allocator, state })
    })
    native(R, state)
  }
}

interface KfuncUse {
  readonly name: string
  readonly ret: KfuncPrototype['ret']
  /** The allocator in front of the argument; undefined for the machine's own. */
  readonly allocator: BpfMemAlloc | undefined
  readonly state: RunState
}

type PlainParameter = Exclude<KfuncParameter['kind'], 'allocator'>

function requireKfuncArgument(
  services: Services,
  R: Int32Array,
  at: number,
  kind: PlainParameter,
  use: KfuncUse,
): void {
  const { name, ret, allocator, state } = use
  const { kernel } = services
  switch (kind) {
    case 'map':
      requireMap(services, R, at, name, state)
      return
    case 'constant': {
      if (ret !== 'object') return
      const known = R[at + 1] === 0 && state.btf !== undefined && kernel.objects.isStruct(state.btf, R[at]! >>> 0)
      if (!known) throw badArgument(R, at, `of ${name} is the number of no struct of the program's BTF`, state)
      return
    }
    case 'object':
      requireObject(services, R, at, name, state)
      return
    case 'irq_flag':
      requireMemory(R, at, IRQ_FLAG_BYTES, name, state, true)
      return
    case 'alloc_memory':
      // NULL is no memory to give back: nothing happens.
      if ((R[at]! | R[at + 1]!) === 0) return
      if (R[at + 1] === KERNEL_HIGH && (allocator ?? kernel.bpf.global).owns(R[at]! >>> 0)) return
      throw badArgument(R, at, `of ${name} is no memory of the allocator`, state)
    case 'alloc_size':
    case 'scalar':
    case 'ignored':
      return
    default:
      kind satisfies never
  }
}

const IRQ_FLAG_BYTES = 8
const POINTER_BYTES = 8

/** An object that somebody owns: one that was dropped before is none. */
function requireObject(services: Services, R: Int32Array, at: number, name: string, state: RunState): void {
  const { objects } = services.kernel
  // In debug mode a second drop is a report, not a fault.
  const known = (offset: number): boolean => objects.isObject(offset) || objects.wasDropped(offset)
  if (R[at + 1] === KERNEL_HIGH && known(R[at]! >>> 0)) return
  throw badArgument(R, at, `of ${name} is no object`, state)
}

function requireAllocator(
  services: Services,
  R: Int32Array,
  at: number,
  orNull: boolean,
  name: string,
  state: RunState,
): BpfMemAlloc | undefined {
  if (orNull && (R[at]! | R[at + 1]!) === 0) return undefined
  const allocator = R[at + 1] === KERNEL_HIGH ? services.allocAt(R[at]! >>> 0) : undefined
  // Per-CPU objects are pointers to areas, nothing that a program could take for memory.
  if (allocator !== undefined && (!allocator.percpu || orNull)) return allocator
  throw badArgument(R, at, `of ${name} is no allocator that it takes`, state)
}

/** Bytes that an argument of this kind must have behind it; undefined when it is no pointer to memory. */
function sizeOf(kind: ArgumentKind, map: MapInfo | undefined, R: Int32Array, at: number): number | undefined {
  switch (kind) {
    case 'map_key':
      return map?.keySize ?? 0
    case 'map_value':
      return map?.valueSize ?? 0
    case 'kptr_xchg_dest':
      return POINTER_BYTES
    case 'mem_rdonly':
    case 'mem_write':
    case 'mem_uninit':
      // The size is the argument behind it.
      return R[at + 3] === 0 ? R[at + 2]! >>> 0 : Infinity
    default:
      return undefined
  }
}

function requireMap(services: Services, R: Int32Array, at: number, name: string, state: RunState): MapInfo {
  const map = R[at + 1] === KERNEL_HIGH ? services.mapAt(R[at]! >>> 0) : undefined
  if (map === undefined) throw badArgument(R, at, `of ${name} is no map`, state)
  return map.info
}

function requireMemory(R: Int32Array, at: number, size: number, name: string, state: RunState, written: boolean): void {
  const offset = R[at]! >>> 0
  if (R[at + 1] === KERNEL_HIGH && size <= 2 ** 32 - offset && state.pages.isAllocated(offset, size)) {
    if (size > 0) state.check?.check(offset, size, written ? 'write' : 'read')
    return
  }
  throw badArgument(R, at, `of ${name} leads to no ${size} bytes of memory`, state)
}

function badArgument(R: Int32Array, at: number, why: string, state: RunState): FaultError {
  const address = toBigUint(R[at]!, R[at + 1]!)
  const text = state.text(state.slot)
  return new FaultError('access', `r${at / 2} ${why} at instruction ${state.slot}: ${text}`, {
    instruction: state.slot,
    text,
    address,
  })
}
