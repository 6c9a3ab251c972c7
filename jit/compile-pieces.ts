/** The functions that a long function becomes: its pieces, and the one that calls them (chunks.ts). */
import { ENTRIES, type Piece } from './chunks.ts'
import type { ModuleContext } from './compile.ts'
import { Emitter, emitBatches, emitFuel, MAY_GOTO_BATCH, MAY_GOTO_FUEL } from './emitter.ts'
import { emitGraph } from './function-compiler.ts'
import type { FunctionPlan } from './plan.ts'
import { type FunctionBody, FunctionWriter, type Signature } from './wasm/function.ts'
import type { ModuleFunction } from './wasm/module.ts'
import { I32, Wasm } from './wasm/opcodes.ts'

/** (frame, entry) -> the next entry, or LEFT. */
const PIECE: Signature = { params: [I32, I32], results: [I32] }

/** log2 of ENTRIES. */
const ENTRY_SHIFT: number = 31 - Math.clz32(ENTRIES)

const REGISTERS = 10
/** The parameter with the frame. */
const FRAME = 0

/** Declares and writes the pieces; gives the body of the function that calls them. */
export function compilePieces(
  context: ModuleContext,
  plan: FunctionPlan,
  pieces: readonly Piece[],
  { name, signature }: ModuleFunction,
): FunctionBody {
  const declared = pieces.map((_, piece) => context.module.declare(`${name} piece ${piece}`, PIECE))
  pieces.forEach(({ graph }, piece) => {
    const e = new Emitter(context, plan, graph, PIECE)
    e.startPiece()
    emitGraph(e, graph)
    declared[piece]!.body = e.w.finish()
  })
  return writeCaller(context, plan, declared, signature)
}

function writeCaller(
  context: ModuleContext,
  plan: FunctionPlan,
  pieces: readonly ModuleFunction[],
  signature: Signature,
): FunctionBody {
  const w = new FunctionWriter(signature)
  const { registers, left } = context.handover()
  const checked = context.input.access === undefined
  let param = 1
  for (let n = 0; n < REGISTERS; n++) {
    if (!checked && (n < 1 || n > 5 || (plan.params & (1 << n)) === 0)) continue
    w.get(param++)
    w.globalSet(registers[n]!)
  }
  w.i32(MAY_GOTO_BATCH + 1)
  w.globalSet(left)
  if (plan.hasMayGoto) emitBatches(w, context, FRAME)
  const next = w.local(I32)
  const again = w.depth
  w.loop()
  emitFuel(w, context, MAY_GOTO_FUEL, w.local(I32))
  const out = w.depth
  w.block()
  // The innermost block is that of piece 0.
  const blocks = pieces.map((_, piece) => {
    const depth = w.depth
    w.block()
    return { piece: pieces.length - 1 - piece, depth }
  })
  w.get(next)
  w.i32(ENTRY_SHIFT)
  w.op(Wasm.I32_SHR_U)
  w.brTable([...blocks].reverse().map(({ depth }) => depth))
  for (const { index } of pieces) {
    w.end()
    w.get(0)
    w.get(next)
    w.call(index)
    w.set(next)
    w.br(out)
  }
  w.end()
  w.get(next)
  w.i32(0)
  w.op(Wasm.I32_GE_S)
  w.brIf(again)
  w.end()
  for (let n = 0; n <= (checked ? 5 : 0); n++) w.globalGet(registers[n]!)
  return w.finish()
}
