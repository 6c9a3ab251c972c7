/**
 * Writes the body of one function. Instructions go out as bytes at once, so a program of a million instructions needs
 * no tree of them; what the text form adds (which BPF instruction a piece of code comes from) is noted beside.
 */
import { InternalError } from '../../errors/errors.ts'
import { Bytes } from './bytes.ts'
import { type ValueType, VOID, WASM_ROWS, Wasm } from './opcodes.ts'

/** A function's parameters and results. */
export interface Signature {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** The code from `offset` of the instructions on is that of a BPF instruction. */
export interface Note {
  readonly offset: number
  readonly slot: number
}

/** Says of a conditional branch that it is hardly ever taken: V8 then moves what it leads to out of the way. */
interface Hint {
  readonly offset: number
  readonly likely: boolean
}

/** What a module needs of a finished function. */
export interface FunctionBody {
  /** Declarations of locals, instructions, the final `end`. */
  readonly bytes: Uint8Array
  /** Where the instructions start in `bytes`. */
  readonly start: number
  readonly hints: readonly Hint[]
  readonly notes: readonly Note[]
  /** Names of parameters and locals by index, for the text form. */
  readonly names: ReadonlyMap<number, string>
}

export class FunctionWriter {
  readonly signature: Signature
  readonly #code = new Bytes()
  readonly #locals: ValueType[] = []
  readonly #hints: Hint[] = []
  readonly #notes: Note[] = []
  readonly #names: Map<number, string> = new Map()
  /** Constructs that are open. */
  #depth = 0

  constructor(signature: Signature) {
    this.signature = signature
  }

  /** Bytes of instructions so far. */
  get size(): number {
    return this.#code.length
  }

  /** Constructs that are open: a label's depth is the difference of two of these. */
  get depth(): number {
    return this.#depth
  }

  /** A new local variable, 0 at first. */
  local(type: ValueType, name?: string): number {
    this.#locals.push(type)
    const made = this.signature.params.length + this.#locals.length - 1
    if (name !== undefined) this.name(made, name)
    return made
  }

  /** Names a parameter or local, for the text form. */
  name(local: number, name: string): void {
    this.#names.set(local, name)
  }

  /** What is written next belongs to the BPF instruction at this slot. */
  note(slot: number): void {
    this.#notes.push({ offset: this.#code.length, slot })
  }

  /** An instruction with nothing behind its code. */
  op(code: Wasm): void {
    if (code > 0xff) {
      this.#code.u8(code >> 8)
      this.#code.u32(code & 0xff)
    } else this.#code.u8(code)
  }

  #with(code: Wasm, value: number): void {
    this.op(code)
    this.#code.u32(value)
  }

  get(local: number): void {
    this.#with(Wasm.LOCAL_GET, local)
  }

  set(local: number): void {
    this.#with(Wasm.LOCAL_SET, local)
  }

  tee(local: number): void {
    this.#with(Wasm.LOCAL_TEE, local)
  }

  globalGet(global: number): void {
    this.#with(Wasm.GLOBAL_GET, global)
  }

  globalSet(global: number): void {
    this.#with(Wasm.GLOBAL_SET, global)
  }

  i32(value: number): void {
    this.op(Wasm.I32_CONST)
    this.#code.s32(value)
  }

  /** A 64-bit constant from its halves. */
  i64(low: number, high: number = low >> 31): void {
    this.op(Wasm.I64_CONST)
    this.#code.s64(low, high)
  }

  call(index: number): void {
    this.#with(Wasm.CALL, index)
  }

  /** A load, store or atomic. `offset` is added to the address, and the sum does not wrap: beyond the memory it traps. */
  access(code: Wasm, memory: number, offset: number, aligned: boolean): void {
    const bytes = WASM_ROWS.get(code)!.bytes
    const align = aligned ? 31 - Math.clz32(bytes) : 0
    this.op(code)
    // Bit 6 says that the index of a memory follows.
    this.#code.u32(memory === 0 ? align : align | 0x40)
    if (memory !== 0) this.#code.u32(memory)
    this.#code.u32(offset)
  }

  memoryCopy(to: number, from: number): void {
    this.op(Wasm.MEMORY_COPY)
    this.#code.u32(to)
    this.#code.u32(from)
  }

  memoryFill(memory: number): void {
    this.op(Wasm.MEMORY_FILL)
    this.#code.u32(memory)
  }

  /** Opens a construct; `end` closes it. */
  block(type: ValueType | typeof VOID = VOID): void {
    this.#open(Wasm.BLOCK, type)
  }

  loop(type: ValueType | typeof VOID = VOID): void {
    this.#open(Wasm.LOOP, type)
  }

  if(type: ValueType | typeof VOID = VOID, likely?: boolean): void {
    if (likely !== undefined) this.#hints.push({ offset: this.#code.length, likely })
    this.#open(Wasm.IF, type)
  }

  else(): void {
    this.op(Wasm.ELSE)
  }

  end(): void {
    if (this.#depth === 0) throw new InternalError('a construct is closed that was never opened')
    this.#depth--
    this.op(Wasm.END)
  }

  /** Branches to the construct that was opened when `depth` were open. */
  br(target: number): void {
    this.#with(Wasm.BR, this.#label(target))
  }

  brIf(target: number, likely?: boolean): void {
    if (likely !== undefined) this.#hints.push({ offset: this.#code.length, likely })
    this.#with(Wasm.BR_IF, this.#label(target))
  }

  /** By the number on the stack: the constructs in order, the last one for all higher numbers. */
  brTable(targets: readonly number[]): void {
    this.op(Wasm.BR_TABLE)
    this.#code.u32(targets.length - 1)
    for (const target of targets) this.#code.u32(this.#label(target))
  }

  /** The body, with everything closed. */
  finish(): FunctionBody {
    if (this.#depth !== 0) throw new InternalError(`${this.#depth} constructs are open at the end of a function`)
    const bytes = new Bytes()
    const runs = runLengths(this.#locals)
    bytes.u32(runs.length)
    for (const [count, type] of runs) {
      bytes.u32(count)
      bytes.u8(type)
    }
    const start = bytes.length
    bytes.raw(this.#code.view())
    bytes.u8(Wasm.END)
    return { bytes: bytes.view(), start, hints: this.#hints, notes: this.#notes, names: this.#names }
  }

  #open(code: Wasm, type: ValueType | typeof VOID): void {
    this.op(code)
    this.#code.u8(type)
    this.#depth++
  }

  #label(target: number): number {
    const label = this.#depth - target - 1
    if (label < 0) throw new InternalError('a branch leads to no open construct')
    return label
  }
}

/** Neighbours of one type as [count, type]. */
function runLengths(types: readonly ValueType[]): [number, ValueType][] {
  const runs: [number, ValueType][] = []
  for (const type of types) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  return runs
}
