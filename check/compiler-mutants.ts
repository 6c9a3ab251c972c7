/**
 * Mistakes that compilers of arenas make, as changes to a line of jit/. The generated programs are only worth something
 * if they find every one of them.
 */
import type { CompilerMutant } from './mutant-engine.ts'

export interface KnownMutant extends CompilerMutant {
  /** Some hundreds or thousands of programs are needed to find it. */
  readonly rare?: boolean
}

export const COMPILER_MUTANTS: readonly KnownMutant[] = [
  {
    name: 'a guard that does not look below its base',
    file: 'guards.ts',
    from: 'min, max: Math.max(0, ...places), bytes }',
    to: 'min: 0, max: Math.max(0, ...places), bytes }',
  },
  {
    name: 'a guard that does not look above its base',
    file: 'guards.ts',
    from: 'max: Math.max(0, ...places), bytes }',
    to: 'max: 0, bytes }',
  },
  {
    name: 'a guard that answers for accesses that are not aligned',
    file: 'guards.ts',
    from: 'through.filter(({ at, bytes }) => at % bytes === 0)',
    to: 'through',
    rare: true,
  },
  {
    name: 'a guard that answers for stores beyond the page behind',
    file: 'guards.ts',
    from: 'through.filter(({ at, bytes }) => Math.abs(at) + bytes <= REACH)',
    to: 'through',
    rare: true,
  },
  {
    name: 'a guard for a register that has changed',
    file: 'guards.ts',
    from: 'if ((written & (1 << n)) !== 0) lows[n] = ELSE',
    to: 'if ((written & (1 << n)) !== 0) lows[n] = lows[n]!',
  },
  {
    name: 'a page byte for all that an offset reaches',
    file: 'plan.ts',
    from: 'if (Math.abs(insn.off) + memWidth / 8 > REACH) return -1',
    to: '',
  },
  {
    name: 'page bytes that are kept while a kfunc frees pages',
    file: 'function-compiler.ts',
    from: 'if (changesPages(insn)) {',
    to: 'if (changesPages(insn) && insn.row.kind !== Kind.CALL_KFUNC) {',
  },
  {
    name: 'page bytes that are kept while a function frees pages',
    file: 'function-compiler.ts',
    from: 'if (changesPages(insn)) {',
    to: 'if (changesPages(insn) && insn.row.kind !== Kind.CALL_LOCAL) {',
    rare: true,
  },
  {
    name: 'a page byte that does not go with the pointer',
    file: 'function-compiler.ts',
    from: 'if (copiesLow(insn)) e.copyPage(insn.dst, insn.src)',
    to: 'if (copiesLow(insn)) e.w.op(Wasm.NOP)',
  },
  {
    name: 'a load that is not aligned goes straight',
    file: 'emit-memory.ts',
    from: 'if (bytes === 1) return false',
    to: 'return false',
    rare: true,
  },
  {
    name: 'a load at a negative offset that wraps',
    file: 'emit-memory.ts',
    from: 'w.i32(((2 ** 32 - MAX_OFFSET - bytes) / bytes) | 0)',
    to: 'w.i32(((2 ** 32 - bytes) / bytes) | 0)',
  },
  {
    name: 'an exact load that is not sign-extended',
    file: 'emit-memory.ts',
    from: 'w.call(e.context.exact.load(bytes))\n  if (signed) w.op(EXTEND[8 * bytes]![1])',
    to: 'w.call(e.context.exact.load(bytes))',
  },
  {
    name: 'an exact access that forgets the next page',
    file: 'exact.ts',
    from: 'if (bytes > 1) {',
    to: 'if (bytes > 8) {',
  },
  {
    name: 'an acquiring load of an absent page that clears its register',
    file: 'exact.ts',
    from: 'this.#resolved(w, bytes, () => w.get(1))',
    to: 'this.#resolved(w, bytes, () => w.i64(0))',
  },
  {
    name: 'an atomic on an absent page that clears its register',
    file: 'emit-atomic.ts',
    from: 'e.get64(result)\n    w.call(e.context.exact.atomic',
    to: 'w.i64(0)\n    w.call(e.context.exact.atomic',
  },
  {
    name: 'a compare-and-exchange that compares with the new value',
    file: 'emit-atomic.ts',
    from: 'if (row.op === Op.CMPXCHG) push(0)',
    to: 'if (row.op === Op.CMPXCHG) push(src)',
    rare: true,
  },
  {
    name: 'a narrow compare-and-exchange that compares all 64 bits',
    file: 'emit-atomic.ts',
    from: 'if (row.memWidth === 32) {\n    w.op(Wasm.I32_WRAP_I64)',
    to: 'if (row.memWidth === 0) {\n    w.op(Wasm.I32_WRAP_I64)',
  },
  {
    name: 'an argument that is not handed on',
    file: 'plan.ts',
    from: 'params: liveBefore[0]! & REGISTER_MASK',
    to: 'params: liveBefore[0]! & REGISTER_MASK & ~4',
  },
  {
    name: 'a place in a local that holds more than its bytes',
    file: 'emit-memory.ts',
    from: 'if (place.bytes < 8) {',
    to: 'if (place.bytes < 0) {',
  },
  {
    name: 'a place in a local that is not sign-extended',
    file: 'emit-memory.ts',
    from: 'w.get(local)\n  if (kind === Kind.LDXSX) w.op(EXTEND[8 * place.bytes]![1])',
    to: 'w.get(local)',
    rare: true,
  },
  {
    name: 'a place in a local of another width',
    file: 'stack-slots.ts',
    from: 'same?.offset === offset && same.bytes === bytes',
    to: 'same?.offset === offset',
  },
  {
    name: 'a place in a local that a helper reads',
    file: 'stack-slots.ts',
    from: 'return lowestArgument(argumentCount(insn, input, slot), frameAt)',
    to: 'return undefined',
  },
  {
    name: 'a place in a local that a function reads',
    file: 'stack-slots.ts',
    from: "return lowestArgument(5, frameAt) === undefined ? undefined : 'everything'",
    to: 'return undefined',
  },
  {
    name: 'a place in a local whose address is kept',
    file: 'stack-slots.ts',
    from: "return frameAt(src) === undefined ? access(dst) : 'everything'",
    to: 'return access(dst)',
  },
  {
    name: 'places in locals where two pointers meet',
    file: 'stack-slots.ts',
    from: 'if (losesPointers(plan, values)) return NONE',
    to: '',
  },
  {
    name: 'a place in a local that an atomic changes',
    file: 'stack-slots.ts',
    from: 'const plain = row.kind !== Kind.ATOMIC && ',
    to: 'const plain = ',
  },
  {
    name: 'a null that becomes a user address',
    file: 'function-compiler.ts',
    from: 'w.get(e.scratch32)\n    w.op(Wasm.SELECT)',
    to: 'w.i32(1)\n    w.op(Wasm.SELECT)',
    rare: true,
  },
  {
    name: 'a store of a negative number that is not sign-extended',
    file: 'emit-memory.ts',
    from: 'e.w.i64(insn.imm)',
    to: 'e.w.i64(insn.imm, 0)',
  },
  {
    name: 'a look-up that gives an address where 0 is used',
    file: 'emit-call.ts',
    from: 'if ((e.plan.liveAt(ifZero) & 1) !== 0) return false',
    to: '',
  },
  {
    name: 'a look-up whose test is the wrong way round',
    file: 'emit-call.ts',
    from: 'if (jump.row.op === Op.JEQ) w.op(Wasm.I32_EQZ)',
    to: '',
  },
  {
    name: 'a run that is within a page, however far its accesses are apart',
    file: 'emit-memory.ts',
    from: 'if (end - min > PAGE_SIZE) {',
    to: 'if (end < min) {',
    rare: true,
  },
  {
    name: 'a run that is within a page by its first access alone',
    file: 'guards.ts',
    from: 'const end = Math.max(...answered.flatMap(({ at, delta, bytes }) => [at + bytes, delta + 1]))',
    to: 'const end = answered[0]!.at + answered[0]!.bytes',
  },
  {
    name: 'a run within a page through a base that has left the window',
    file: 'guards.ts',
    from: 'const end = Math.max(...answered.flatMap(({ at, delta, bytes }) => [at + bytes, delta + 1]))',
    to: 'const end = Math.max(...answered.flatMap(({ at, bytes }) => [at + bytes]))',
    rare: true,
  },
  {
    name: 'a run within a page that is not there',
    file: 'emit-memory.ts',
    from: 'w.get(e.page(register))\n  w.i32(Present.THIS)',
    to: 'w.i32(1)\n  w.i32(1)',
  },
  {
    name: 'a test of a long loop that forgets how its base moves',
    file: 'window-loops.ts',
    from: 'found.push({ slot, root, delta, at: delta + insn.off, bytes, store: false })',
    to: 'found.push({ slot, root, delta: 0, at: insn.off, bytes, store: false })',
    rare: true,
  },
  {
    name: 'a long loop whose test is made once, before it',
    file: 'window-loops.ts',
    from: 'next.map((to) => copyOf.get(to) ?? to)',
    to: 'next.map((to) => copyOf.get(to === test ? header : to) ?? to)',
    rare: true,
  },
]
