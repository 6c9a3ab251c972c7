/**
 * The helpers that harena implements, by number. What they take and give is checked elsewhere: by the verifier for
 * programs that it has seen, by checked-call.ts for the others. Prototypes: program/helpers.ts.
 *
 * Registers come as halves: r1 is R[2] and R[3], …, r5 R[10] and R[11]; the result goes to R[0] and R[1].
 */
import { InternalError } from '../errors/errors.ts'
import type { BpfMap } from '../maps/map.ts'
import { fromBigInt, hi } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { formatTrace } from './printk.ts'
import type { Services } from './services.ts'
import { type Native, spend } from './state.ts'

type MakeHelper = (services: Services) => Native

/** Every implementation, by helper number. */
const HELPER_MAKERS: Readonly<Record<number, MakeHelper>> = {
  1: mapLookup,
  2: mapUpdate,
  3: mapDelete,
  5: ktime,
  6: tracePrintk,
  7: prandom,
  8: processorId,
  194: kptrExchange,
  195: mapLookupPerCpu,
}

/** Numbers of the helpers that engines run: the verifier refuses all others by name. */
export const IMPLEMENTED_HELPERS: ReadonlySet<number> = new Set(Object.keys(HELPER_MAKERS).map(Number))

/** The helpers of one machine, by number. */
export function makeHelpers(services: Services): ReadonlyMap<number, Native> {
  return new Map(Object.entries(HELPER_MAKERS).map(([id, make]) => [Number(id), make(services)]))
}

/** Sets r0 to a number that is an int on Linux: sign-extended. */
export function returnInt(R: Int32Array, value: number): void {
  R[0] = value
  R[1] = value >> 31
}

function mapOf(services: Services, R: Int32Array): BpfMap {
  const map = services.mapAt(R[2]! >>> 0)
  if (map === undefined) throw new InternalError(`no map lies at offset 0x${(R[2]! >>> 0).toString(16)}`)
  return map
}

function mapLookup(services: Services): Native {
  return (R) => {
    const value = mapOf(services, R).lookup(R[4]! >>> 0)
    R[0] = value | 0
    R[1] = value === 0 ? 0 : KERNEL_HIGH
  }
}

function mapLookupPerCpu(services: Services): Native {
  return (R) => {
    const value = mapOf(services, R).lookupPerCpu(R[4]! >>> 0, R[6]! >>> 0)
    R[0] = value | 0
    R[1] = value === 0 ? 0 : KERNEL_HIGH
  }
}

function mapUpdate(services: Services): Native {
  return (R, state) => {
    const map = mapOf(services, R)
    spend(state, map.info.valueSize >>> 8)
    const flags = (R[9]! >>> 0) * 2 ** 32 + (R[8]! >>> 0)
    returnInt(R, map.update(R[4]! >>> 0, R[6]! >>> 0, flags))
  }
}

function mapDelete(services: Services): Native {
  return (R) => returnInt(R, mapOf(services, R).delete(R[4]! >>> 0))
}

function ktime(services: Services): Native {
  return (R) => {
    R[0] = fromBigInt(services.clock.now())
    R[1] = hi
  }
}

/** What a line costs: whoever listens may write it to a terminal. */
const PRINT_UNITS = 200

/** Prints at most three values. Gives the number of bytes printed, -EINVAL for a bad format. */
function tracePrintk(services: Services): Native {
  return (R, state) => {
    spend(state, PRINT_UNITS)
    const format = R[2]! >>> 0
    const printed = formatTrace(services.kernel, format, R[4]! >>> 0, R.subarray(6, 12))
    if (typeof printed === 'number') return returnInt(R, printed)
    services.output.print(printed, state.program)
    returnInt(R, printed.length)
  }
}

function prandom(services: Services): Native {
  return (R, state) => {
    R[0] = services.cpus[state.cpu]!.random.u32() | 0
    R[1] = 0
  }
}

/** void *bpf_kptr_xchg(void *place, void *object): what was there. */
function kptrExchange(services: Services): Native {
  return (R) => {
    const old = services.kernel.objects.exchange(R[2]! >>> 0, R[4]! >>> 0)
    returnPointer(R, old)
  }
}

/** Sets r0 to the address of an offset in kernel memory; 0 is NULL. */
export function returnPointer(R: Int32Array, offset: number): void {
  R[0] = offset | 0
  R[1] = offset === 0 ? 0 : KERNEL_HIGH
}

function processorId(): Native {
  return (R, state) => {
    R[0] = state.cpu
    R[1] = 0
  }
}
