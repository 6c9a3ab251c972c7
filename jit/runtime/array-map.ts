/** maps/array.ts and the look-up of maps/percpu-array.ts in compiled code. */

import type { ArrayLayout, PerCpuArrayLayout } from '../../maps/layout.ts'
import { UpdateFlag } from '../../maps/map.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, I64, Wasm } from '../wasm/opcodes.ts'
import { copyBytes } from './bytes.ts'
import { Code, type Expr, type Place, pointer } from './code.ts'
import { orFallback } from './hash-map.ts'
import { cpuOf, type RuntimeContext } from './host.ts'

/** A look-up in parts. */
export interface ArrayLookup {
  /** Pushes whether there is such a value; comes before `value`. */
  readonly exists: Expr
  /** Pushes its address, which is good only where there is one. */
  readonly value: Expr
  /** Pushes its address, or 0. */
  readonly result: Expr
}

/** `index`: a local to use. */
export function arrayLookup(c: Code, layout: ArrayLayout, key: Place, index: number): ArrayLookup {
  const read = c.load(Wasm.I32_LOAD, key.at, key.offset, false)
  const value = pointer(c, valueAt(c, layout, index))
  return {
    exists: c.op(Wasm.I32_LT_U, c.tee(index, read), c.i32(layout.maxEntries)),
    value,
    result: () => {
      c.set(index, read)
      c.do(c.select(exists(c, layout, index), value, c.i64(0)))
    },
  }
}

export function perCpuArrayLookup(
  c: Code,
  context: RuntimeContext,
  layout: PerCpuArrayLayout,
  key: Place,
  index: number,
): Expr {
  return () => {
    c.set(index, c.load(Wasm.I32_LOAD, key.at, key.offset, false))
    c.do(exists(c, layout, index))
    c.w.if(I64)
    const area = c.load32(c.op(Wasm.I32_SHL, c.get(index), c.i32(3)), layout.areas)
    c.do(pointer(c, c.add(area, c.op(Wasm.I32_MUL, cpuOf(c, context), c.i32(layout.cpuStride)))))
    c.w.else()
    c.do(c.i64(0))
    c.w.end()
  }
}

/** (key, value, flags: i64) -> 0, FALLBACK */
export function makeArrayUpdate(context: RuntimeContext, layout: ArrayLayout, name: string): ModuleFunction {
  return context.module.define(name, { params: [I32, I32, I64], results: [I64] }, (w) => {
    const c = new Code(w, context.memory)
    const at = c.local32()
    orFallback(c, (bail) => {
      // BPF_ANY and BPF_EXIST: what is there always is.
      const other = c.op(Wasm.I64_AND, c.get(2), c.i64(~UpdateFlag.EXIST))
      bail(c.op(Wasm.I64_NE, other, c.i64(0)))
      c.set(at, c.load(Wasm.I32_LOAD, c.get(0), 0, false))
      bail(c.not(exists(c, layout, at)))
      c.set(at, valueAt(c, layout, at))
      copyBytes(c, layout.valueSize, { local: at, offset: 0 }, 1)
      c.return(c.i64(0))
    })
  })
}

function exists(c: Code, { maxEntries }: { readonly maxEntries: number }, index: number): Expr {
  return c.op(Wasm.I32_LT_U, c.get(index), c.i32(maxEntries))
}

function valueAt(c: Code, { values, stride }: ArrayLayout, index: number): Expr {
  return c.add(c.i32(values), c.op(Wasm.I32_MUL, c.get(index), c.i32(stride)))
}
