/**
 * The walk: executes a program on abstract states, path after path, until every path has ended or one is refused.
 *
 *     take up a path -> prune point? covered -> the path ends
 *                    -> note jumps, show the state and the instruction
 *                    -> what the instruction does to the state -> next slot, or the path ends
 *     a path ends    -> open paths of its checkpoints go down, liveness is settled, the last one put aside is taken up
 *
 * Source: observed on Linux 6.18.
 */
import { InternalError } from '../errors/errors.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Pseudo } from '../isa/opcode.ts'
import { Field, Kind } from '../isa/table.ts'
import { type LoadableProgram, SlotFlag } from '../program/loadable.ts'
import { callHelper } from './calls.ts'
import { setGlobalArguments } from './calls-global.ts'
import { fail } from './errors.ts'
import { callKfunc } from './kfunc.ts'
import { EXTRA, MAP, OFF, RegType } from './layout.ts'
import { pushHistory } from './prune.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { clearScratch, currentFrame, makeState, registerAt, type State } from './state.ts'
import { walkAlu } from './walk-alu.ts'
import { checkCallEncoding, checkExit, enterFunction, leaveFunction, touchAll } from './walk-call.ts'
import { isDetailed, isShown, type Walk } from './walk-env.ts'
import { walkJump, walkMayGoto } from './walk-jump.ts'
import { walkAtomic, walkLoad, walkStore } from './walk-memory.ts'
import { walkPacketLoad } from './walk-packet-load.ts'
import { makePointer, writeRegister } from './walk-registers.ts'

/** Instructions walked, over all paths. */
const MAX_PROCESSED = 1_000_000

/** After so many more, whoever waits is told how far the walk has come: a few times a second. */
const PROGRESS_MASK = 0x7fff

/** In place of the slot at which a path goes on: it ends here. */
const PATH_END = -1

/** Walks the main program. @throws Rejection at the first fault */
export function walkMain(walk: Walk): void {
  const state = makeState(walk.shared, 0, 0, walk.prepared.sleepable)
  const { words } = currentFrame(state)
  makePointer(words, registerAt(1), RegType.CTX)
  makePointer(words, registerAt(10), RegType.STACK)
  touchAll(state)
  walkPaths(walk, state)
}

/**
 * Walks each global function that a walked call reaches, on its own, until no more come up. `finished` is told after
 * each walk that ends well. @throws Rejection at the first fault
 */
export function walkGlobals(walk: Walk, finished: () => void): void {
  const { subprograms } = walk.prepared
  const verified = new Set<number>()
  for (let more = true; more; ) {
    more = false
    for (const [subprogram, { name }] of subprograms.entries()) {
      if (!walk.calledGlobals.has(subprogram) || verified.has(subprogram)) continue
      if (isShown(walk)) walk.sink.event({ kind: 'validating', name, subprogram })
      walkGlobal(walk, subprogram)
      finished()
      if (isShown(walk)) walk.sink.event({ kind: 'validated', name, subprogram })
      verified.add(subprogram)
      more = true
    }
  }
}

function walkGlobal(walk: Walk, subprogram: number): void {
  const { start } = walk.prepared.subprograms[subprogram]!
  const state = makeState(walk.shared, start, subprogram, walk.prepared.sleepable)
  setGlobalArguments(walk.prepared, state, subprogram)
  makePointer(currentFrame(state).words, registerAt(10), RegType.STACK)
  touchAll(state)
  walkPaths(walk, state)
}

/** Walks `first` and every path put aside on the way. */
function walkPaths(walk: Walk, first: State): void {
  let state = first
  // The state is shown in full before the next instruction: a path was taken up, or a function left.
  let resumed = false
  for (;;) {
    const outcome = step(walk, state, resumed)
    resumed = outcome === 'left'
    if (outcome !== 'ended') continue
    // In this order: a loop that closes here may still add marks, and liveness is what the next path is compared by.
    walk.table.endPath(walk, state)
    walk.liveness.update(state)
    const next = walk.pending.pop()
    if (next === undefined) return
    if (!isDetailed(walk)) walk.sink.cut(next.logPosition)
    state = next.state
    touchAll(state)
    resumed = true
  }
}

