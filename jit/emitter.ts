/**
 * The state of one function that is being written: which locals hold what.
 *
 *     frame      i32, lowest address of the 512 bytes that r10 points behind
 *     r0 … r9    i64
 *     page n     i32, the page byte of register n, where a later access uses it (plan.ts)
 *     left       i32, what may_goto has left until the clock is looked at; what it has after that is in the run area
 */
import { FRAME_POINTER } from '../isa/opcode.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { FRAME_BYTES, MAY_GOTO_LIMIT } from '../vm/state.ts'
import { ENTRIES, LEFT } from './chunks.ts'
import type { CompileInput, ModuleContext } from './compile.ts'
import { emitPageByte } from './exact.ts'
import type { FlowGraph } from './flow-graph.ts'
import type { FunctionPlan } from './plan.ts'
import { promotedPlaces, type StackPlace, type StackPlaces } from './stack-slots.ts'
import type { FunctionValues } from './values.ts'
import { FunctionWriter, type Signature } from './wasm/function.ts'
import { I32, I64, Wasm } from './wasm/opcodes.ts'

/** Falls of a may_goto between two looks at the clock. */
export const MAY_GOTO_BATCH = 65_536

/** What a function with may_goto counts against the clock at its start: what it may run before it looks at it itself. */
export const MAY_GOTO_FUEL = 64

/**
 * In a run area: batches that the may_gotos of the function at each depth have left, a byte each. Frames lie one behind
 * the other, so that a frame's address says at which depth it is.
 */
export const BATCHES_OFFSET = 104
const MOST_DEPTHS = 16
const FRAME_SHIFT: number = 31 - Math.clz32(FRAME_BYTES)

/** Pushes what BATCHES_OFFSET is added to, for the function whose frame is in the local. */
function pushBatchesAt(w: FunctionWriter, { area }: ModuleContext, frame: number): void {
  w.globalGet(area)
  w.get(frame)
  w.i32(FRAME_SHIFT)
  w.op(Wasm.I32_SHR_U)
  w.i32(MOST_DEPTHS - 1)
  w.op(Wasm.I32_AND)
  w.op(Wasm.I32_ADD)
}

/** Gives the function all batches behind the first. */
export function emitBatches(w: FunctionWriter, context: ModuleContext, frame: number): void {
  pushBatchesAt(w, context, frame)
  w.i32(MAY_GOTO_LIMIT / MAY_GOTO_BATCH - 1)
  w.access(Wasm.I32_STORE8, context.memories.kernel, BATCHES_OFFSET, true)
}

export const NONE_COVERED: ReadonlySet<number> = new Set()

/**
 * Global functions are verified on their own, so nothing bounds how long they take together. A static one is walked at
 * each call.
 */
export function isGlobal({ program }: CompileInput, start: number): boolean {
  return start !== 0 && program.subprograms.some((each) => each.start === start && each.linkage === 'global')
}

/** Takes from the fuel, and looks at the clock when it is used up. `scratch`: an i32 local. */
export function emitFuel(w: FunctionWriter, { fuel, host }: ModuleContext, amount: number, scratch: number): void {
  w.globalGet(fuel)
  w.i32(amount)
  w.op(Wasm.I32_SUB)
  w.tee(scratch)
  w.globalSet(fuel)
  w.get(scratch)
  w.i32(0)
  w.op(Wasm.I32_LT_S)
  w.if(undefined, false)
  w.call(host.tick)
  w.end()
}

/** Where the code of a function stands that is written in place of a call. */
export interface InlinedInto {
  readonly writer: FunctionWriter
  /** Depth of the block that its r0 is the result of. */
  readonly result: number
  /** The local of its frame. */
  readonly frame: number
  /** Calls that it is the code of, one in the other. */
  readonly level: number
}

