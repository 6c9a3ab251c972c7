/**
 * Calls of helpers and kfuncs that compiled code answers by itself: those whose map, type or allocator is known where
 * the program calls, and those that need none.
 */
import type { Instruction } from '../../isa/instruction.ts'
import { Kind } from '../../isa/table.ts'
import type { ArrayLayout } from '../../maps/layout.ts'
import type { MapInfo } from '../../program/loadable.ts'
import type { Emitter } from '../emitter.ts'
import type { Registers } from '../values.ts'
import { Wasm } from '../wasm/opcodes.ts'
import { type ArrayLookup, arrayLookup, perCpuArrayLookup } from './array-map.ts'
import { Code, type Expr, type Place } from './code.ts'
import { cpuOf } from './host.ts'
import type { Halves } from './mem-class.ts'
import type { MapOperation, Runtime } from './runtime.ts'

/** What a call becomes. */
export interface RuntimeCall {
  /** Pushes r0: an i64. */
  readonly result: Expr
  /** It may be FALLBACK: then `again` pushes r0, where there is that; it may be FALLBACK too: then the native is called. */
  readonly partial: boolean
  readonly again?: Expr
  /** The same in parts, of a look-up in an array. */
  readonly lookup?: ArrayLookup
}

// Helpers.
const MAP_OPERATIONS: Readonly<Record<number, MapOperation>> = { 1: 'lookup', 2: 'update', 3: 'delete' }
const RANDOM = 7
const PROCESSOR_ID = 8
const KPTR_XCHG = 194

/** Longest value that is copied without being counted against the clock (vm/helpers.ts). */
const SHORT_VALUE = 255

/** How the call at `slot` can be answered; undefined where only the native can. */
export function runtimeCall(e: Emitter, runtime: Runtime, insn: Instruction, slot: number): RuntimeCall | undefined {
  const before = e.values.before(slot)
  if (before === undefined) return undefined
  const c = new Code(e.w, runtime.context.memory)
  if (insn.row.kind === Kind.CALL_KFUNC) return kfuncCall(e, c, runtime, before, slot)
  const operation = MAP_OPERATIONS[insn.imm]
  if (operation !== undefined) return mapCall(e, c, runtime, operation, before, slot)
  if (insn.imm === PROCESSOR_ID) {
    return { result: c.op(Wasm.I64_EXTEND_I32_U, cpuOf(c, runtime.context)), partial: false }
  }
  if (insn.imm === RANDOM) return { result: c.call(runtime.random()), partial: false }
  if (insn.imm !== KPTR_XCHG) return undefined
  return { result: c.call(runtime.exchange(), low(e, 1), whole(e, 2)), partial: false }
}

function low(e: Emitter, register: number): Expr {
  return () => e.get32(register)
}

function whole(e: Emitter, register: number): Expr {
  return () => e.get64(register)
}

/** What a register points to. A place in the frame needs no register: what made the pointer may then go. */
function placeAt(e: Emitter, before: Registers, register: number): Place {
  const value = before[register]!
  if (value.kind !== 'frame') return { at: low(e, register), offset: 0 }
  return { at: () => e.w.get(e.frame), offset: value.offset }
}

function addressOf(c: Code, { at, offset }: Place): Expr {
  return offset === 0 ? at : c.add(at, c.i32(offset))
}

function mapCall(
  e: Emitter,
  c: Code,
  runtime: Runtime,
  operation: MapOperation,
  before: Registers,
  slot: number,
): RuntimeCall | undefined {
  const value = before[1]!
  const key = placeAt(e, before, 2)
  if (value.kind !== 'reference' || value.binding.kind !== 'map') return undefined
  const { map } = value.binding
  const layout = runtime.layoutOf(map)
  switch (layout?.kind) {
    case undefined:
      return undefined
    case 'array':
      return arrayCall(e, c, runtime, operation, map, layout, key)
    case 'percpu-array': {
      if (operation !== 'lookup') return undefined
      return { result: perCpuArrayLookup(c, runtime.context, layout, key, e.scratch32), partial: false }
    }
    case 'hash': {
      if (operation === 'update' && isLong(map)) return undefined
      const halves = runtime.hash(map, layout, operation)
      const args: Argument[] = [{ register: 2, usual: addressOf(c, key) }]
      if (operation === 'update') args.push(lowArgument(e, 3), { register: 4, usual: whole(e, 4) })
      return inHalves(e, c, halves, slot, args)
    }
    default:
      return layout satisfies never
  }
}

function isLong({ valueSize }: MapInfo): boolean {
  return valueSize > SHORT_VALUE
}

function arrayCall(
  e: Emitter,
  c: Code,
  runtime: Runtime,
  operation: MapOperation,
  map: MapInfo,
  layout: ArrayLayout,
  key: Place,
): RuntimeCall | undefined {
  if (operation === 'lookup') {
    const lookup = arrayLookup(c, layout, key, e.scratch32)
    return { result: lookup.result, partial: false, lookup }
  }
  if (operation === 'delete' || !layout.plain || isLong(map)) return undefined
  const index = runtime.arrayUpdate(map, layout)
  return { result: c.call(index, addressOf(c, key), low(e, 3), whole(e, 4)), partial: true }
}

function kfuncCall(e: Emitter, c: Code, runtime: Runtime, before: Registers, slot: number): RuntimeCall | undefined {
  const { bindings, btf } = e.context.input.program
  const binding = bindings.get(slot)
  if (binding?.kind !== 'kfunc') return undefined
  const first = before[1]!
  const alloc = first.kind === 'reference' && first.binding.kind === 'alloc' ? first.binding.alloc : undefined
  switch (binding.prototype.name) {
    case 'bpf_obj_new_impl': {
      const halves =
        btf !== undefined && first.kind === 'constant' ? runtime.objectNew(btf, first.low >>> 0) : undefined
      return inHalves(e, c, halves, slot)
    }
    case 'bpf_obj_drop_impl': {
      const typed = btf !== undefined && first.kind === 'object'
      const halves = typed ? runtime.objectDropOf(btf, first.typeId) : runtime.objectDrop()
      return inHalves(e, c, halves, slot, [lowArgument(e, 1)])
    }
    case 'bpf_mem_cache_alloc':
      return inHalves(e, c, alloc && runtime.cacheAlloc(alloc), slot)
    case 'bpf_mem_cache_free':
      return inHalves(e, c, alloc && runtime.cacheFree(alloc), slot, [lowArgument(e, 2)])
    default:
      return undefined
  }
}

/** A call of functions that may give FALLBACK, where there are such. */
function inHalves(
  e: Emitter,
  c: Code,
  halves: Halves | undefined,
  slot: number,
  args: readonly Argument[] = [],
): RuntimeCall | undefined {
  if (halves === undefined) return undefined
  const { usual, near } = halves
  const result = c.call(usual.index, ...args.map((arg) => arg.usual))
  if (near === undefined) return { result, partial: true }
  const registers = args.map(({ register }) => whole(e, register))
  return { result, partial: true, again: c.call(near.index, ...registers, c.i32(slot)) }
}

/** Of a function of the runtime: where it is, and how the usual one has it. */
interface Argument {
  readonly register: number
  readonly usual: Expr
}

function lowArgument(e: Emitter, register: number): Argument {
  return { register, usual: low(e, register) }
}