type Outcome = 'goes-on' | 'left' | 'ended'

/** Walks one instruction. */
function step(walk: Walk, state: State, resumed: boolean): Outcome {
  const { slot } = state
  const { prepared } = walk
  walk.entry = undefined
  const insn = walk.insns[slot]
  if (insn === undefined) return fail('invalid-insn-index', { slot, count: walk.insns.length })
  // Kept for the error: wherever a rejection is thrown, this is where the walk was.
  walk.current = state
  walk.processed += 1
  if ((walk.processed & PROGRESS_MASK) === 0) walk.progress?.(walk.processed)
  if (walk.processed > MAX_PROCESSED) fail('program-too-large', { processed: walk.processed })
  if (prepared.prunePoint[slot] === 1 && walk.table.visit(walk, state)) {
    if (isShown(walk)) {
      const from = resumed ? state.previous : undefined
      walk.sink.event({ kind: 'safe', slot, from, speculative: state.speculative })
    }
    return 'ended'
  }
  // Control may have come from elsewhere than the slot in front; backtracking needs to know from where.
  if (prepared.jumpPoint[slot] === 1) pushHistory(walk, state)
  if (isShown(walk)) show(walk, state, resumed)
  walk.observer?.(slot, state, walk.table)
  markSeen(walk, slot, insn)
  walk.liveness.begin()
  const depth = state.frames.length
  const next = execute(walk, state, insn)
  if (next === PATH_END) return 'ended'
  // After a packet load that leaves its function only the registers that it used are shown.
  const left = state.frames.length < depth && insn.row.kind === Kind.EXIT
  // A function that is entered or left settles its own.
  if (state.frames.length === depth) walk.liveness.commit(state, slot)
  state.previous = slot
  state.slot = next
  return left ? 'left' : 'goes-on'
}

/** What is never marked is dead code. */
function markSeen(walk: Walk, slot: Slot, insn: Instruction): void {
  walk.flags[slot]! |= SlotFlag.SEEN
  if (insn.row.kind === Kind.LD_IMM64) walk.flags[slot + 1]! |= SlotFlag.SEEN
}

function show(walk: Walk, state: State, resumed: boolean): void {
  const { sink } = walk
  const { slot } = state
  const { scratch } = state.shared
  if (resumed && isDetailed(walk)) {
    sink.event({ kind: 'resume', from: state.previous, to: slot, speculative: state.speculative, state })
  }
  if ((scratch.registers | scratch.slotsLow | scratch.slotsHigh) !== 0) {
    sink.event({ kind: 'delta', slot, state })
    clearScratch(scratch)
  }
  sink.event({ kind: 'instruction', slot })
}

/** Does what the instruction does. @returns the slot at which the path goes on, or PATH_END */
function execute(walk: Walk, state: State, insn: Instruction): Slot {
  const { slot } = state
  switch (insn.row.kind) {
    case Kind.ALU:
    case Kind.NEG:
    case Kind.END:
    case Kind.MOV:
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      walkAlu(walk, state, insn)
      return slot + 1
    case Kind.LD_IMM64:
      walkImmediate(walk, state, insn)
      return slot + 2
    case Kind.LDX:
    case Kind.LDXSX:
      walkLoad(walk, state, insn)
      return slot + 1
    case Kind.ST:
    case Kind.STX:
      walkStore(walk, state, insn)
      return slot + 1
    case Kind.ATOMIC:
    case Kind.LOAD_ACQUIRE:
    case Kind.STORE_RELEASE:
      walkAtomic(walk, state, insn)
      return slot + 1
    case Kind.LD_ABS:
    case Kind.LD_IND:
      return walkPacketLoad(walk, state, insn)
    case Kind.JA:
    case Kind.JCOND:
    case Kind.MAY_GOTO:
    case Kind.CALL_HELPER:
    case Kind.CALL_LOCAL:
    case Kind.CALL_KFUNC:
    case Kind.EXIT:
      return transferControl(walk, state, insn)
    case Kind.CALLX:
    case Kind.UNKNOWN:
    case Kind.LD_IMM64_HI:
      throw new InternalError(`instruction ${slot} got through to the walk`)
    default:
      insn.row.kind satisfies never
      throw new InternalError('unknown kind of instruction')
  }
}

