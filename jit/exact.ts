/**
 * Accesses to the arena that the fast paths leave over: over a page's end, to an absent page, at the ends of the
 * window, unaligned. Functions in the module itself, made when something first needs them; what they do is
 * arena/access.ts's `resolve`, then the access, or nothing.
 */
import { Present } from '../arena/page-table.ts'
import { Op } from '../isa/table.ts'
import type { Memories } from './memories.ts'
import type { FunctionWriter } from './wasm/function.ts'
import type { ModuleFunction, WasmModule } from './wasm/module.ts'
import { I32, I64, Wasm } from './wasm/opcodes.ts'

/** log2 of the bytes in a page. */
const PAGE_SHIFT = 12

const LOADS: Readonly<Record<number, Wasm>> = {
  1: Wasm.I64_LOAD8_U,
  2: Wasm.I64_LOAD16_U,
  4: Wasm.I64_LOAD32_U,
  8: Wasm.I64_LOAD,
}
const STORES: Readonly<Record<number, Wasm>> = {
  1: Wasm.I64_STORE8,
  2: Wasm.I64_STORE16,
  4: Wasm.I64_STORE32,
  8: Wasm.I64_STORE,
}

/** The load of 1, 2, 4 or 8 bytes, zero-extended. */
export function loadCode(bytes: number): Wasm {
  return LOADS[bytes]!
}

/** The store of the low 1, 2, 4 or 8 bytes. */
export function storeCode(bytes: number): Wasm {
  return STORES[bytes]!
}

/** What the new value of an atomic is made with; XCHG takes the operand as it is. */
const COMBINE: Readonly<Record<number, Wasm>> = {
  [Op.ADD]: Wasm.I64_ADD,
  [Op.AND]: Wasm.I64_AND,
  [Op.OR]: Wasm.I64_OR,
  [Op.XOR]: Wasm.I64_XOR,
}

/** Takes an arena address, leaves the byte of its page (arena/page-table.ts). */
export function emitPageByte(w: FunctionWriter, { kernel }: Memories, pageTable: number): void {
  w.i32(PAGE_SHIFT)
  w.op(Wasm.I32_SHR_U)
  w.access(Wasm.I32_LOAD8_U, kernel, pageTable, true)
}

/**
 * The functions take an address as the sum of a pointer's low half, zero-extended, and an offset: an i64 that does not
 * wrap, and may be below the window or beyond it. Two arguments would cost registers where they are not even used: the
 * host keeps constants in some.
 */
export class ExactAccess {
  readonly #module: WasmModule
  readonly #memories: Memories
  readonly #pageTable: number
  readonly #counter: number | undefined
  readonly #made: Map<string, ModuleFunction> = new Map()

  /** `counter`: a global that counts them. */
  constructor(module: WasmModule, memories: Memories, pageTable: number, counter?: number) {
    this.#module = module
    this.#memories = memories
    this.#pageTable = pageTable
    this.#counter = counter
  }