export class Emitter {
  readonly context: ModuleContext
  readonly plan: FunctionPlan
  readonly w: FunctionWriter
  /** No verifier has seen the program. */
  readonly checked: boolean
  readonly frame: number
  readonly #inlined: InlinedInto | undefined
  readonly #registers: number[] = []
  readonly #inPiece: boolean
  readonly #pages: Map<number, number> = new Map()
  #scratch32: number | undefined
  #scratch64: number | undefined
  #label: number | undefined
  /** Places of the frame that live in locals, by the slots of what accesses them. */
  readonly places: StackPlaces
  readonly #placeLocals: Map<number, number> = new Map()
  /** Slots of accesses that a guard in front has answered for. */
  covered: ReadonlySet<number> = NONE_COVERED
  /** Slots of accesses whose page byte is known not to say that all is there. */
  failed: ReadonlySet<number> = NONE_COVERED
  left = -1

  /** `graph`: the function's, or that of the piece which is written. */
  constructor(
    context: ModuleContext,
    plan: FunctionPlan,
    graph: FlowGraph,
    signature: Signature,
    inlined?: InlinedInto,
  ) {
    this.context = context
    this.plan = plan
    this.#inlined = inlined
    this.#inPiece = plan.pieces !== undefined
    this.places = promotedPlaces(context, plan)
    this.w = inlined?.writer ?? new FunctionWriter(signature)
    this.frame = inlined?.frame ?? 0
    this.checked = context.input.access === undefined
    if (inlined === undefined) this.w.name(0, 'frame')
    let param = 1
    for (let n = 0; n < FRAME_POINTER; n++) {
      const given =
        inlined === undefined &&
        !this.#inPiece &&
        (this.checked || (n >= 1 && n <= 5 && (plan.params & (1 << n)) !== 0))
      if (given) this.w.name(param, `r${n}`)
      this.#registers.push(given ? param++ : -1)
    }
    if (graph.some(({ kind }) => kind === 'dispatch')) this.#label = this.w.local(I32, 'label')
  }

  /** What is known of registers. */
  get values(): FunctionValues {
    return this.context.values(this.plan)
  }

  /** Calls in whose place this code stands, one in the other. */
  get inlineLevel(): number {
    return this.#inlined?.level ?? 0
  }

  /** The label variable of irreducible flow; undefined where there is none. */
  get label(): number | undefined {
    return this.#label
  }

  /** The local of r0 to r9. */
  register(n: number): number {
    const found = this.#registers[n]!
    if (found >= 0) return found
    const made = this.w.local(I64, `r${n}`)
    this.#registers[n] = made
    return made
  }

  get scratch32(): number {
    this.#scratch32 ??= this.w.local(I32, 'scratch32')
    return this.#scratch32
  }

  get scratch64(): number {
    this.#scratch64 ??= this.w.local(I64, 'scratch64')
    return this.#scratch64
  }

  /** What stands at the start of the function. */
  enter(): void {
    const { w, plan } = this
    if (plan.hasMayGoto) {
      this.left = w.local(I32, 'left')
      w.i32(MAY_GOTO_BATCH + 1)
      w.set(this.left)
      emitBatches(w, this.context, this.frame)
      this.countFuel(MAY_GOTO_FUEL)
    } else if (this.checked || isGlobal(this.context.input, plan.start)) this.countFuel(1)
    this.readPages(plan.pagesAtEntry)
  }

