/**
 * Memory accesses that the interpreter does out of line: unaligned ones in kernel memory, those in the arena that
 * need the exact rules, those of unverified programs, whose space the address decides, and loads by LD_ABS and LD_IND.
 */
import { resolve } from '../arena/access.ts'
import { FaultError } from '../errors/errors.ts'
import { Op } from '../isa/table.ts'
import { KERNEL_BASE, KERNEL_HIGH, MEMORY_BYTES, type Memory } from '../memory/memory.ts'
import { type ContextAccess, findContextAccess } from '../program/contexts.ts'
import { atomic } from './atomics.ts'
import type { RunState } from './state.ts'

/** Reads `bytes` at offset `at` of `memory` into R[d]; `signed` extends the sign over 64 bits. */
export function loadFrom(memory: Memory, at: number, R: Int32Array, d: number, bytes: number, signed: boolean): void {
  const { view } = memory
  switch (bytes) {
    case 1:
      R[d] = signed ? view.getInt8(at) : view.getUint8(at)
      break
    case 2:
      R[d] = signed ? view.getInt16(at, true) : view.getUint16(at, true)
      break
    case 4:
      R[d] = view.getInt32(at, true)
      break
    default: {
      // Both halves first: `at` may have come from the register that is written.
      const low = view.getInt32(at, true)
      R[d + 1] = view.getInt32(at + 4, true)
      R[d] = low
      return
    }
  }
  R[d + 1] = signed ? R[d]! >> 31 : 0
}

/** Writes the low `bytes` bytes of the register at R[s]. */
export function storeTo(memory: Memory, at: number, R: Int32Array, s: number, bytes: number): void {
  const { view } = memory
  switch (bytes) {
    case 1:
      view.setUint8(at, R[s]!)
      break
    case 2:
      view.setUint16(at, R[s]!, true)
      break
    case 4:
      view.setInt32(at, R[s]!, true)
      break
    default:
      view.setInt32(at, R[s]!, true)
      view.setInt32(at + 4, R[s + 1]!, true)
  }
}

// The arena: `low` is the low half of the base register; addresses do not wrap, and an access is done whole or not at
// all (arena/access.ts).

/** A load from the arena: 0 when a byte of it is absent. */
export function loadArena(
  state: RunState,
  R: Int32Array,
  d: number,
  low: number,
  offset: number,
  bytes: number,
  signed: boolean,
): void {
  const at = resolve(state.arena!, low, offset, bytes)
  if (at >= 0) {
    loadFrom(state.arena!.memory, at, R, d, bytes, signed)
  } else {
    R[d] = 0
    R[d + 1] = 0
  }
}

/** A load-acquire from the arena: leaves the register alone when a byte of it is absent. */
export function loadAcquireArena(
  state: RunState,
  R: Int32Array,
  d: number,
  low: number,
  offset: number,
  bytes: number,
): void {
  const at = resolve(state.arena!, low, offset, bytes)
  if (at >= 0) loadFrom(state.arena!.memory, at, R, d, bytes, false)
}

/** A store to the arena: dropped whole when a byte of it is absent. */
export function storeArena(
  state: RunState,
  R: Int32Array,
  s: number,
  low: number,
  offset: number,
  bytes: number,
): void {
  const at = resolve(state.arena!, low, offset, bytes)
  if (at >= 0) storeTo(state.arena!.memory, at, R, s, bytes)
}

const { CMPXCHG } = Op

/** An atomic on the arena: nothing happens, to memory or registers, when a byte of it is absent. */
export function atomicArena(state: RunState, R: Int32Array, s: number, low: number, packed: number): void {
  const wide = (packed & 1) !== 0
  const { memory } = state.arena!
  const at = resolve(state.arena!, low, packed >> 16, wide ? 8 : 4)
  if (at < 0) return
  // A narrow exchange that finds what it expects leaves all of r0 as it is: Linux extends it by zeros only outside
  // arenas (6.18 on x86-64, observed).
  if (!wide && ((packed >> 2) & 0xff) === CMPXCHG && memory.view.getInt32(at, true) === R[0]) {
    memory.view.setInt32(at, R[s]!, true)
  } else atomic(memory, at, R, s, packed)
}

/**
 * Where an access of an unverified program goes: the offset in kernel memory, or -1 for the arena.
 * @throws FaultError for an address in neither, or on a page that nothing has allocated.
 */
function locate(
  state: RunState,
  R: Int32Array,
  base: number,
  offset: number,
  bytes: number,
  slot: number,
  kind: 'read' | 'write',
): number {
  const low = R[base]!
  const high = R[base + 1]!
  // A pointer into the arena is 32 bits wide; small negative sums lie in its guard zone.
  if (high === 0 && state.arena !== undefined) return -1
  const sum = (low >>> 0) + offset
  const at = sum >>> 0
  const sumHigh = (high + Math.floor(sum / MEMORY_BYTES)) | 0
  if (sumHigh === KERNEL_HIGH && at + bytes <= MEMORY_BYTES && state.pages.isAllocated(at, bytes)) {
    if (state.check !== undefined) {
      state.slot = slot
      state.check.check(at, bytes, kind)
    }
    return at
  }
  throw badAccess(state, sumHigh, at, bytes, slot)
}

