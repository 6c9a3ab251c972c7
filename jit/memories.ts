/**
 * Which memory of a module is memory 0. V8 keeps the address of that one in a register and loads that of the other for
 * each access, so it is the one that runs touch more: accesses count by the depth of the loops that they are in, and
 * stores to the arena also read the page table, which is in kernel memory.
 */
import { FRAME_POINTER } from '../isa/opcode.ts'
import { Access } from '../program/loadable.ts'
import type { CompileInput } from './compile.ts'
import { type FunctionPlan, pageBase } from './plan.ts'
import type { WasmModule } from './wasm/module.ts'

/** The memories by index. Without an arena, `arena` is never used. */
export interface Memories {
  readonly kernel: number
  readonly arena: number
}

/** Rounds that a loop is taken to run; deeper nests than LEVELS count as such. */
const ROUNDS = 8
const LEVELS = 4

export function importMemories(module: WasmModule, input: CompileInput, plans: Iterable<FunctionPlan>): Memories {
  const { pageTable, shared } = input
  const kernel = (): number => module.importMemory('memory', 'kernel', shared)
  const arena = (): number => module.importMemory('memory', 'arena', shared)
  if (pageTable === undefined) return { kernel: kernel(), arena: -1 }
  if (touchesKernelMore(input, plans)) return { kernel: kernel(), arena: arena() }
  const first = arena()
  return { kernel: kernel(), arena: first }
}

function touchesKernelMore({ program, access }: CompileInput, plans: Iterable<FunctionPlan>): boolean {
  let balance = 0
  for (const { graph, depths } of plans) {
    graph.forEach((node, at) => {
      if (node.kind !== 'block' || access === undefined) return
      const weight = ROUNDS ** Math.min(LEVELS, depths[at]!)
      for (let slot = node.block.start; slot <= node.block.last; slot++) {
        const insn = program.insns[slot]!
        if (access[slot] === Access.ARENA) balance -= pageBase(insn, Access.ARENA) < 0 ? weight : 0
        // Most places of the frame live in locals.
        else if (access[slot] !== Access.NONE && insn.src !== FRAME_POINTER && insn.dst !== FRAME_POINTER)
          balance += weight
      }
    })
  }
  return balance > 0
}
