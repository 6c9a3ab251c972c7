/**
 * Pointers into packets: what lies there is not known when a program is checked, only what the program itself has
 * compared with the packet's end.
 *
 *     r2 = data                     pkt(r=0)       nothing may be read
 *     r3 = r2; r3 += 14             pkt(off=14,r=0)
 *     if r3 > data_end goto out     here: r=14 in r2, r3 and every pointer with their id; at out: r3 is beyond the end
 *
 * A variable offset gives a pointer an id of its own, and what is learnt of one id says nothing of another. The same
 * holds for data_meta, whose end is the pointer `data`. Source: observed on Linux 6.18, every comparison.
 */
import type { Instruction } from '../isa/instruction.ts'
import { Op, Operand } from '../isa/table.ts'
import { contextLayout } from '../program/contexts.ts'
import { fail, failure } from './errors.ts'
import { baseType, ID, OFF, RANGE, RegType, SMIN_LO, TYPE, UMAX_LO, VALUE_LO } from './layout.ts'
import { makeUnknown } from './scalar.ts'
import { currentFrame, type Frame, isSpilled, REGISTERS, registerAt, type State, slotAt } from './state.ts'
import { tnumText } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'

/** Farthest offset that a comparison with the end can tell anything of. */
const MAX_PACKET_OFFSET = 65_535
/** RANGE of a pointer that is known to be at the packet's end or beyond it, and of one beyond it. */
const AT_END = -1
const BEYOND_END = -2
/** Bytes in front of the Ethernet header that make the network header aligned. */
const IP_ALIGN = 2

/** Points to packet bytes or to the metadata in front of them. */
export function isPacketMemory(type: number): boolean {
  const base = baseType(type)
  return base === RegType.PACKET || base === RegType.PACKET_META
}

/** May programs of this type store through packet pointers? @throws Rejection when not */
export function checkPacketWrite(walk: Walk): void {
  if (contextLayout(walk.prepared.program.type)?.packet !== 'write') fail('packet-read-only', {})
}

/** True where helpers that take packet memory may be given it. */
export function packetForHelpers(walk: Walk): boolean {
  const packet = contextLayout(walk.prepared.program.type)?.packet
  return packet !== undefined && packet !== 'none'
}

/**
 * Checks that `size` bytes at `off` from the packet pointer in register `reg` were compared with the end. An access of
 * no bytes needs a place inside when `zeroAllowed`, and is refused otherwise. @throws Rejection
 */
export function checkPacketAccess(
  words: Int32Array,
  at: number,
  reg: number,
  off: number,
  size: number,
  zeroAllowed = false,
): void {
  if (words[at + SMIN_LO + 1]! < 0) fail('min-negative', { reg })
  const range = words[at + RANGE]!
  if (range < 0) fail('packet-outside', { reg }, { errno: 'EINVAL' })
  const start = words[at + OFF]! + off
  if (start >= 0 && start + size <= range && (size > 0 || zeroAllowed)) return
  const cause = failure('packet-range', { off: start, size, reg, id: words[at + ID]!, range })
  fail('packet-outside', { reg }, { cause })
}

/** Under strict alignment the packet counts as beginning two bytes behind an aligned address. @throws Rejection */
export function checkPacketAlignment(words: Int32Array, at: number, off: number, size: number): void {
  const low = words[at + VALUE_LO]! + words[at + OFF]! + off + IP_ALIGN
  if (((low | words[at + VALUE_LO + 2]!) & (size - 1)) === 0) return
  fail('misaligned-packet', {
    ip: IP_ALIGN,
    varOff: tnumText(words, at + VALUE_LO),
    regOff: words[at + OFF]!,
    off,
    size,
  })
}

/** A comparison of packet pointers in the form `pointer op end`: which register is which, and the operator. */
interface EndTest {
  readonly pointer: number
  readonly end: number
  readonly op: Op
}

const MIRRORED: Partial<Record<Op, Op>> = {
  [Op.JGT]: Op.JLT,
  [Op.JLT]: Op.JGT,
  [Op.JGE]: Op.JLE,
  [Op.JLE]: Op.JGE,
}

function isEnd(words: Int32Array, at: number): boolean {
  return words[at + TYPE] === RegType.PACKET_END
}

