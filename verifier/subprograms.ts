/**
 * The functions of a program, found from its calls; kfuncs; and whether jumps stay inside functions.
 *
 *     0: call 4 ------+   subprogram 0: slots 0 to 3
 *     3: exit         |
 *     4: ...     <----+   subprogram 1: slots 4 to the end
 *
 * Source: Linux 6.18, observed; the order of the checks decides which of two faults is reported.
 */
import { fallsThrough, jumpTarget, referenceTarget } from '../isa/flow.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Class } from '../isa/opcode.ts'
import { Kind } from '../isa/table.ts'
import type { Binding, LoadableProgram } from '../program/loadable.ts'
import type { ParameterSpec } from '../program/object.ts'
import { fail } from './errors.ts'

/** Most functions of a program. */
const MAX_SUBPROGRAMS = 256
/** Most different kfuncs of a program. */
const MAX_KFUNCS = 256
/** bpf_tail_call */
const TAIL_CALL = 12

const GPL_LICENSES: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
])

/** Whether helpers and kfuncs that are for GPL programs may be called. */
export function isGplCompatible(license: string): boolean {
  return GPL_LICENSES.has(license)
}

export interface PreparedSubprogram {
  readonly name: string
  readonly start: Slot
  /** First slot behind it. */
  readonly end: Slot
  readonly linkage: 'static' | 'global'
  readonly params: readonly ParameterSpec[] | undefined
  readonly hasTailCall: boolean
  readonly hasPacketLoad: boolean
}

/**
 * Finds the functions. @throws Rejection for calls that lead out of the program, for more functions than there may
 * be, and for kfuncs that Linux would not find.
 */
export function collectSubprograms(program: LoadableProgram): PreparedSubprogram[] {
  const { insns } = program
  const starts = new Set<Slot>([0])
  const kfuncs = new Set<string>()
  for (let slot = 0; slot < insns.length; slot++) {
    const insn = insns[slot]!
    if (insn.row.kind === Kind.CALL_KFUNC && insn.exact) checkKfunc(program, insn, slot, kfuncs)
    const target = referenceTarget(insn, slot)
    if (target === undefined) continue
    if (target < 0 || target >= insns.length) fail('call-destination', {})
    starts.add(target)
    if (starts.size > MAX_SUBPROGRAMS) fail('too-many-subprograms', {})
  }
  const sorted = [...starts].sort((a, b) => a - b)
  return sorted.map((start, i) => describe(program, start, sorted[i + 1] ?? insns.length))
}

function describe(program: LoadableProgram, start: Slot, end: Slot): PreparedSubprogram {
  const declared = program.subprograms.find((subprogram) => subprogram.start === start)
  let hasTailCall = false
  let hasPacketLoad = false
  for (let slot = start; slot < end; slot++) {
    const insn = program.insns[slot]!
    const { kind } = insn.row
    if (kind === Kind.LD_ABS || kind === Kind.LD_IND) hasPacketLoad = true
    if (kind === Kind.CALL_HELPER && insn.exact && insn.imm === TAIL_CALL) hasTailCall = true
  }
  return {
    name: declared?.name ?? (start === 0 ? program.name : ''),
    start,
    end,
    // Linux learns from BTF that a function is global.
    linkage: program.btf === undefined ? 'static' : (declared?.linkage ?? 'static'),
    params: declared?.params,
    hasTailCall,
    hasPacketLoad,
  }
}

/** A kfunc must exist; whether this program may call it is asked when the walk gets there. */
function checkKfunc(program: LoadableProgram, insn: Instruction, slot: Slot, seen: Set<string>): void {
  if (!isGplCompatible(program.license)) fail('kfunc-not-gpl', {})
  const binding = program.bindings.get(slot)
  // A weak kfunc that the loader did not find: calls nothing, and must turn out to be dead code.
  if (binding === undefined && insn.imm === 0 && insn.off === 0) return
  const key = kfuncKey(insn, binding)
  if (seen.has(key)) return
  if (insn.off < 0) fail('kfunc-negative-offset', {})
  if (insn.off > 0) fail('kfunc-fd-array', {})
  if (seen.size === MAX_KFUNCS) fail('too-many-kfuncs', {})
  if (binding?.kind !== 'kfunc' && binding?.kind !== 'unknown-kfunc') fail('kfunc-not-function', { id: insn.imm >>> 0 })
  seen.add(key)
}

/** What tells kfuncs apart: the binding where the loader has found it, else the encoded numbers. */
function kfuncKey(insn: Instruction, binding: Binding | undefined): string {
  if (binding?.kind === 'kfunc') return binding.prototype.name
  return binding?.kind === 'unknown-kfunc' ? binding.name : `${insn.imm},${insn.off}`
}

/**
 * Jumps stay inside their function, and a function does not run into the next one.
 * @throws Rejection
 */
export function checkJumps(insns: readonly Instruction[], subprograms: readonly PreparedSubprogram[]): void {
  for (const { start, end } of subprograms) {
    for (let slot = start; slot < end; slot++) {
      const insn = insns[slot]!
      const target = jumpTarget(insn, slot) ?? undefinedJumpTarget(insn, slot)
      if (target !== undefined && (target < start || target >= end)) {
        fail('jump-out-of-range', { from: slot, to: target })
      }
    }
    if (fallsThrough(insns[end - 1]!)) fail('last-insn', {})
  }
}

/** Bits of an opcode byte that name the operation of a jump. */
const OPERATION = 0xf0
const CALL = 0x80
const EXIT = 0x90

/** A byte of a jump class that encodes nothing still is held to the range, which is checked before the encoding. */
function undefinedJumpTarget(insn: Instruction, slot: Slot): Slot | undefined {
  const { opcode } = insn
  const cls = opcode & 0x07
  if (insn.row.kind !== Kind.UNKNOWN || (cls !== Class.JMP && cls !== Class.JMP32)) return undefined
  const operation = opcode & OPERATION
  return operation === CALL || operation === EXIT ? undefined : slot + 1 + insn.off
}

/**
 * Functions that may leave the program from inside (tail calls, packet loads) need BTF that says what they return.
 * @throws Rejection
 */
export function checkAbnormalReturns(program: LoadableProgram, subprograms: readonly PreparedSubprogram[]): void {
  if (program.btf !== undefined) return
  for (const subprogram of subprograms.slice(1)) {
    if (subprogram.hasPacketLoad) fail('packet-load-without-btf', {})
    if (subprogram.hasTailCall) fail('tail-call-without-btf', {})
  }
}
