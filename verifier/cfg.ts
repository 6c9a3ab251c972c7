/**
 * One search over the whole program, calls included: is every instruction reached, and where does the walk have to
 * look out?
 *
 *     prune point       compare with the states seen here before
 *     jump point        control may come from elsewhere than the slot in front: note it in the history
 *     force checkpoint  always store a state here
 *
 * Source: Linux 6.18, observed.
 */
import { type Cfg, NO_SLOT } from '../isa/cfg.ts'
import { referenceTarget, slotsOf } from '../isa/flow.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { helperById } from '../program/helpers.ts'
import type { LoadableProgram } from '../program/loadable.ts'
import { fail } from './errors.ts'

export interface Marks {
  /** 1 by slot. */
  readonly prunePoint: Uint8Array
  readonly jumpPoint: Uint8Array
  readonly forceCheckpoint: Uint8Array
  /** 1 for calls that run a callback before they return. */
  readonly callsCallback: Uint8Array
}

/** Marks of a program whose jumps are known to stay inside. @throws Rejection for code that is never reached */
export function searchGraph(program: LoadableProgram, cfg: Cfg): Marks {
  const { insns } = program
  const marks: Marks = {
    prunePoint: new Uint8Array(cfg.size),
    jumpPoint: new Uint8Array(cfg.size),
    forceCheckpoint: new Uint8Array(cfg.size),
    callsCallback: new Uint8Array(cfg.size),
  }
  const seen = new Uint8Array(cfg.size)
  const stack: Slot[] = [0]
  seen[0] = 1
  const visit = (slot: Slot): void => {
    if (slot === NO_SLOT || seen[slot] === 1) return
    seen[slot] = 1
    stack.push(slot)
  }
  for (let slot = stack.pop(); slot !== undefined; slot = stack.pop()) {
    const insn = insns[slot]!
    mark(marks, insn, slot, cfg.branch[slot]!)
    // A second half that a jump leads to is gone over like an instruction; it is refused below.
    visit(insn.row.kind === Kind.LD_IMM64_HI ? slot + 1 : cfg.fall[slot]!)
    visit(cfg.branch[slot]!)
    const callee = referenceTarget(insn, slot)
    if (callee !== undefined) visit(callee)
  }
  checkReached(insns, seen)
  return marks
}

function checkReached(insns: readonly Instruction[], seen: Uint8Array): void {
  for (let slot = 0; slot < insns.length; slot++) {
    if (seen[slot] !== 1) fail('unreachable-insn', { slot })
    if (insns[slot]!.row.kind !== Kind.LD_IMM64) continue
    if (seen[slot + 1] === 1) fail('jump-into-ld-imm64', { slot })
    slot++
  }
}

function mark(marks: Marks, insn: Instruction, slot: Slot, branch: Slot): void {
  const { prunePoint, jumpPoint, forceCheckpoint } = marks
  switch (insn.row.kind) {
    case Kind.MAY_GOTO:
      // With another source it is a jump of no known kind, which the walk refuses when it gets there.
      if (insn.src === 0) forceCheckpoint[slot] = 1
      prunePoint[slot] = 1
      break
    case Kind.JCOND:
      prunePoint[slot] = 1
      break
    case Kind.CALL_HELPER:
      markHelper(marks, insn, slot)
      break
    default:
      break
  }
  if (branch !== NO_SLOT) {
    prunePoint[branch] = 1
    jumpPoint[branch] = 1
  }
  if (!comesBack(insn)) return
  const next = slot + slotsOf(insn)
  if (next < prunePoint.length) {
    prunePoint[next] = 1
    jumpPoint[next] = 1
  }
  const callee = referenceTarget(insn, slot)
  if (callee !== undefined) {
    prunePoint[slot] = 1
    prunePoint[callee] = 1
    jumpPoint[callee] = 1
  }
}

/** Calls, and taking the address of a function, which counts as one. */
function comesBack(insn: Instruction): boolean {
  const { kind } = insn.row
  return kind === Kind.CALL_HELPER || kind === Kind.CALL_LOCAL || kind === Kind.CALL_KFUNC || isFunctionAddress(insn)
}

function isFunctionAddress(insn: Instruction): boolean {
  return insn.row.kind === Kind.LD_IMM64 && referenceTarget(insn, 0) !== undefined
}

function markHelper(marks: Marks, insn: Instruction, slot: Slot): void {
  const flags = insn.exact ? helperById(insn.imm)?.flags : undefined
  if (flags === undefined) return
  if (flags.includes('async_callback')) marks.prunePoint[slot] = 1
  if (!flags.includes('sync_callback')) return
  marks.prunePoint[slot] = 1
  marks.jumpPoint[slot] = 1
  marks.forceCheckpoint[slot] = 1
  marks.callsCallback[slot] = 1
}

/** What a function, or one that it calls, may do. */
export interface Effects {
  readonly mightSleep: boolean
  readonly changesPacket: boolean
}

interface Summary {
  mightSleep: boolean
  changesPacket: boolean
  readonly callees: Set<number>
}

/** Effects of each function, callees included. `subprogramOf` gives the function of a slot. */
export function summarize(program: LoadableProgram, subprogramOf: Uint16Array, count: number): Effects[] {
  const summaries: Summary[] = Array.from({ length: count }, () => ({
    mightSleep: false,
    changesPacket: false,
    callees: new Set<number>(),
  }))
  program.insns.forEach((insn, slot) => {
    const summary = summaries[subprogramOf[slot]!]!
    const callee = referenceTarget(insn, slot)
    if (callee !== undefined) summary.callees.add(subprogramOf[callee]!)
    if (insn.row.kind === Kind.CALL_HELPER && insn.exact) {
      const flags = helperById(insn.imm)?.flags ?? []
      if (flags.includes('might_sleep')) summary.mightSleep = true
      if (flags.includes('changes_pkt')) summary.changesPacket = true
    }
    const binding = insn.row.kind === Kind.CALL_KFUNC ? program.bindings.get(slot) : undefined
    if (binding?.kind === 'kfunc' && binding.prototype.flags.includes('sleepable')) summary.mightSleep = true
  })
  for (let changed = true; changed; ) {
    changed = false
    for (const summary of summaries) if (inherit(summary, summaries)) changed = true
  }
  return summaries
}

function inherit(summary: Summary, all: readonly Summary[]): boolean {
  const { mightSleep, changesPacket } = summary
  for (const callee of summary.callees) {
    summary.mightSleep ||= all[callee]!.mightSleep
    summary.changesPacket ||= all[callee]!.changesPacket
  }
  return mightSleep !== summary.mightSleep || changesPacket !== summary.changesPacket
}
