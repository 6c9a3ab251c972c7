/**
 * One load or store: which memory it goes to, whether it stays inside, and what a load gives. Facts for engines are
 * noted by slot: which memory, and that an instruction is not used for memories that need different code.
 * Source: observed on Linux 6.18.
 */
import type { Instruction } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { add, hi, leU, ltS } from '../memory/int64.ts'
import { Access, type MapInfo } from '../program/loadable.ts'
import type { SpecialField } from '../program/special-fields.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { checkContextAccess, checkUnmodified, isPlainContext, setContextPointer } from './context.ts'
import { fail, failure } from './errors.ts'
import { baseType, MAP, MEM_SIZE, OFF, RegType, SMIN_LO, TYPE, TypeFlag, UMAX_LO, VALUE_LO } from './layout.ts'
import { checkFields, loadPointerField } from './memory-fields.ts'
import { accessObject, setFoundPointer } from './object.ts'
import { checkPacketAccess, checkPacketAlignment, checkPacketWrite, isPacketMemory } from './packet.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { checkSocketAccess } from './socket-fields.ts'
import { loadStack, MAX_OFFSET, storeStack } from './stack.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import { tnumText, typeName } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'

/** One access by an instruction. */
export interface MemoryAccess {
  /** Register that holds the address. */
  readonly base: number
  /** Added to it by the instruction. */
  readonly off: number
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number
  readonly write: boolean
  /** Alignment counts for every memory but the arena: atomics. */
  readonly strict: boolean
  /** Load: register that takes the result, -1 for none. Store: as storeStack has it. */
  readonly register: number
  readonly signed: boolean
}

/** Checks an access and, for a load, sets the register that takes the result. @throws Rejection */
export function accessMemory(walk: Walk, state: State, access: MemoryAccess): void {
  const { words } = currentFrame(state)
  const at = registerAt(access.base)
  checkAlignment(walk, words, at, access)
  const type = words[at + TYPE]!
  if (baseType(type) === RegType.STACK && type === RegType.STACK) {
    const off = words[at + OFF]! + access.off
    if (access.write) storeStack(walk, state, access.base, off, access.size, access.register)
    else loadStack(walk, state, access.base, off, access.size, access.register)
  } else {
    checkTyped(walk, state, access, type, at)
  }
  if (!access.write && access.register >= 0) narrow(walk, state, access)
}

/** Flags that leave the kind of memory what it is; the rules for some of them are with the kind. */
const IGNORED_FLAGS: number =
  TypeFlag.RDONLY | TypeFlag.RINGBUF | TypeFlag.ALLOC | TypeFlag.RCU | TypeFlag.UNTRUSTED | TypeFlag.NON_OWNING

/** Everything but the stack; a load makes its register unknown unless the value is known. */
function checkTyped(walk: Walk, state: State, access: MemoryAccess, type: number, at: number): void {
  const { words } = currentFrame(state)
  const { base: reg, off, size, write } = access
  let known: bigint | undefined
  switch (type & ~IGNORED_FLAGS) {
    case RegType.MAP_VALUE: {
      const map = mapOf(walk, words, at)
      const field = checkMapValue(map, words, at, access)
      if (field !== undefined) {
        if (access.register >= 0) loadPointerField(walk, state, map, field, access.register)
        return
      }
      if (!write) known = knownValue(map, words, at, access)
      break
    }
    case RegType.MAP_KEY:
      if (write) fail('map-key-write', { reg })
      checkRegion(words, at, reg, off, size, 'map-key-range', mapOf(walk, words, at).keySize)
      break
    case RegType.MEM:
      if (write && (type & TypeFlag.RDONLY) !== 0) fail('cannot-write', { reg, type: typeName(type) })
      checkRegion(words, at, reg, off, size, 'memory-range', words[at + MEM_SIZE]!)
      break
    case RegType.CTX:
      checkUnmodified(words, at, reg, type)
      if (accessContext(walk, state, access)) return
      break
    case RegType.PACKET:
    case RegType.PACKET_META:
      if (write) checkPacketWrite(walk)
      checkPacketAccess(words, at, reg, off, size)
      break
    case RegType.SOCK_COMMON:
      checkSocketAccess(reg, type, off, size, write)
      break
    case RegType.ARENA:
      break
    case RegType.BTF_ID:
      if (accessStruct(walk, state, access)) return
      break
    case RegType.CONST_MAP_PTR:
      refuseMapStruct(walk, words, at, access)
      break
    default:
      fail('invalid-mem-access', { reg, type: typeName(type) })
  }
  if (write || access.register < 0) return
  const into = registerAt(access.register)
  if (known === undefined) makeUnknown(words, into)
  else makeConst(words, into, Number(BigInt.asIntN(32, known)), Number(BigInt.asIntN(32, known >> 32n)))
}