function badAccess(state: RunState, high: number, low: number, bytes: number, slot: number): FaultError {
  const address = (BigInt(high >>> 0) << 32n) | BigInt(low)
  const text = state.text(slot)
  return new FaultError(
    'access',
    `bad access of ${bytes} bytes at 0x${address.toString(16)} at instruction ${slot}: ${text}${userHint(state, high)}`,
    { instruction: slot, text, address },
  )
}

/**
 * The access of an unverified program at `at`, when it touches a context of fields: what the table says of it.
 * Undefined for one elsewhere. @throws FaultError where the table has no such access
 */
function locateContext(
  state: RunState,
  at: number,
  bytes: number,
  kind: 'load' | 'store' | 'atomic',
  slot: number,
): ContextAccess | undefined {
  const { context } = state
  if (context === undefined) return undefined
  const off = at - context.offset
  if (off <= -bytes || off >= context.layout.placeSize) return undefined
  const access = kind === 'atomic' ? undefined : findContextAccess(context.layout, off, bytes, kind === 'store')
  if (access !== undefined) return access
  const text = state.text(slot)
  const what = `${kind === 'atomic' ? 'atomic access' : kind} of ${bytes} bytes at ${off}`
  throw new FaultError(
    'access',
    `struct ${context.layout.struct} has no ${what} for this program at instruction ${slot}: ${text}`,
    { instruction: slot, text, address: KERNEL_BASE + BigInt(at) },
  )
}

/** What may have gone wrong, when the address is the arena's as user space sees it. */
function userHint(state: RunState, high: number): string {
  if (state.arena === undefined) return high === 0 ? ' (the program names no arena)' : ''
  if (high !== state.arena.userHigh) return ''
  return ' (a user-space address of the arena; addr_space_cast(…, 0, 1) makes it one of BPF)'
}

/** A load of an unverified program. `packed`: offset << 16 | bytes | 16 when signed. */
export function loadChecked(
  state: RunState,
  R: Int32Array,
  d: number,
  base: number,
  packed: number,
  slot: number,
): void {
  const bytes = packed & 15
  const signed = (packed & 16) !== 0
  const at = locate(state, R, base, packed >> 16, bytes, slot, 'read')
  if (at < 0) {
    loadArena(state, R, d, R[base]!, packed >> 16, bytes, signed)
    return
  }
  const field = locateContext(state, at, bytes, 'load', slot)
  if (field === undefined) loadFrom(state.kernel, at, R, d, bytes, signed)
  else loadFrom(state.kernel, state.context!.offset + field.place, R, d, field.bytes, signed)
}

/** A load-acquire of an unverified program. `packed`: offset << 16 | bytes. */
export function loadAcquireChecked(
  state: RunState,
  R: Int32Array,
  d: number,
  base: number,
  packed: number,
  slot: number,
): void {
  const bytes = packed & 15
  const at = locate(state, R, base, packed >> 16, bytes, slot, 'read')
  if (at < 0) {
    loadAcquireArena(state, R, d, R[base]!, packed >> 16, bytes)
    return
  }
  locateContext(state, at, bytes, 'atomic', slot)
  loadFrom(state.kernel, at, R, d, bytes, false)
}

/** A store of an unverified program. `packed`: offset << 16 | bytes. */
export function storeChecked(
  state: RunState,
  R: Int32Array,
  base: number,
  s: number,
  packed: number,
  slot: number,
): void {
  const bytes = packed & 15
  const at = locate(state, R, base, packed >> 16, bytes, slot, 'write')
  if (at < 0) {
    storeArena(state, R, s, R[base]!, packed >> 16, bytes)
    return
  }
  const field = locateContext(state, at, bytes, 'store', slot)
  storeTo(state.kernel, field === undefined ? at : state.context!.offset + field.place, R, s, bytes)
}

/** An atomic of an unverified program. */
export function atomicChecked(
  state: RunState,
  R: Int32Array,
  base: number,
  s: number,
  packed: number,
  slot: number,
): void {
  const bytes = (packed & 1) !== 0 ? 8 : 4
  const at = locate(state, R, base, packed >> 16, bytes, slot, 'write')
  if (at < 0) {
    atomicArena(state, R, s, R[base]!, packed)
    return
  }
  locateContext(state, at, bytes, 'atomic', slot)
  atomic(state.kernel, at, R, s, packed)
}

// Offsets of LD_ABS and LD_IND below 0 count from a header: SKF_NET_OFF and SKF_LL_OFF of Linux.
const NETWORK_HEADER = -0x10_0000
const LINK_HEADER = -0x20_0000

/**
 * A big-endian load from the packet at `at`, into r0; false when it leaves the packet, which ends the function with 0.
 * What classic BPF found at -0x1000 and above, ancillary data, is not there (Linux 6.18, observed).
 */
export function loadPacket(state: RunState, R: Int32Array, at: number, bytes: number): boolean {
  const { packet, kernel } = state
  if (packet === undefined || at < LINK_HEADER) return false
  const from = at >= 0 ? at : at >= NETWORK_HEADER ? at - NETWORK_HEADER : at - LINK_HEADER - packet.header
  if (from + bytes > packet.length) return false
  const start = packet.offset + from
  R[0] =
    bytes === 1
      ? kernel.u8[start]!
      : bytes === 2
        ? kernel.view.getUint16(start, false)
        : kernel.view.getInt32(start, false)
  R[1] = 0
  return true
}
