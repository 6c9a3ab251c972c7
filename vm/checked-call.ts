/**
 * Calls of helpers by programs that no verifier has seen: arguments that lead to memory are checked before the call,
 * by the same prototypes that the verifier uses. What is wrong is a fault at the call.
 */
import { FaultError } from '../errors/errors.ts'
import { toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { MapInfo } from '../program/loadable.ts'
import type { ArgumentKind, HelperPrototype, KfuncPrototype } from '../program/prototypes.ts'
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
      if (size !== undefined) requireMemory(R, at, size, prototype.name, state)
    })
    native(R, state)
  }
}

/** `native`, with the map among its arguments checked. */
export function checkedKfunc(services: Services, prototype: KfuncPrototype, native: Native): Native {
  return (R, state) => {
    prototype.params.forEach(({ kind }, index) => {
      if (kind === 'map') requireMap(services, R, 2 + 2 * index, prototype.name, state)
    })
    native(R, state)
  }
}

/** Bytes that an argument of this kind must have behind it; undefined when it is no pointer to memory. */
function sizeOf(kind: ArgumentKind, map: MapInfo | undefined, R: Int32Array, at: number): number | undefined {
  switch (kind) {
    case 'map_key':
      return map?.keySize ?? 0
    case 'map_value':
      return map?.valueSize ?? 0
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

function requireMemory(R: Int32Array, at: number, size: number, name: string, state: RunState): void {
  const offset = R[at]! >>> 0
  if (R[at + 1] === KERNEL_HIGH && size <= 2 ** 32 - offset && state.pages.isAllocated(offset, size)) return
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