/** @returns true when the access was the load of a pointer: nothing else remains to be done */
function accessStruct(walk: Walk, state: State, access: MemoryAccess): boolean {
  const struct = accessObject(walk, state, access.base, access.off, access.size, access.write)
  if (struct === 0 || access.write || access.register < 0) return false
  setFoundPointer(state, access.register, struct)
  return true
}

/** @returns true when the access was the load of a pointer: nothing else remains to be done */
function accessContext(walk: Walk, state: State, access: MemoryAccess): boolean {
  const value = checkContextAccess(walk, access.off, access.size, access)
  if (value === 'scalar' || access.write || access.register < 0) return false
  setContextPointer(state, access.register, value)
  return true
}

/** What a load of fewer than eight bytes leaves of the register. */
function narrow(walk: Walk, state: State, access: MemoryAccess): void {
  const { words } = currentFrame(state)
  const into = registerAt(access.register)
  if (access.size === 8 || words[into + TYPE] !== RegType.SCALAR) return
  if (access.signed) walk.transfer.signExtend64(words, into, access.size)
  else walk.transfer.truncateTo(words, into, access.size)
}

const WHAT: Readonly<Record<number, string>> = {
  [RegType.STACK]: 'stack ',
  [RegType.MAP_KEY]: 'key ',
  [RegType.MAP_VALUE]: 'value ',
  [RegType.CTX]: 'context ',
  [RegType.SOCK_COMMON]: 'sock_common ',
}

function checkAlignment(walk: Walk, words: Int32Array, at: number, access: MemoryAccess): void {
  const { size } = access
  const base = baseType(words[at + TYPE]!)
  const strict = base === RegType.STACK || ((walk.strictAlignment || access.strict) && base !== RegType.ARENA)
  if (!strict || size === 1) return
  if (isPacketMemory(base)) {
    checkPacketAlignment(words, at, access.off, size)
    return
  }
  const low = words[at + VALUE_LO]! + words[at + OFF]! + access.off
  if (((low | words[at + VALUE_LO + 2]!) & (size - 1)) === 0) return
  fail('misaligned', {
    // Pointers that may be null have no name here.
    what: WHAT[words[at + TYPE]!] ?? '',
    varOff: tnumText(words, at + VALUE_LO),
    regOff: words[at + OFF]!,
    off: access.off,
    size,
  })
}

function mapOf(walk: Walk, words: Int32Array, at: number): MapInfo {
  return walk.prepared.maps[words[at + MAP]! - 1]!
}

/** @returns the pointer field that is accessed; undefined when it is plain data. @throws Rejection */
function checkMapValue(map: MapInfo, words: Int32Array, at: number, access: MemoryAccess): SpecialField | undefined {
  const { base: reg, off, size, write } = access
  checkMapRights(map, words[at + OFF]! + off, size, write)
  checkRegion(words, at, reg, off, size, 'map-value-range', map.valueSize)
  return checkFields(map, words, at, { off, size, write, plain: !access.strict && !access.signed })
}

/** The value that is there, where it can never change. */
function knownValue(map: MapInfo, words: Int32Array, at: number, access: MemoryAccess): bigint | undefined {
  if (map.frozen === undefined || (map.flags & MAP_FLAGS.rdonly_prog) === 0) return undefined
  if (map.type !== 'array' || map.maxEntries !== 1 || !tnumIsConst(words, at + VALUE_LO)) return undefined
  return frozenValue(map.frozen, words[at + VALUE_LO]! + words[at + OFF]! + access.off, access)
}

/** What a program may do with the map's values at all. @throws Rejection */
export function checkMapRights(map: MapInfo, off: number, size: number, write: boolean): void {
  const forbidden = write ? MAP_FLAGS.rdonly_prog : MAP_FLAGS.wronly_prog
  if ((map.flags & forbidden) === 0) return
  fail(write ? 'map-write-forbidden' : 'map-read-forbidden', { memSize: map.valueSize, off, size })
}