  /** What stands at the start of a piece: local 1 has the entry's number. */
  startPiece(): void {
    const { w, plan } = this
    if (plan.hasMayGoto) this.left = w.local(I32, 'left')
    w.get(1)
    w.i32(ENTRIES - 1)
    w.op(Wasm.I32_AND)
    w.set(this.#label!)
  }

  /** Takes over registers from the piece that control came from. */
  enterPiece(node: number): void {
    const { w, plan } = this
    const { registers, left } = this.context.handover()
    for (const n of this.#handedOver(node)) {
      w.globalGet(registers[n]!)
      w.set(this.register(n))
    }
    if (plan.hasMayGoto) {
      w.globalGet(left)
      w.set(this.left)
    }
    this.readPages(plan.pagesBefore[node]!)
  }

  /** Leaves for another piece. */
  leavePiece(node: number, entry: number): void {
    const { w, plan } = this
    const { registers, left } = this.context.handover()
    for (const n of this.#handedOver(node)) {
      w.get(this.register(n))
      w.globalSet(registers[n]!)
    }
    if (plan.hasMayGoto) {
      w.get(this.left)
      w.globalSet(left)
    }
    w.i32(entry)
    w.op(Wasm.RETURN)
  }

  /** Registers that are used from a node on; of an unchecked program nobody knows. */
  #handedOver(node: number): number[] {
    const live = this.checked ? -1 : this.plan.liveBefore[node]!
    return Array.from({ length: FRAME_POINTER }, (_, n) => n).filter((n) => (live & (1 << n)) !== 0)
  }

  /** Pushes where the batches of this function are, but for BATCHES_OFFSET. */
  pushBatchesAt(): void {
    pushBatchesAt(this.w, this.context, this.frame)
  }

  /** Takes from the fuel; looks at the clock when it is used up. */
  countFuel(amount: number): void {
    emitFuel(this.w, this.context, amount, this.scratch32)
  }

  /** Pushes a register's 64 bits. */
  get64(n: number): void {
    const { w } = this
    if (n !== FRAME_POINTER) {
      w.get(this.register(n))
      return
    }
    this.get32(n)
    w.op(Wasm.I64_EXTEND_I32_U)
    w.i64(0, KERNEL_HIGH)
    w.op(Wasm.I64_OR)
  }

  /** Pushes a register's low 32 bits as an i32. */
  get32(n: number): void {
    const { w } = this
    if (n === FRAME_POINTER) {
      w.get(this.frame)
      w.i32(FRAME_BYTES)
      w.op(Wasm.I32_ADD)
      return
    }
    w.get(this.register(n))
    w.op(Wasm.I32_WRAP_I64)
  }

  /** Sets a register to the i64 that `push` leaves. */
  set64(n: number, push: () => void): void {
    push()
    this.w.set(this.register(n))
  }

  /** Sets a register to the i32 that `push` leaves, zero-extended. */
  set32(n: number, push: () => void): void {
    push()
    this.w.op(Wasm.I64_EXTEND_I32_U)
    this.w.set(this.register(n))
  }

  /** The local of a promoted place: its bytes, zero-extended. */
  placeLocal({ offset }: StackPlace): number {
    const found = this.#placeLocals.get(offset)
    if (found !== undefined) return found
    const made = this.w.local(I64, `fp${offset}`)
    this.#placeLocals.set(offset, made)
    return made
  }

  /** The local with the page byte of register `n`. */
  page(n: number): number {
    const found = this.#pages.get(n)
    if (found !== undefined) return found
    const made = this.w.local(I32, `page${n}`)
    this.#pages.set(n, made)
    return made
  }

  /** Reads the page bytes of these registers. */
  readPages(mask: number): void {
    const { w } = this
    for (let n = 0; n < FRAME_POINTER; n++) {
      if ((mask & (1 << n)) === 0) continue
      this.get32(n)
      emitPageByte(w, this.context.memories, this.context.input.pageTable ?? 0)
      w.set(this.page(n))
    }
  }

  copyPage(to: number, from: number): void {
    if (to === from) return
    this.w.get(this.page(from))
    this.w.set(this.page(to))
  }

  /** Leaves the function with what it gives its caller. */
  exit(): void {
    const { w } = this
    for (let n = 0; n <= (this.checked ? 5 : 0); n++) {
      this.get64(n)
      if (this.#inPiece) w.globalSet(this.context.handover().registers[n]!)
    }
    if (this.#inPiece) w.i32(LEFT)
    if (this.#inlined !== undefined) w.br(this.#inlined.result)
    else w.op(Wasm.RETURN)
  }
}