/** Everything of the jump classes. */
function transferControl(walk: Walk, state: State, insn: Instruction): Slot {
  const { slot } = state
  walk.jumps += 1
  switch (insn.row.kind) {
    case Kind.JA:
      checkJumpEncoding(insn)
      return slot + 1 + (insn.row.width === 32 ? insn.imm : insn.off)
    case Kind.JCOND:
      return walkJump(walk, state, insn)
    case Kind.MAY_GOTO:
      return walkMayGoto(walk, state, insn)
    case Kind.EXIT:
      return walkExit(walk, state, insn)
    case Kind.CALL_LOCAL:
      checkCallEncoding(insn)
      return enterFunction(walk, state, insn)
    case Kind.CALL_HELPER:
      checkCallEncoding(insn)
      callHelper(walk, state, insn)
      break
    default:
      checkCallEncoding(insn)
      callKfunc(walk, state, insn)
  }
  // r0 is shown after every call, whether it was set or not.
  state.shared.scratch.registers |= 1
  return slot + 1
}

function checkJumpEncoding(insn: Instruction): void {
  const { row } = insn
  if (
    insn.dst !== 0 ||
    insn.src !== 0 ||
    (row.imm === Field.ZERO && insn.imm !== 0) ||
    (row.off === Field.ZERO && insn.off !== 0)
  ) {
    fail('reserved-fields', { class: 'BPF_JA' })
  }
}

function walkExit(walk: Walk, state: State, insn: Instruction): Slot {
  if (insn.dst !== 0 || insn.src !== 0 || insn.imm !== 0) fail('reserved-fields', { class: 'BPF_EXIT' })
  if (state.frames.length > 1) return leaveFunction(walk, state)
  checkExit(state)
  return PATH_END
}

function walkImmediate(walk: Walk, state: State, insn: Instruction): void {
  if (insn.off !== 0) fail('reserved-fields', { class: 'BPF_LD_IMM64' })
  const { words } = currentFrame(state)
  const at = writeRegister(state, insn.dst)
  const map = walk.prepared.mapAt[state.slot]!
  switch (insn.row.pseudo) {
    case Pseudo.NONE: {
      const binding = walk.prepared.program.bindings.get(state.slot)
      if (binding?.kind === 'alloc') {
        makePointer(words, at, RegType.ALLOCATOR)
        words[at + EXTRA] = walk.prepared.allocs.indexOf(binding.alloc) + 1
      } else makeConst(words, at, insn.imm, insn.imm2)
      break
    }
    case Pseudo.MAP_FD:
    case Pseudo.MAP_IDX:
      makePointer(words, at, RegType.CONST_MAP_PTR)
      words[at + MAP] = map
      break
    case Pseudo.MAP_VALUE:
    case Pseudo.MAP_IDX_VALUE: {
      const binding = walk.prepared.program.bindings.get(state.slot)
      if (binding?.kind !== 'map-value') throw new InternalError(`no map value is bound at ${state.slot}`)
      // An address of user space: it has to be cast before it points anywhere.
      if (binding.map.type === 'arena') {
        makeUnknown(words, at)
        break
      }
      makePointer(words, at, RegType.MAP_VALUE)
      words[at + MAP] = map
      words[at + OFF] = binding.offset
      break
    }
    case Pseudo.FUNC:
      if (!hasFunctionInfo(walk.prepared.program)) fail('no-function-info', {})
      makePointer(words, at, RegType.FUNC)
      words[at + EXTRA] = walk.prepared.subprogramOf[state.slot + 1 + insn.imm]!
      break
    default:
      fail('not-implemented', { name: 'addresses of kernel variables' })
  }
}

/** Whether each function has a type: only then does Linux get any func_info, without which addresses are refused. */
function hasFunctionInfo({ btf, subprograms }: LoadableProgram): boolean {
  return btf !== undefined && subprograms.length > 0 && subprograms.every(({ typeId }) => typeId !== 0)
}