/** Little endian, as the program would read it. */
function frozenValue(bytes: Uint8Array, from: number, access: MemoryAccess): bigint {
  let value = 0n
  for (let i = access.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i] ?? 0)
  return access.signed ? BigInt.asIntN(8 * access.size, value) : value
}

/** Behind a map pointer lies the kernel's own struct, of which there is none here. */
function refuseMapStruct(walk: Walk, words: Int32Array, at: number, access: MemoryAccess): never {
  const type = mapStruct(mapOf(walk, words, at).type)
  const off = access.off + words[at + OFF]!
  if (off < 0) fail('negative-struct-access', { reg: access.base, type, off })
  if (access.write) fail('only-read-from', { type })
  fail('not-implemented', { name: `loads from struct ${type}` })
}

/** Name of the kernel's struct behind a map pointer. */
function mapStruct(type: MapInfo['type']): string {
  if (type.includes('hash')) return 'bpf_htab'
  return type.includes('array') ? 'bpf_array' : `bpf_${type}`
}

type RegionKind = 'map-value-range' | 'map-key-range' | 'memory-range'

/**
 * Checks that `size` bytes at `off` from the pointer in register `reg` lie in a region of `memSize` bytes, for the
 * least and the greatest value of the pointer's variable part. @throws Rejection
 */
export function checkRegion(
  words: Int32Array,
  at: number,
  reg: number,
  off: number,
  size: number,
  kind: RegionKind,
  memSize: number,
): void {
  const fixed = words[at + OFF]! + off
  const low = words[at + SMIN_LO]!
  const high = words[at + SMIN_LO + 1]!
  if (isNegative(low, high, fixed)) fail('min-negative', { reg })
  checkInside((low + fixed) | 0, size, kind, memSize, 'min-outside', reg)
  if (!leU(words[at + UMAX_LO]!, words[at + UMAX_LO + 1]!, MAX_OFFSET - 1, 0)) fail('unbounded-access', { reg })
  checkInside(words[at + UMAX_LO]! + fixed, size, kind, memSize, 'max-outside', reg)
}

/** The least offset is below 0, or leaves 32 bits. */
function isNegative(low: number, high: number, fixed: number): boolean {
  if (high >= 0) return false
  if (low === 0 && high === -0x8000_0000) return true
  const sum = add(low, high, fixed, fixed >> 31)
  return hi !== sum >> 31 || ltS(sum, hi, 0, 0)
}

/** The kernel names the offset that lies outside, then which bound of the pointer led there. @throws Rejection */
function checkInside(
  off: number,
  size: number,
  kind: RegionKind,
  memSize: number,
  outside: 'min-outside' | 'max-outside',
  reg: number,
): void {
  if (off >= 0 && off + size <= memSize) return
  fail(outside, { reg }, { cause: failure(kind, { memSize, off, size }) })
}

/** Notes for the engines which memory the instruction at `state.slot` accesses. @throws Rejection for a mix */
export function noteAccess(walk: Walk, state: State, type: number): void {
  const slot = state.slot
  const before = walk.pointerTypes[slot]!
  if (before === 0) walk.pointerTypes[slot] = type
  else if (type !== before && (needsOwnCode(type) || needsOwnCode(before))) {
    // Loads from objects find the same memory however sure it is that the object is still there.
    const objects = isLoad(walk.insns[slot]!) && isObjectOrMemory(type) && isObjectOrMemory(before)
    if (!objects) fail('different-pointers', {})
  }
  walk.access[slot] = accessOf(walk, baseType(type))
}

function isLoad({ row }: Instruction): boolean {
  return row.kind === Kind.LDX || row.kind === Kind.LDXSX
}

function isObjectOrMemory(type: number): boolean {
  const base = baseType(type)
  return base === RegType.BTF_ID || base === RegType.MEM
}

function accessOf(walk: Walk, base: number): Access {
  if (base === RegType.ARENA) return Access.ARENA
  return base === RegType.CTX && !isPlainContext(walk) ? Access.CONTEXT : Access.KERNEL
}

/** Kinds of memory whose accesses are rewritten, so that an instruction serves only them. */
function needsOwnCode(type: number): boolean {
  switch (baseType(type)) {
    case RegType.CTX:
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
    case RegType.TCP_SOCK:
    case RegType.XDP_SOCK:
    case RegType.BTF_ID:
    case RegType.ARENA:
      return true
    default:
      return false
  }
}
