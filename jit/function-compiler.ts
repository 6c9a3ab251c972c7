/**
 * Writes the code of one function: its blocks in structured order, instruction by instruction. Registers are i64 locals
 * (emitter.ts); what an instruction becomes is in emit-*.ts.
 */
import { InternalError } from '../errors/errors.ts'
import type { Block } from '../isa/blocks.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { SlotFlag } from '../program/loadable.ts'
import { immediateOf } from '../vm/operands.ts'
import type { ModuleContext } from './compile.ts'
import { compilePieces } from './compile-pieces.ts'
import { copiesLow, writes } from './effects.ts'
import { emitAlu, emitEnd, emitMov, emitMovsx, emitNeg } from './emit-alu.ts'
import { emitCallx, emitLocalCall, emitNative, emitPacketLoad, emitTestedLookup, emitTrap } from './emit-call.ts'
import { emitCondition, emitMayGoto } from './emit-jump.ts'
import { emitAccess, pushGuardFails, pushWithinPage } from './emit-memory.ts'
import { Emitter, NONE_COVERED } from './emitter.ts'
import type { FlowGraph } from './flow-graph.ts'
import { type Guard, type GuardedRun, guardedRuns, type PageGuard } from './guards.ts'
import { loopFuel } from './loop-fuel.ts'
import { changesPages, type FunctionPlan } from './plan.ts'
import { emitStructured } from './structure.ts'
import type { FunctionBody } from './wasm/function.ts'
import type { ModuleFunction } from './wasm/module.ts'
import { Wasm } from './wasm/opcodes.ts'
import { isWithin } from './window-loops.ts'

/** A function of the program and the one of the module that it becomes. */
export interface FunctionTarget {
  readonly plan: FunctionPlan
  readonly declared: ModuleFunction
}

export function compileFunction(context: ModuleContext, { plan, declared }: FunctionTarget): FunctionBody {
  if (plan.pieces !== undefined) return compilePieces(context, plan, plan.pieces, declared)
  const e = new Emitter(context, plan, plan.code, declared.signature)
  e.enter()
  emitGraph(e, plan.code)
  return e.w.finish()
}

/** Writes what stands in the nodes of a graph: a function's, or a piece's. */
export function emitGraph(e: Emitter, graph: FlowGraph): void {
  const { insns } = e.context.input.program
  const fuel = loopFuel(e.context, graph)
  emitStructured(e.w, graph, e.label, {
    loop: (node) => {
      const amount = fuel(node)
      if (amount > 0) e.countFuel(amount)
    },
    body: (node) => {
      const current = graph[node]!
      if (current.kind === 'block') emitBlock(e, current.block, current.next.length === 0, current.covered)
      else if (current.kind === 'test') pushGuardFails(e, current.guard)
      else if (current.kind === 'enter') e.enterPiece(current.node)
      else if (current.kind === 'leave') e.leavePiece(current.node, current.entry)
    },
    unlikely: (node) => {
      const current = graph[node]!
      if (current.kind === 'test') return 1
      return current.kind === 'block' && insns[current.block.last]!.row.kind === Kind.MAY_GOTO ? 1 : undefined
    },
  })
}

/** `covered`: arena loads that need no test of their own. */
function emitBlock(e: Emitter, block: Block, ends: boolean, covered: ReadonlySet<number> = NONE_COVERED): void {
  const { insns } = e.context.input.program
  e.readPages(e.plan.pagesAtHeader.get(block.start) ?? 0)
  const runs = guardedRuns(e.context.input, block)
  e.covered = covered
  for (let slot = block.start; slot <= block.last; slot++) {
    const run = runs.get(slot)
    if (slot + 1 === block.last && isSeen(e, slot + 1) && emitTestedLookup(e, slot)) {
      followPages(e, insns[slot]!, slot)
      break
    }
    if (run === undefined || isWithin(run.covered, covered)) emitSlot(e, insns[slot]!, slot)
    else {
      emitRun(e, run)
      slot = run.last
    }
  }
  e.covered = NONE_COVERED
  // An unchecked program may run off its end.
  if (ends && insns[block.last]!.row.kind !== Kind.EXIT) emitTrap(e, block.last)
}

/** The run twice: as its guards allow, and each access on its own. */
function emitRun(e: Emitter, run: GuardedRun): void {
  const { insns } = e.context.input.program
  const slots = (): void => {
    for (let slot = run.first; slot <= run.last; slot++) emitSlot(e, insns[slot]!, slot)
  }
  const [only, ...others] = run.guards
  if (only?.kind === 'page' && others.length === 0) {
    emitPageRun(e, run, only, slots)
    return
  }
  pushAnyFails(e, run.guards)
  e.w.if(undefined, false)
  slots()
  e.w.else()
  withCovered(e, run, slots)
  e.w.end()
}

/** Pushes an i32 that is not 0 when one of the guards does not hold. */
function pushAnyFails(e: Emitter, guards: readonly Guard[]): void {
  guards.forEach((guard, at) => {
    pushGuardFails(e, guard)
    if (at > 0) e.w.op(Wasm.I32_OR)
  })
}

