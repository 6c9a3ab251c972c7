/** memalloc/objects.ts in compiled code: bpf_obj_new, bpf_obj_drop, bpf_kptr_xchg; and a class's alloc and free. */
import type { ClassLayout } from '../../memalloc/class-layout.ts'
import { CACHE_BYTES } from '../../memalloc/mem-cache-layout.ts'
import { type ObjectLayout, TYPE } from '../../memalloc/objects.ts'
import { HEADER_END, OBJECT_TYPES, OBJECT_TYPES_KNOWN, OBJECTS_LIVE } from '../../memalloc/page-layout.ts'
import { HEADER_BYTES } from '../../memalloc/size-classes.ts'
import { KERNEL_HIGH } from '../../memory/memory.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, I64, Wasm } from '../wasm/opcodes.ts'
import { clearBytes } from './bytes.ts'
import { Code, pointer } from './code.ts'
import { orFallback } from './hash-map.ts'
import { onCpu, type RuntimeContext } from './host.ts'
import { type Bail, defineHalves, type Half, type Halves, MemClass } from './mem-class.ts'

/** The machine's bpf_mem_alloc: its first control block, bytes of a CPU's control blocks, and of all. */
export interface HeapLayout {
  readonly at: number
  readonly stride: number
  readonly bytes: number
}

/** () -> address of a new object, FALLBACK */
export function makeNew(
  context: RuntimeContext,
  { id, special, class: layout }: ObjectLayout,
  worker: number,
  name: string,
): Halves {
  return defineHalves(context, name, [], worker, (c, half) => {
    orFallback(c, (bail) => {
      const memory = classOf(c, context, half, layout)
      memory.alloc(bail, () => undefined)
      const payload = c.local32()
      c.set(payload, c.add(c.get(memory.object), c.i32(HEADER_BYTES)))
      for (const { offset, size } of special) clearBytes(c, size, { local: payload, offset })
      c.store32(c.get(memory.object), HEADER_BYTES - TYPE, c.i32(id))
      countObjects(c, 1)
      c.return(pointer(c, c.get(payload)))
    })
  })
}

function classOf(c: Code, context: RuntimeContext, half: Half, layout: ClassLayout): MemClass {
  return new MemClass(c, context, half, layout)
}

/** (object) -> 0, FALLBACK: for objects of one type, straight from `bpf_obj_new` */
export function makeDropOf(context: RuntimeContext, { kptrs, class: layout }: ObjectLayout, name: string): Halves {
  return defineHalves(context, name, [I32], undefined, (c, half, params) => {
    const object = params[0]!
    orFallback(c, (bail) => {
      // The native may have had it from elsewhere.
      const home = c.load32(c.sub(c.get(object), c.i32(HEADER_BYTES)))
      const last = layout.stride * (context.cpus - 1)
      bail(c.op(Wasm.I32_GT_U, c.sub(home, c.i32(layout.at)), c.i32(last)))
      for (const offset of kptrs) bail(c.op(Wasm.I64_NE, c.load(Wasm.I64_LOAD, c.get(object), offset), c.i64(0)))
      dropInto(c, classOf(c, context, half, layout), object, bail)
    })
  })
}

/** Gives up the object in the local, and returns. */
function dropInto(c: Code, memory: MemClass, object: number, bail: Bail): void {
  memory.freeRcu(bail, object, () => {
    c.store32(c.sub(c.get(object), c.i32(TYPE)), 0, c.i32(KERNEL_HIGH))
    countObjects(c, -1)
  })
  c.return(c.i64(0))
}

/** () -> address of a payload, FALLBACK */
export function makeAlloc(context: RuntimeContext, layout: ClassLayout, worker: number, name: string): Halves {
  return defineHalves(context, name, [], worker, (c, half) => {
    orFallback(c, (bail) => {
      const memory = classOf(c, context, half, layout)
      memory.alloc(bail, () => undefined)
      c.return(pointer(c, c.add(c.get(memory.object), c.i32(HEADER_BYTES))))
    })
  })
}

/** (payload) -> 0, FALLBACK */
export function makeFree(context: RuntimeContext, layout: ClassLayout, worker: number, name: string): Halves {
  return defineHalves(context, name, [I32], worker, (c, half, params) => {
    const payload = params[0]!
    orFallback(c, (bail) => {
      c.rarely(c.not(c.get(payload)), () => c.return(c.i64(0)))
      classOf(c, context, half, layout).free(bail, payload, () => undefined)
      c.return(c.i64(0))
    })
  })
}

