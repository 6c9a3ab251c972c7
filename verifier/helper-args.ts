/**
 * One argument of a helper call against what the helper's prototype demands of it: its type, its offset, and then
 * what the kind asks for. Arguments are checked in order, each completely before the next. Source: Linux 6.18.
 *
 *     r1 = map pointer   fixes the map     -+
 *     r2 = map key       key size bytes    <+  of that map
 *     r3 = memory        checked when its size is reached: r4
 */
import { leU, ltS, toBigInt, toBigUint } from '../memory/int64.ts'
import type { MapInfo } from '../program/loadable.ts'
import type { Argument, ArgumentKind, HelperPrototype } from '../program/prototypes.ts'
import { checkUnmodified } from './context.ts'
import { fail } from './errors.ts'
import { accessArgument } from './helper-memory.ts'
import { checkObject, checkPlace } from './kptr.ts'
import {
  baseType,
  FRAME,
  MAP,
  MAP_UID,
  OFF,
  RegType,
  SMIN_LO,
  TYPE,
  TypeFlag,
  UMAX_LO,
  UMIN_LO,
  VALUE_LO,
} from './layout.ts'
import { isPacketMemory, packetForHelpers } from './packet.ts'
import { requestRegister, Wanted, walkBack } from './precision.ts'
import { isConst } from './scalar.ts'
import { kindAt, slotOf } from './stack.ts'
import { currentFrame, isSpilled, registerAt, SLOT_SIZE, SlotKind, type State, slotAt } from './state.ts'
import { typeName } from './text.ts'
import type { Walk } from './walk-env.ts'
import { isScalar, isZero, readRegister } from './walk-registers.ts'

/** Sizes are below this. */
const MAX_SIZE = 2 ** 29

/** What a call's arguments have said so far. */
export interface HelperCall {
  readonly prototype: HelperPrototype
  map: MapInfo | undefined
  /** The MAP word of the register that gave the map, and its MAP_UID. */
  mapWord: number
  mapUid: number
  /** The key of an array, where the stack holds a constant one; -1 else. */
  constantKey: number
  /** Struct of the object that is exchanged, as BTF_ID has it. */
  struct: number
  /** Reference that the call gives back, 0 for none. */
  released: number
  /** Greatest value of the last size argument. */
  sizeMax: number
  /** Memory that the helper fills without reading it: bytes of the register's frame become unknown afterwards. */
  raw: { readonly register: number; readonly size: number } | undefined
}

const { STACK, PACKET, PACKET_META, MAP_KEY, MAP_VALUE, MEM, BUF, BTF_ID, CTX, CONST_MAP_PTR, SCALAR } = RegType

/** What may stand for memory, in the order of the message. */
const MEMORY: readonly number[] = [
  STACK,
  PACKET,
  PACKET_META,
  MAP_KEY,
  MAP_VALUE,
  MEM,
  MEM | TypeFlag.RINGBUF,
  BUF,
  BTF_ID | TypeFlag.TRUSTED,
]

/** Types that a kind takes; kinds that are not here are not implemented. */
const EXPECTED: Partial<Record<ArgumentKind, readonly number[]>> = {
  ctx: [CTX],
  ctx_or_null: [CTX],
  const_map_ptr: [CONST_MAP_PTR],
  map_key: MEMORY,
  map_value: MEMORY,
  map_value_uninit: MEMORY,
  map_value_or_null: MEMORY,
  mem_rdonly: MEMORY,
  mem_rdonly_or_null: MEMORY,
  mem_write: MEMORY,
  mem_write_or_null: MEMORY,
  mem_uninit: MEMORY,
  kptr_xchg_dest: [MAP_VALUE, BTF_ID | TypeFlag.ALLOC],
  const_size: [SCALAR],
  const_size_or_zero: [SCALAR],
}

/** Checks argument `index` (from 0) of a call. @throws Rejection */
export function checkHelperArgument(walk: Walk, state: State, call: HelperCall, index: number): void {
  const argument = call.prototype.args[index]!
  const n = index + 1
  const at = readRegister(state, n)
  const { kind } = argument
  if (kind === 'anything') return
  if (isPacketMemory(currentFrame(state).words[at + TYPE]!)) {
    if (!packetForHelpers(walk) || !call.prototype.flags.includes('pkt_access')) fail('packet-to-helper', {})
  }
  if (kind === 'kptr_release_or_null') {
    checkObject(walk, state, call, n)
    return
  }
  const expected = EXPECTED[kind]
  if (expected === undefined) fail('not-implemented', { name: call.prototype.name })
  const { words } = currentFrame(state)
  if (!(kind.endsWith('_or_null') && isZero(words, at))) {
    checkType(words, at, n, kind, expected)
    checkOffset(words, at, n)
  }
  checkKind(walk, state, call, argument, n)
}

function checkType(words: Int32Array, at: number, n: number, kind: ArgumentKind, expected: readonly number[]): void {
  const type = words[at + TYPE]!
  let compared = type
  if (kind.startsWith('mem_rdonly')) compared &= ~TypeFlag.RDONLY
  if (kind.endsWith('_or_null')) compared &= ~TypeFlag.MAYBE_NULL
  if (expected.includes(compared)) return
  fail('argument-type', { reg: n, type: typeName(type), expected: expected.map(typeName).join(', ') })
}