function withCovered(e: Emitter, run: GuardedRun, slots: () => void): void {
  const outside = e.covered
  e.covered = new Set([...outside, ...run.covered])
  slots()
  e.covered = outside
}

/**
 * A run through one pointer, with stores. Where the pages around are not all there, the accesses may still be in the
 * pointer's own: pages that stand alone are no rare thing in sparse structures.
 */
function emitPageRun(e: Emitter, run: GuardedRun, guard: PageGuard, slots: () => void): void {
  const { w } = e
  const done = w.depth
  w.block()
  const slow = w.depth
  w.block()
  pushGuardFails(e, guard)
  w.if()
  pushWithinPage(e, guard.register, guard.min, guard.end)
  w.op(Wasm.I32_EQZ)
  w.brIf(slow, false)
  w.end()
  withCovered(e, run, slots)
  w.br(done)
  w.end()
  e.failed = run.covered
  slots()
  e.failed = NONE_COVERED
  w.end()
}

function emitSlot(e: Emitter, insn: Instruction, slot: number): void {
  const { kind } = insn.row
  if (kind === Kind.LD_IMM64_HI) return
  e.w.note(slot)
  if (!isSeen(e, slot)) {
    emitUnseen(e, insn)
    return
  }
  emitInstruction(e, insn, slot)
  followPages(e, insn, slot)
}

/** Reads the page bytes that are used behind an instruction and that it has changed. */
function followPages(e: Emitter, insn: Instruction, slot: number): void {
  const after = e.plan.pagesAfter[slot]!
  if (after === 0) return
  if (changesPages(insn)) {
    e.readPages(after)
    return
  }
  const written = writes(insn) & after
  if (written === 0) return
  if (copiesLow(insn)) e.copyPage(insn.dst, insn.src)
  else e.readPages(written)
}

/** What the verifier never reached is never run. */
function isSeen({ context: { input } }: Emitter, slot: number): boolean {
  return input.flags === undefined || (input.flags[slot]! & SlotFlag.SEEN) !== 0
}

function emitUnseen({ w }: Emitter, { row }: Instruction): void {
  w.op(Wasm.UNREACHABLE)
  // The branch behind it takes its condition from the stack, which is anything behind `unreachable`.
  if (row.kind === Kind.JCOND) w.i32(0)
}

function emitInstruction(e: Emitter, insn: Instruction, slot: number): void {
  switch (insn.row.kind) {
    case Kind.ALU:
      emitAlu(e, insn, slot)
      return
    case Kind.NEG:
      emitNeg(e, insn, slot)
      return
    case Kind.END:
      emitEnd(e, insn)
      return
    case Kind.MOV:
      emitMov(e, insn, slot)
      return
    case Kind.MOVSX:
      emitMovsx(e, insn)
      return
    case Kind.CAST_KERN:
      e.set32(insn.dst, () => e.get32(insn.src))
      return
    case Kind.CAST_USER:
      emitCastUser(e, insn)
      return
    case Kind.LD_IMM64:
      emitImmediate(e, insn, slot)
      return
    case Kind.LD_ABS:
    case Kind.LD_IND:
      emitPacketLoad(e, insn, slot)
      return
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
    case Kind.ST:
    case Kind.STX:
    case Kind.STORE_RELEASE:
    case Kind.ATOMIC:
      emitAccess(e, insn, slot)
      return
    case Kind.JA:
      return
    case Kind.JCOND:
      emitCondition(e, insn)
      return
    case Kind.MAY_GOTO:
      emitMayGoto(e)
      return
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
      emitNative(e, slot)
      return
    case Kind.CALL_LOCAL:
      emitLocalCall(e, insn, slot)
      return
    case Kind.EXIT:
      e.exit()
      return
    case Kind.CALLX:
      emitCallx(e, insn, slot)
      return
    case Kind.LD_IMM64_HI:
    case Kind.UNKNOWN:
      emitTrap(e, slot)
      return
    default:
      throw new InternalError(`instruction kind ${insn.row.kind satisfies never}`)
  }
}

function emitImmediate(e: Emitter, insn: Instruction, slot: number): void {
  const [low, high] = immediateOf(insn, slot, e.context.input.program.bindings.get(slot))
  e.set64(insn.dst, () => e.w.i64(low, high))
}

/** NULL stays NULL. */
function emitCastUser(e: Emitter, { dst, src }: Instruction): void {
  const { w } = e
  const { userHigh } = e.context.input
  e.get32(src)
  w.tee(e.scratch32)
  w.op(Wasm.I64_EXTEND_I32_U)
  if (userHigh !== 0) {
    w.i64(0, userHigh)
    w.i64(0)
    w.get(e.scratch32)
    w.op(Wasm.SELECT)
    w.op(Wasm.I64_OR)
  }
  w.set(e.register(dst))
}
