/**
 * Small functions are written in place of their calls. V8 would inline them too, but only by counts that it takes in
 * baseline code, which programs with loops never run (host.ts).
 */
import { Kind } from '../isa/table.ts'
import { FRAME_BYTES } from '../vm/state.ts'
import type { ModuleContext } from './compile.ts'
import { Emitter, isGlobal } from './emitter.ts'
import { slotsOf } from './flow-graph.ts'
import { emitGraph, type FunctionTarget } from './function-compiler.ts'
import type { FunctionPlan } from './plan.ts'
import { I32, I64, Wasm } from './wasm/opcodes.ts'

/** Slots of a function that is still written in place. */
const SMALL = 48
/** Functions in functions. */
const MOST_LEVELS = 3
/** Bytes of code of a function from which on nothing is written into it. */
const LARGE = 32_768

/** Whether a call from the code that `e` writes is better replaced by the function. */
export function isInlined(e: Emitter, { plan }: FunctionTarget): boolean {
  return !e.checked && e.inlineLevel < MOST_LEVELS && e.w.size < LARGE && isSmall(e.context, plan)
}

/** A function with may_goto counts for itself, and looks at the clock. */
function isSmall({ input }: ModuleContext, plan: FunctionPlan): boolean {
  if (plan.pieces !== undefined || plan.hasMayGoto) return false
  const slots = plan.graph.reduce((sum, node) => sum + slotsOf(node), 0)
  return (
    slots <= SMALL && !isGlobal(input, plan.start) && !plan.graph.some((node) => leavesEarly(input.program.insns, node))
  )
}

/** A packet load may leave the function in the middle of other code. */
function leavesEarly(insns: ModuleContext['input']['program']['insns'], node: FunctionPlan['graph'][number]): boolean {
  if (node.kind !== 'block') return false
  for (let slot = node.block.start; slot <= node.block.last; slot++) {
    const { kind } = insns[slot]!.row
    if (kind === Kind.LD_ABS || kind === Kind.LD_IND) return true
  }
  return false
}

/** Writes the function; its r0 is the caller's then. */
export function emitInlined(e: Emitter, { plan, declared }: FunctionTarget): void {
  const { w } = e
  const frame = w.local(I32, 'frame')
  w.get(e.frame)
  w.i32(FRAME_BYTES)
  w.op(Wasm.I32_SUB)
  w.set(frame)
  const inlined = { writer: w, result: w.depth, frame, level: e.inlineLevel + 1 }
  const inner = new Emitter(e.context, plan, plan.code, declared.signature, inlined)
  for (let n = 1; n <= 5; n++) {
    if ((plan.params & (1 << n)) === 0) continue
    e.get64(n)
    w.set(inner.register(n))
  }
  w.block(I64)
  inner.enter()
  emitGraph(inner, plan.code)
  w.end()
  w.set(e.register(0))
}
