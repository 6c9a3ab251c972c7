/**
 * Which places of a stack frame can live in locals: nothing but loads and stores of the function itself gets to them,
 * always the same bytes at once.
 *
 *     r10 - 512                                  r10
 *     | may be promoted      |  escaped            |
 *                            ^ the lowest place whose address goes to a helper; helpers go up from there
 *
 * A pointer into the frame that is kept in memory, handed to a function, or of which nobody knows where it points after
 * two ways have met, rules out all of it. What a promoted place holds before it is written is 0, where memory has what
 * an earlier run left; only a verifier that runs for the privileged lets that be read at all.
 */

import type { Instruction } from '../isa/instruction.ts'
import { FRAME_POINTER } from '../isa/opcode.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { Access } from '../program/loadable.ts'
import { FRAME_BYTES } from '../vm/state.ts'
import type { CompileInput, ModuleContext } from './compile.ts'
import { argumentCount, type FunctionPlan } from './plan.ts'
import type { FunctionValues, Value } from './values.ts'

/** A place in the frame, from its lowest address. */
export interface StackPlace {
  readonly offset: number
  readonly bytes: number
}

/** Promoted places by the slots of the loads and stores that go to them. */
export type StackPlaces = ReadonlyMap<number, StackPlace>

const NONE: StackPlaces = new Map()
const FIRST_ARGUMENT = 1

export function promotedPlaces({ input, values: valuesOf }: ModuleContext, plan: FunctionPlan): StackPlaces {
  if (input.access === undefined || plan.pieces !== undefined) return NONE
  const values = valuesOf(plan)
  const found: { slot: number; place: StackPlace; plain: boolean }[] = []
  let escaped = FRAME_BYTES
  for (const node of plan.graph) {
    if (node.kind !== 'block') continue
    for (let slot = node.block.start; slot <= node.block.last; slot++) {
      const insn = input.program.insns[slot]!
      const before = values.before(slot)
      if (before === undefined || insn.row.kind === Kind.LD_IMM64_HI) continue
      const use = useOfFrame(input, insn, slot, before)
      if (use === 'everything') return NONE
      if (typeof use === 'number') escaped = Math.min(escaped, use)
      else if (use !== undefined) found.push({ slot, ...use })
    }
  }
  if (losesPointers(plan, values)) return NONE
  return chosen(found, escaped)
}

/**
 * What an instruction does with pointers into the frame: an access, the lowest address that it hands to a helper, or
 * something that rules out promotion.
 */
function useOfFrame(
  input: CompileInput,
  insn: Instruction,
  slot: number,
  before: readonly Value[],
): { readonly place: StackPlace; readonly plain: boolean } | number | 'everything' | undefined {
  const { row, dst, src, off } = insn
  const frameAt = (n: number): number | undefined => {
    const value = before[n]!
    return value.kind === 'frame' ? value.offset : undefined
  }
  const access = (base: number): { readonly place: StackPlace; readonly plain: boolean } | undefined => {
    const at = frameAt(base)
    if (at === undefined || input.access![slot] !== Access.KERNEL) return undefined
    const plain = row.kind !== Kind.ATOMIC && row.kind !== Kind.LOAD_ACQUIRE && row.kind !== Kind.STORE_RELEASE
    return { place: { offset: at + off, bytes: row.memWidth / 8 }, plain }
  }
  switch (row.kind) {
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
      return access(src)
    case Kind.STX:
    case Kind.STORE_RELEASE:
    case Kind.ATOMIC:
      return frameAt(src) === undefined ? access(dst) : 'everything'
    case Kind.ST:
      return access(dst)
    case Kind.MOV:
      // The lower half alone would be a number made of an address.
      return row.operand === Operand.REG && row.width === 32 && frameAt(src) !== undefined ? 'everything' : undefined
    case Kind.ALU:
      return arithmetic(insn, frameAt)
    case Kind.NEG:
    case Kind.END:
      return frameAt(dst) === undefined ? undefined : 'everything'
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      return frameAt(src) === undefined ? undefined : 'everything'
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
      return lowestArgument(argumentCount(insn, input, slot), frameAt)
    case Kind.CALL_LOCAL:
    case Kind.CALLX:
      return lowestArgument(5, frameAt) === undefined ? undefined : 'everything'
    default:
      return undefined
  }
}

/** Only a constant may be added: values.ts follows that. */
function arithmetic(
  { row, dst, src }: Instruction,
  frameAt: (n: number) => number | undefined,
): 'everything' | undefined {
  const byRegister = row.operand === Operand.REG
  if (byRegister && frameAt(src) !== undefined) return 'everything'
  if (frameAt(dst) === undefined) return undefined
  const followed = row.width === 64 && !byRegister && (row.op === Op.ADD || row.op === Op.SUB)
  return followed ? undefined : 'everything'
}

function lowestArgument(count: number, frameAt: (n: number) => number | undefined): number | undefined {
  let lowest: number | undefined
  for (let n = FIRST_ARGUMENT; n < FIRST_ARGUMENT + count; n++) {
    const at = frameAt(n)
    if (at !== undefined) lowest = Math.min(lowest ?? at, at)
  }
  return lowest
}

/** Whether two ways meet where a register that is used later holds a pointer into the frame on one of them alone. */
function losesPointers({ graph, liveBefore }: FunctionPlan, values: FunctionValues): boolean {
  return graph.some(({ next }, node) => {
    const behind = values.behind(node)
    if (behind === undefined) return false
    return next.some((to) => {
      const entry = values.atEntry(to)
      for (let n = 0; n < FRAME_POINTER; n++) {
        const lost = behind[n]!.kind === 'frame' && (entry === undefined || entry[n]!.kind !== 'frame')
        if (lost && (liveBefore[to]! & (1 << n)) !== 0) return true
      }
      return false
    })
  })
}

/** Places below `escaped` whose bytes are only ever accessed as one. */
function chosen(
  found: readonly { readonly slot: number; readonly place: StackPlace; readonly plain: boolean }[],
  escaped: number,
): StackPlaces {
  /** Place by byte; null where accesses do not agree, or are more than loads and stores. */
  const owner: (StackPlace | null | undefined)[] = []
  const spoil = (place: StackPlace): void => {
    for (let at = place.offset; at < place.offset + place.bytes; at++) {
      const other = owner[at]
      owner[at] = null
      if (other !== undefined && other !== null) spoil(other)
    }
  }
  for (const { place, plain } of found) {
    const { offset, bytes } = place
    const same = owner[offset]
    if (plain && offset + bytes <= escaped && same?.offset === offset && same.bytes === bytes) continue
    const free = plain && offset >= 0 && offset + bytes <= escaped && isFree(owner, place)
    if (free) for (let at = offset; at < offset + bytes; at++) owner[at] = place
    else spoil(place)
  }
  const places = new Map<number, StackPlace>()
  for (const { slot, place } of found) {
    const kept = owner[place.offset]
    if (kept !== undefined && kept !== null) places.set(slot, kept)
  }
  return places
}

function isFree(owner: readonly (StackPlace | null | undefined)[], { offset, bytes }: StackPlace): boolean {
  for (let at = offset; at < offset + bytes; at++) if (owner[at] !== undefined) return false
  return true
}