  /** (sum) -> i64: the bytes, zero-extended; 0 when one of them is absent. */
  load(bytes: number): number {
    return this.#make(`arena_load_${bytes}`, () =>
      this.#module.define(`arena_load_${bytes}`, { params: [I64], results: [I64] }, (w) => {
        const at = this.#resolved(w, bytes, () => w.i64(0))
        w.get(at)
        w.access(loadCode(bytes), this.#memories.arena, 0, false)
      }),
    )
  }

  /** (sum, old: i64) -> i64: the bytes; `old` when one of them is absent. */
  loadAcquire(bytes: number): number {
    return this.#make(`arena_load_acquire_${bytes}`, () =>
      this.#module.define(`arena_load_acquire_${bytes}`, { params: [I64, I64], results: [I64] }, (w) => {
        const at = this.#resolved(w, bytes, () => w.get(1))
        w.get(at)
        w.access(loadCode(bytes), this.#memories.arena, 0, false)
      }),
    )
  }

  /** (sum, value: i64): nothing when a byte is absent. */
  store(bytes: number): number {
    return this.#make(`arena_store_${bytes}`, () =>
      this.#module.define(`arena_store_${bytes}`, { params: [I64, I64], results: [] }, (w) => {
        const at = this.#resolved(w, bytes, () => undefined)
        w.get(at)
        w.get(1)
        w.access(storeCode(bytes), this.#memories.arena, 0, false)
      }),
    )
  }

  /**
   * (sum, operand: i64, expected: i64, left: i64) -> i64: the old value, or `left` when a byte is absent. `expected`
   * counts for CMPXCHG. One thread runs all CPUs, so the operation is whole by not being interrupted.
   */
  atomic(op: Op, bytes: number): number {
    return this.#make(`arena_atomic_${op}_${bytes}`, () =>
      this.#module.define(`arena_atomic_${op}_${bytes}`, { params: [I64, I64, I64, I64], results: [I64] }, (w) => {
        const at = this.#resolved(w, bytes, () => w.get(3))
        this.#modify(w, op, bytes, this.#memories.arena, at)
      }),
    )
  }

  /** (at: i32, operand: i64, expected: i64) -> i64: an unaligned one in kernel memory. */
  kernelAtomic(op: Op, bytes: number): number {
    return this.#make(`kernel_atomic_${op}_${bytes}`, () =>
      this.#module.define(`kernel_atomic_${op}_${bytes}`, { params: [I32, I64, I64], results: [I64] }, (w) =>
        this.#modify(w, op, bytes, this.#memories.kernel, 0),
      ),
    )
  }

  /** Leaves the old value on the stack. */
  #modify(w: FunctionWriter, op: Op, bytes: number, memory: number, at: number): void {
    const old = w.local(I64)
    w.get(at)
    w.access(loadCode(bytes), memory, 0, false)
    w.set(old)
    w.get(at)
    if (op === Op.CMPXCHG) {
      w.get(1)
      w.get(old)
      w.get(old)
      w.get(2)
      w.op(Wasm.I64_EQ)
      w.op(Wasm.SELECT)
    } else if (op === Op.XCHG) w.get(1)
    else {
      w.get(old)
      w.get(1)
      w.op(COMBINE[op]!)
    }
    w.access(storeCode(bytes), memory, 0, false)
    w.get(old)
  }

  /**
   * Goes on where all bytes at the sum (local 0) are there, with a local that holds where; returns else. Beyond the
   * window nothing is present.
   */
  #resolved(w: FunctionWriter, bytes: number, absent: () => void): number {
    const at = w.local(I32)
    const unless = (): void => {
      w.if()
      absent()
      w.op(Wasm.RETURN)
      w.end()
    }
    if (this.#counter !== undefined) {
      w.globalGet(this.#counter)
      w.i32(1)
      w.op(Wasm.I32_ADD)
      w.globalSet(this.#counter)
    }
    w.get(0)
    // A negative sum is a large number here.
    w.i64(-bytes, 0)
    w.op(Wasm.I64_GT_U)
    unless()
    w.get(0)
    w.op(Wasm.I32_WRAP_I64)
    w.tee(at)
    this.#present(w)
    w.op(Wasm.I32_EQZ)
    unless()
    if (bytes > 1) {
      w.get(at)
      w.i32(bytes - 1)
      w.op(Wasm.I32_ADD)
      this.#present(w)
      w.op(Wasm.I32_EQZ)
      unless()
    }
    return at
  }

  /** Takes an address, leaves 1 when its page is present. */
  #present(w: FunctionWriter): void {
    emitPageByte(w, this.#memories, this.#pageTable)
    w.i32(Present.THIS)
    w.op(Wasm.I32_AND)
  }

  #make(name: string, make: () => ModuleFunction): number {
    const found = this.#made.get(name) ?? make()
    this.#made.set(name, found)
    return found.index
  }
}