/** Memory pointers may have any offset; others must be as they were handed out. @throws Rejection */
export function checkOffset(words: Int32Array, at: number, n: number): void {
  const type = words[at + TYPE]!
  if ((type & TypeFlag.MAYBE_NULL) === 0) {
    switch (baseType(type)) {
      case RegType.STACK:
      case RegType.PACKET:
      case RegType.PACKET_META:
      case RegType.MAP_KEY:
      case RegType.MAP_VALUE:
      case RegType.MEM:
      case RegType.BUF:
      case RegType.ARENA:
      case RegType.SCALAR:
        return
      case RegType.BTF_ID:
        // From inside a struct the kernel finds its start; not from a place that nobody knows.
        if (words[at + OFF]! > 0 && isConst(words, at) && words[at + VALUE_LO] === 0) return
        break
      default:
        break
    }
  }
  checkUnmodified(words, at, n, type)
}

function checkKind(walk: Walk, state: State, call: HelperCall, argument: Argument, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  switch (argument.kind) {
    case 'const_map_ptr':
      call.mapWord = words[at + MAP]!
      call.mapUid = words[at + MAP_UID]!
      call.map = walk.prepared.maps[call.mapWord - 1]
      return
    case 'kptr_xchg_dest':
      checkPlace(walk, state, call, n)
      return
    case 'map_key': {
      const { keySize } = mapOf(call)
      accessArgument(walk, state, n, keySize, { write: false, zeroAllowed: false })
      if (isArray(call)) call.constantKey = constantKey(walk, state, n, keySize)
      return
    }
    case 'map_value_or_null':
      if (isZero(words, at)) return
      accessArgument(walk, state, n, mapOf(call).valueSize, { write: false, zeroAllowed: false })
      return
    case 'map_value':
      accessArgument(walk, state, n, mapOf(call).valueSize, { write: false, zeroAllowed: false })
      return
    case 'map_value_uninit':
      accessArgument(walk, state, n, mapOf(call).valueSize, { write: true, zeroAllowed: false, raw: call })
      return
    case 'const_size':
    case 'const_size_or_zero':
      checkSizedMemory(walk, state, call, n)
      return
    default:
      return
  }
}

/** The prototypes have the map in front of its key and value. */
function mapOf(call: HelperCall): MapInfo {
  if (call.map === undefined) fail('not-implemented', { name: call.prototype.name })
  return call.map
}

/** Register `n` is the size of the memory in register `n - 1`. */
function checkSizedMemory(walk: Walk, state: State, call: HelperCall, n: number): void {
  const kind = call.prototype.args[n - 2]!.kind
  const write = !kind.startsWith('mem_rdonly')
  const zeroAllowed = call.prototype.args[n - 1]!.kind === 'const_size_or_zero'
  const constant = isConst(currentFrame(state).words, registerAt(n))
  // Of memory whose size is not known the helper may leave a part as it was.
  const raw = kind === 'mem_uninit' && constant ? call : undefined
  call.sizeMax = checkSize(state, n, zeroAllowed)
  accessArgument(walk, state, n - 1, call.sizeMax, { write, zeroAllowed, raw })
  requestRegister(walk.precision, state, n)
}

/** The greatest value of a size, once it is found to be none too large. @throws Rejection */
export function checkSize(state: State, n: number, zeroAllowed: boolean): number {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  const pair = (where: number): readonly [number, number] => [words[at + where]!, words[at + where + 1]!]
  const [smin, umin, umax] = [pair(SMIN_LO), pair(UMIN_LO), pair(UMAX_LO)]
  if (ltS(...smin, 0, 0)) fail('size-negative', { reg: n })
  if (!zeroAllowed && umin[0] === 0 && umin[1] === 0) {
    fail('size-zero', { reg: n, umin: toBigInt(...umin), umax: toBigInt(...umax) })
  }
  if (!leU(...umax, MAX_SIZE - 1, 0)) fail('size-unbounded', { reg: n })
  return umax[0]
}

/** Maps in which every key below a limit exists. The key is looked for by helpers that do not look up as well. */
function isArray(call: HelperCall): boolean {
  return call.map?.type === 'array' || call.map?.type === 'percpu_array'
}

/**
 * The key that the stack holds where register `n` points: zero bytes, or a saved constant of exactly the key's size,
 * of which the whole 64 bits count. That constant becomes precise. -1 for none, and for those past 2^53.
 */
function constantKey(walk: Walk, state: State, n: number, keySize: number): number {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  if (words[at + TYPE] !== RegType.STACK || !isConst(words, at)) return -1
  const frame = state.frames[words[at + FRAME]!]!
  const off = words[at + OFF]! + words[at + VALUE_LO]!
  const slot = slotOf(off)
  if (run(frame.kinds, off, slot, SlotKind.ZERO) >= keySize) return 0
  const saved = slotAt(slot)
  if (!isSpilled(frame, slot) || !isScalar(frame.words, saved)) return -1
  if (run(frame.kinds, off, slot, SlotKind.SPILL) !== keySize || !isConst(frame.words, saved)) return -1
  const wanted = new Wanted(frame.number)
  wanted.addSlot(slot, frame.number)
  walkBack(walk.precision, state, wanted)
  const key = toBigUint(frame.words[saved + VALUE_LO]!, frame.words[saved + VALUE_LO + 1]!)
  return key <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(key) : -1
}

/** Bytes of one kind from byte `off` upwards, inside its slot. */
function run(kinds: Uint8Array, off: number, slot: number, kind: SlotKind): number {
  let length = 0
  for (let i = kindAt(off); i >= slot * SLOT_SIZE && kinds[i] === kind; i--) length += 1
  return length
}