/** The comparison with the end in front, if it is one that can tell something. */
function endTest(words: Int32Array, insn: Instruction, a: number, b: number): EndTest | undefined {
  const { op, width, operand } = insn.row
  const mirrored = MIRRORED[op]
  if (operand !== Operand.REG || width !== 64 || mirrored === undefined) return undefined
  if (isBelow(words, a, b)) return { pointer: a, end: b, op }
  return isBelow(words, b, a) ? { pointer: b, end: a, op: mirrored } : undefined
}

/** The packet ends at its end, the metadata where the packet begins: at `data` as it was loaded. */
function isBelow(words: Int32Array, at: number, end: number): boolean {
  const type = words[at + TYPE]
  if (type === RegType.PACKET) return isEnd(words, end)
  return type === RegType.PACKET_META && isDataPointer(words, end)
}

function isDataPointer(words: Int32Array, at: number): boolean {
  return (
    words[at + TYPE] === RegType.PACKET &&
    words[at + ID] === 0 &&
    words[at + OFF] === 0 &&
    tnumIsConst(words, at + VALUE_LO) &&
    words[at + VALUE_LO] === 0 &&
    words[at + VALUE_LO + 1] === 0
  )
}

/** Whether `a op b` jumps, for a pointer that is already known to be past the end. 1: yes, 0: no, -1: not known. */
export function predictPacket(words: Int32Array, insn: Instruction, a: number, b: number): number {
  const test = endTest(words, insn, a, b)
  if (test === undefined || !isEnd(words, test.end)) return -1
  const range = words[test.pointer + RANGE]!
  if (range >= 0) return -1
  switch (test.op) {
    case Op.JGT:
      return range === BEYOND_END ? 1 : -1
    case Op.JLE:
      return range === BEYOND_END ? 0 : -1
    case Op.JGE:
      return 1
    default:
      return 0
  }
}

/** What an undecided comparison tells on the side that goes on (`state`) and at its target (`other`). */
export function learnPacket(state: State, other: State, insn: Instruction, a: number, b: number): void {
  const test = endTest(currentFrame(state).words, insn, a, b)
  if (test === undefined) return
  const { pointer, op } = test
  const strict = op === Op.JGE || op === Op.JLT
  const [inside, outside] = op === Op.JGT || op === Op.JGE ? [state, other] : [other, state]
  grantRange(inside, pointer, strict)
  const { words } = currentFrame(outside)
  if (words[pointer + TYPE] === RegType.PACKET) words[pointer + RANGE] = strict ? AT_END : BEYOND_END
}

/** All pointers with the id of the one at word `at` learn how many bytes are there. */
function grantRange(state: State, at: number, strict: boolean): void {
  const { words } = currentFrame(state)
  const type = words[at + TYPE]!
  const id = words[at + ID]!
  const off = words[at + OFF]!
  if (off < 0 || (off === 0 && strict)) return
  const umax = words[at + UMAX_LO]! >>> 0
  if (words[at + UMAX_LO + 1] !== 0 || umax > MAX_PACKET_OFFSET || umax + off > MAX_PACKET_OFFSET) return
  const range = strict ? off + 1 : off
  for (const frame of state.frames) {
    forEachValue(frame, (other, n) => {
      if (other[n + TYPE] !== type || other[n + ID] !== id) return
      if (other[n + RANGE]! < range) other[n + RANGE] = range
    })
  }
}

/** A call has moved the packet or changed its length: every pointer to it, its metadata and its end is worthless. */
export function forgetPacket(state: State): void {
  for (const frame of state.frames) {
    forEachValue(frame, (words, at) => {
      const type = words[at + TYPE]!
      if (isPacketMemory(type) || baseType(type) === RegType.PACKET_END) makeUnknown(words, at)
    })
  }
}

/** Registers and saved registers of a frame. */
function forEachValue(frame: Frame, visit: (words: Int32Array, at: number) => void): void {
  for (let n = 0; n < REGISTERS; n++) visit(frame.words, registerAt(n))
  for (let n = 0; n < frame.slots; n++) if (isSpilled(frame, n)) visit(frame.words, slotAt(n))
}
