/** cpu/random.ts in compiled code: the next number of xoshiro128**. */
import { RANDOM_STRIDE } from '../../vm/random-states.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, I64, Wasm } from '../wasm/opcodes.ts'
import { Code, type Expr } from './code.ts'
import { onCpu, type RuntimeContext } from './host.ts'

/** () -> 32 random bits. `states`: offset of CPU 0's state. */
export function makeRandom(context: RuntimeContext, states: number, name: string): ModuleFunction {
  return context.module.define(name, { params: [], results: [I64] }, (w) => {
    const c = new Code(w, context.memory)
    const [at, s0, s1, s2, s3] = [w.local(I32), w.local(I32), w.local(I32), w.local(I32), w.local(I32)]
    const xor = (a: number, b: number): Expr => c.xor(c.get(a), c.get(b))
    c.set(at, onCpu(c, context, states, RANDOM_STRIDE))
    for (const [word, local] of [s0, s1, s2, s3].entries()) c.set(local, c.load32(c.get(at), 4 * word))
    const scrambled = c.op(Wasm.I32_ROTL, c.op(Wasm.I32_MUL, c.get(s1), c.i32(5)), c.i32(7))
    c.do(c.op(Wasm.I64_EXTEND_I32_U, c.op(Wasm.I32_MUL, scrambled, c.i32(9))))
    c.set(s2, xor(s2, s0))
    c.set(s3, xor(s3, s1))
    c.store32(c.get(at), 0, xor(s0, s3))
    c.store32(c.get(at), 4, xor(s1, s2))
    c.store32(c.get(at), 8, c.xor(c.get(s2), c.op(Wasm.I32_SHL, c.get(s1), c.i32(9))))
    c.store32(c.get(at), 12, c.op(Wasm.I32_ROTL, c.get(s3), c.i32(11)))
  })
}
