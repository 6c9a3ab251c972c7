/**
 * What functions of the runtime have from the machine: who runs, where, and the slow parts of allocators. A function of
 * the runtime does a whole operation, or gives FALLBACK and has changed nothing: the call then goes to the native.
 */
import type { WasmModule } from '../wasm/module.ts'
import { I32, type ValueType, Wasm } from '../wasm/opcodes.ts'
import type { Code, Expr } from './code.ts'

/** No result of any operation: errors are negative, pointers in the upper half. */
export const FALLBACK = 1

/** Word of the run area with the number of the CPU. */
export const CPU_OFFSET = 96

/** Indices of imports; `cache` is the offset of a control block, `slot` that of the call. */
export interface RuntimeImports {
  /** (cache) -> whether nobody looks at what its worker does */
  readonly unwatched: number
  /** (cache) -> whether the caller is to do the worker's work now; it counts as a run */
  readonly begin: number
  /** (cache, slot) -> an object for the worker; 0 for none */
  readonly fetch: number
  /** (cache, count): so many objects were taken from the slab */
  readonly fetched: number
  /** (cache, slot): raises the worker */
  readonly raise: number
}

export type RuntimeImportName = keyof RuntimeImports

const SIGNATURES: Readonly<Record<RuntimeImportName, { params: readonly ValueType[]; results: readonly ValueType[] }>> =
  {
    unwatched: { params: [I32], results: [I32] },
    begin: { params: [I32], results: [I32] },
    fetch: { params: [I32, I32], results: [I32] },
    fetched: { params: [I32, I32], results: [] },
    raise: { params: [I32, I32], results: [] },
  }

export function importRuntime(module: WasmModule): RuntimeImports {
  const indexOf = (name: RuntimeImportName): number => module.importFunction('runtime', name, SIGNATURES[name])
  return {
    unwatched: indexOf('unwatched'),
    begin: indexOf('begin'),
    fetch: indexOf('fetch'),
    fetched: indexOf('fetched'),
    raise: indexOf('raise'),
  }
}

/** What functions of the runtime are made with. */
export interface RuntimeContext {
  readonly module: WasmModule
  /** Index of kernel memory. */
  readonly memory: number
  readonly imports: RuntimeImports
  /** Global with the offset of the run area. */
  readonly area: number
  readonly cpus: number
}

/** Number of the CPU that runs. */
export function cpuOf(c: Code, { area, cpus }: RuntimeContext): Expr {
  return cpus === 1 ? c.i32(0) : c.load32(() => c.w.globalGet(area), CPU_OFFSET)
}

/** `at` on this CPU, where one CPU's is `stride` bytes behind the other's. */
export function onCpu(c: Code, context: RuntimeContext, at: number, stride: number): Expr {
  if (context.cpus === 1) return c.i32(at)
  return c.add(c.i32(at), c.op(Wasm.I32_MUL, cpuOf(c, context), c.i32(stride)))
}
