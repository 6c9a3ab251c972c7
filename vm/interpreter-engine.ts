/** The interpreter as an engine: decodes at the first run, keeps the packed code with and without hooks. */
import { type Decoded, decodeProgram } from './decode.ts'
import type { Engine, EngineInput, Runnable } from './engine.ts'
import { HOOK_BIT, STRIDE } from './engine-ops.ts'
import { type Code, interpret } from './interpreter.ts'
import { MAX_FRAMES, type RunState, SAVED_WORDS } from './state.ts'

/** Instructions that may run between two looks at the clock: some 20 ms. */
const BATCH_INSTRUCTIONS = 4_194_304

/** The same with a hook, which may print a line each time. */
const BATCH_HOOKED = 65_536

export const interpreter: Engine = {
  name: 'interpreter',
  hooks: true,
  prepare: (input) => new InterpretedProgram(input),
}

/** A program with its packed code, once it has run. */
class InterpretedProgram implements Runnable {
  private readonly input: EngineInput
  private decoded: Decoded | undefined
  private plain: Code | undefined
  private hooked: Code | undefined
  /** Registers and what calls save, of no run now; a program may be entered again while it runs. */
  private readonly spare: { readonly regs: Int32Array; readonly saved: Int32Array }[] = []

  constructor(input: EngineInput) {
    this.input = input
  }

  run(state: RunState, args: readonly number[]): void {
    this.decoded ??= decodeProgram({
      program: this.input.program,
      access: this.input.verified?.access,
      flags: this.input.verified?.flags,
      userHigh: this.input.userHigh,
      helper: this.input.helper,
      kfunc: this.input.kfunc,
    })
    const { regs: initial } = this.decoded
    const own = this.spare.pop() ?? {
      regs: new Int32Array(initial.length),
      saved: new Int32Array(SAVED_WORDS * MAX_FRAMES),
    }
    const { regs } = own
    regs.set(initial)
    regs.set(args, 2)
    state.regs = regs
    state.saved = own.saved
    // Every taken jump costs one; between two of them runs at most the whole program once.
    const instructions = state.hook === undefined ? BATCH_INSTRUCTIONS : BATCH_HOOKED
    state.batch = Math.max(1, Math.floor(instructions / this.input.program.insns.length))
    state.fuel = state.batch
    state.depth = 0
    try {
      interpret(this.codeFor(state, this.decoded), state)
      state.r0Low = regs[0]!
      state.r0High = regs[1]!
      // After the last instruction the hook is called once more, with a slot that is none.
      state.hook?.(-1, state)
    } finally {
      this.spare.push(own)
    }
  }

  /** Hooked code only for runs with a hook: without one, nothing is to be paid. */
  private codeFor(state: RunState, { words, natives, functions }: Decoded): Code {
    const { helper } = this.input
    if (state.hook === undefined) {
      this.plain ??= { words, natives, functions, helper }
      return this.plain
    }
    this.hooked ??= { words: withHooks(words), natives, functions, helper }
    return this.hooked
  }
}

/** The same code with HOOK_BIT in every operation. */
function withHooks(words: Int32Array): Int32Array {
  return words.map((word, at) => (at % STRIDE === 0 ? word | HOOK_BIT : word))
}
