/**
 * Writes functions over kernel memory as expressions: an `Expr` pushes a value when it is emitted.
 *
 *     c.set(at, c.load32(c.add(c.get(base), c.i32(8))))
 */
import { KERNEL_HIGH } from '../../memory/memory.ts'
import type { FunctionWriter } from '../wasm/function.ts'
import { I32, I64, VOID, Wasm } from '../wasm/opcodes.ts'

/** Pushes one value. */
export type Expr = () => void

/** Bytes `offset` behind an address: the sum is in the memory. */
export interface Place {
  readonly at: Expr
  readonly offset: number
}

export class Code {
  readonly w: FunctionWriter
  readonly memory: number

  /** `memory`: index of kernel memory. */
  constructor(w: FunctionWriter, memory: number) {
    this.w = w
    this.memory = memory
  }

  local32(): number {
    return this.w.local(I32)
  }

  local64(): number {
    return this.w.local(I64)
  }

  get(local: number): Expr {
    return () => this.w.get(local)
  }

  i32(value: number): Expr {
    return () => this.w.i32(value | 0)
  }

  i64(low: number, high?: number): Expr {
    return () => this.w.i64(low, high)
  }

  op(code: Wasm, ...operands: readonly Expr[]): Expr {
    return () => {
      for (const operand of operands) operand()
      this.w.op(code)
    }
  }

  add(a: Expr, b: Expr): Expr {
    return this.op(Wasm.I32_ADD, a, b)
  }

  sub(a: Expr, b: Expr): Expr {
    return this.op(Wasm.I32_SUB, a, b)
  }

  and(a: Expr, b: Expr): Expr {
    return this.op(Wasm.I32_AND, a, b)
  }

  xor(a: Expr, b: Expr): Expr {
    return this.op(Wasm.I32_XOR, a, b)
  }

  eq(a: Expr, b: Expr): Expr {
    return this.op(Wasm.I32_EQ, a, b)
  }

  not(a: Expr): Expr {
    return this.op(Wasm.I32_EQZ, a)
  }

  /** Any of them is not 0. */
  any(first: Expr, ...others: readonly Expr[]): Expr {
    return others.reduce((all, other) => this.op(Wasm.I32_OR, all, other), first)
  }

  /** Calls a function that gives one value, or none. */
  call(index: number, ...args: readonly Expr[]): Expr {
    return () => {
      for (const arg of args) arg()
      this.w.call(index)
    }
  }

  /** A load, by any of the loads' codes; `offset` must not lead beyond the memory. */
  load(code: Wasm, at: Expr, offset = 0, aligned = true): Expr {
    return () => {
      at()
      this.w.access(code, this.memory, offset, aligned)
    }
  }

  load32(at: Expr, offset = 0): Expr {
    return this.load(Wasm.I32_LOAD, at, offset)
  }

  store(code: Wasm, at: Expr, offset: number, value: Expr, aligned = true): void {
    at()
    value()
    this.w.access(code, this.memory, offset, aligned)
  }

  store32(at: Expr, offset: number, value: Expr): void {
    this.store(Wasm.I32_STORE, at, offset, value)
  }

  /** Writes the bytes of `from` to `to`, as memory.copy does. */
  copy(to: Expr, from: Expr, bytes: number): void {
    to()
    from()
    this.w.i32(bytes)
    this.w.memoryCopy(this.memory, this.memory)
  }

  /** Writes zeros. */
  clear(at: Expr, bytes: number): void {
    at()
    this.w.i32(0)
    this.w.i32(bytes)
    this.w.memoryFill(this.memory)
  }

  set(local: number, value: Expr): void {
    value()
    this.w.set(local)
  }

  /** Sets a local, and is its value. */
  tee(local: number, value: Expr): Expr {
    return () => {
      value()
      this.w.tee(local)
    }
  }

  /** Emits what gives no value. */
  do(expression: Expr): void {
    expression()
  }

  /** `likely` undefined where nothing is known. */
  if(condition: Expr, then: () => void, otherwise?: () => void, likely?: boolean): void {
    condition()
    this.w.if(VOID, likely)
    then()
    if (otherwise !== undefined) {
      this.w.else()
      otherwise()
    }
    this.w.end()
  }

  /** What is hardly ever the case. */
  rarely(condition: Expr, then: () => void): void {
    this.if(condition, then, undefined, false)
  }

  /** Either value; both are computed where they cost nothing. */
  select(condition: Expr, then: Expr, otherwise: Expr): Expr {
    return () => {
      then()
      otherwise()
      condition()
      this.w.op(Wasm.SELECT)
    }
  }

  /** Calls of `leave` in it go on behind it; `likely` undefined where nothing is known. */
  block(body: (leave: (condition?: Expr) => void) => void, likely?: boolean): void {
    const { depth } = this.w
    this.w.block()
    body((condition) => this.#branch(depth, condition, likely))
    this.w.end()
  }

  /** Calls of `again` in it go back to its start; its end leads on. */
  loop(body: (again: (condition?: Expr) => void) => void): void {
    const { depth } = this.w
    this.w.loop()
    body((condition) => this.#branch(depth, condition))
    this.w.end()
  }

  return(value?: Expr): void {
    value?.()
    this.w.op(Wasm.RETURN)
  }

  #branch(depth: number, condition: Expr | undefined, likely?: boolean): void {
    if (condition === undefined) {
      this.w.br(depth)
      return
    }
    condition()
    this.w.brIf(depth, likely)
  }
}

/** An address of kernel memory. */
export function pointer(c: Code, offset: Expr): Expr {
  return c.op(Wasm.I64_OR, c.op(Wasm.I64_EXTEND_I32_U, offset), c.i64(0, KERNEL_HIGH))
}