/** (object) -> 0, FALLBACK. Objects that hold others are left to the native. */
export function makeDrop(context: RuntimeContext, heap: HeapLayout, name: string): Halves {
  return defineHalves(context, name, [I32], undefined, (c, half, params) => {
    const object = params[0]!
    orFallback(c, (bail) => {
      const [type, home] = [c.local32(), c.local32()]
      bail(c.any(c.and(c.get(object), c.i32(7)), c.op(Wasm.I32_LT_U, c.get(object), c.i32(HEADER_END))))
      c.set(type, c.load32(c.sub(c.get(object), c.i32(TYPE))))
      bail(c.op(Wasm.I32_GE_U, c.get(type), c.i32(OBJECT_TYPES_KNOWN)))
      c.set(home, c.sub(c.load32(c.sub(c.get(object), c.i32(HEADER_BYTES))), c.i32(heap.at)))
      const outside = c.op(Wasm.I32_GE_U, c.get(home), c.i32(heap.bytes))
      bail(c.any(outside, c.and(c.get(home), c.i32(CACHE_BYTES - 1))))
      bailIfHolding(c, object, type, bail)
      const inClass = c.op(Wasm.I32_REM_U, c.get(home), c.i32(heap.stride))
      const own = c.add(onCpu(c, context, heap.at, heap.stride), context.cpus === 1 ? c.get(home) : inClass)
      dropInto(
        c,
        new MemClass(c, context, half, { at: heap.at, stride: heap.stride, notesTarget: true }, own),
        object,
        bail,
      )
    })
  })
}

/** Bails where a field of the object holds another one, and where its type is not in the table. */
function bailIfHolding(c: Code, object: number, type: number, bail: Bail): void {
  const fields = c.local64()
  const entry = c.op(Wasm.I32_SHL, c.get(type), c.i32(3))
  c.set(fields, c.load(Wasm.I64_LOAD, entry, OBJECT_TYPES))
  const many = c.op(Wasm.I64_EQ, c.get(fields), c.i64(-1))
  bail(c.any(c.op(Wasm.I64_EQZ, c.get(fields)), many))
  c.set(fields, c.op(Wasm.I64_AND, c.get(fields), c.i64(-1, 0x7fffffff)))
  c.block((leave) => {
    leave(c.op(Wasm.I64_EQZ, c.get(fields)))
    c.loop((again) => {
      const bit = c.op(Wasm.I32_WRAP_I64, c.op(Wasm.I64_CTZ, c.get(fields)))
      const field = c.add(c.get(object), c.op(Wasm.I32_SHL, bit, c.i32(3)))
      bail(c.op(Wasm.I64_NE, c.load(Wasm.I64_LOAD, field), c.i64(0)))
      const rest = c.op(Wasm.I64_AND, c.get(fields), c.op(Wasm.I64_SUB, c.get(fields), c.i64(1)))
      again(c.op(Wasm.I64_NE, c.tee(fields, rest), c.i64(0)))
    })
  })
}

/** (field, object: i64) -> the address that was there; 0 for none */
export function makeExchange(context: RuntimeContext, name: string): ModuleFunction {
  return context.module.define(name, { params: [I32, I64], results: [I64] }, (w) => {
    const c = new Code(w, context.memory)
    const [before, low] = [c.local64(), c.local32()]
    c.set(before, c.load(Wasm.I64_LOAD, c.get(0)))
    c.set(low, c.op(Wasm.I32_WRAP_I64, c.get(1)))
    const after = c.select(c.get(low), pointer(c, c.get(low)), c.i64(0))
    c.store(Wasm.I64_STORE, c.get(0), 0, after)
    const high = c.op(Wasm.I64_SHR_U, c.get(before), c.i64(32))
    const isPointer = c.op(Wasm.I64_EQ, high, c.i64(KERNEL_HIGH, 0))
    const isObject = c.and(isPointer, c.op(Wasm.I32_NE, c.op(Wasm.I32_WRAP_I64, c.get(before)), c.i32(0)))
    c.do(c.select(isObject, c.get(before), c.i64(0)))
  })
}

function countObjects(c: Code, by: 1 | -1): void {
  c.store32(c.i32(OBJECTS_LIVE), 0, c.add(c.load32(c.i32(OBJECTS_LIVE)), c.i32(by)))
}
