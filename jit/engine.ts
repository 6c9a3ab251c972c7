/**
 * The compiler as an engine: a program becomes a module when it first runs, an instance of it bound to the machine's
 * memories then runs it.
 */
import { FaultError, InternalError } from '../errors/errors.ts'
import { subprogramStarts } from '../isa/cfg.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { loadPacket } from '../vm/access.ts'
import { badCall, callNumber, functionSlot, tooDeep } from '../vm/calls.ts'
import type { Engine, EngineInput, Runnable, Translation } from '../vm/engine.ts'
import { FRAME_BYTES, MAX_FRAMES, type Native, type RunState, refuel } from '../vm/state.ts'
import { checkedAccess } from './checked.ts'
import type { PieceSizes } from './chunks.ts'
import { type Compiled, compileProgram, FUEL_BATCH, SLOT_OFFSET } from './compile.ts'
import { hostLacks } from './host.ts'
import { compiledModule, compiledModuleAsync } from './module-cache.ts'
import { CPU_OFFSET } from './runtime/host.ts'
import { runtimeHost } from './runtime/host-functions.ts'
import { moduleText } from './text.ts'

/** Words of the run area that have r10, that are a view of it, and that have the slot of a call. */
const FRAME_WORD = 20
const REGISTER_WORDS = 26

/** Words of r1 to r5, from word 2 on. */
const ARGUMENT_WORDS = 10
const SLOT_WORD = SLOT_OFFSET / 4
const CPU_WORD = CPU_OFFSET / 4

export interface JitOptions {
  /** Is told after each run how many accesses to the arena left the fast path in it. Programs are slower for it. */
  readonly onExact?: (accesses: number) => void
  /** How long functions are split: small sizes let short programs show what long ones do. */
  readonly pieces?: PieceSizes
}

export function makeJit(options: JitOptions = {}): Engine {
  return {
    name: 'jit',
    hooks: false,
    lacks: lacksHere,
    prepare: (input) => new CompiledProgram(input, options),
  }
}

export const jit: Engine = makeJit()

/** A host does not change: asked once. */
let asked: { readonly lack: string | undefined } | undefined

function lacksHere(): string | undefined {
  asked ??= { lack: hostLacks() }
  return asked.lack
}

/** The compiled form of a program, for those who look at it. */
export function compile(input: EngineInput, { onExact, pieces }: JitOptions = {}): Compiled {
  return compileProgram({
    program: input.program,
    access: input.verified?.access,
    flags: input.verified?.flags,
    userHigh: input.userHigh,
    pageTable: input.arena?.table.base,
    services: input.services,
    shared: input.kernel.shared,
    countExact: onExact !== undefined,
    ...(pieces === undefined ? {} : { pieces }),
  })
}

interface Exports {
  readonly run: (area: number, frame: number) => void
  readonly area: WebAssembly.Global
  readonly fuel: WebAssembly.Global
  readonly exact?: WebAssembly.Global
}

class CompiledProgram implements Runnable {
  readonly #input: EngineInput
  readonly #options: JitOptions
  #compiled: Compiled | undefined
  #exports: Exports | undefined
  /** The run that is on top, and the registers in its area. */
  #state: RunState | undefined
  #regs: Int32Array | undefined
  /** Views of run areas, by offset: there are few. */
  readonly #views: Map<number, Int32Array> = new Map()

  constructor(input: EngineInput, options: JitOptions) {
    this.#input = input
    this.#options = options
  }

  async ready(): Promise<void> {
    if (this.#exports !== undefined) return
    const compiled = this.#compile()
    const module = await compiledModuleAsync(compiled.module.encode())
    this.#exports ??= this.#instantiate(compiled, module)
  }

  translation(): Translation {
    const { module } = compile(this.#input)
    return { bytes: module.encode(), text: moduleText(module, this.#input.program) }
  }

  run(state: RunState, args: readonly number[]): void {
    const { areas } = this.#input
    const exports = this.#exports ?? this.#instantiated()
    const at = areas.take()
    const regs = this.#viewAt(at)
    // A verified program reads r1 alone; a kfunc may still be handed what an argument register happens to hold.
    if (this.#input.verified === undefined) regs.fill(0)
    for (let i = 0; i < ARGUMENT_WORDS; i++) regs[2 + i] = i < args.length ? args[i]! : 0
    regs[FRAME_WORD] = state.stackTop | 0
    regs[FRAME_WORD + 1] = KERNEL_HIGH
    regs[CPU_WORD] = state.cpu
    const stateBelow = this.#state
    const regsBelow = this.#regs
    state.regs = regs
    state.batch = FUEL_BATCH
    state.fuel = FUEL_BATCH
    state.depth = 0
    this.#state = state
    this.#regs = regs
    try {
      exports.run(at | 0, (state.stackTop - FRAME_BYTES) | 0)
      state.r0Low = regs[0]!
      state.r0High = regs[1]!
      this.#tellExact(exports)
    } catch (error) {
      if (regsBelow !== undefined) exports.area.value = regsBelow.byteOffset | 0
      if (!(error instanceof WebAssembly.RuntimeError)) throw error
      throw new InternalError(`compiled code of ${state.program} traps: ${error.message}`)
    } finally {
      this.#state = stateBelow
      this.#regs = regsBelow
      areas.give(at)
    }
  }

  #tellExact({ exact }: Exports): void {
    if (exact === undefined) return
    this.#options.onExact?.((exact.value as number) >>> 0)
    exact.value = 0
  }

  #viewAt(at: number): Int32Array {
    const found = this.#views.get(at)
    if (found !== undefined) return found
    const made = this.#input.kernel.i32.subarray(at >>> 2, (at >>> 2) + REGISTER_WORDS)
    this.#views.set(at, made)
    return made
  }

  #compile(): Compiled {
    this.#compiled ??= compile(this.#input, this.#options)
    return this.#compiled
  }

  #instantiated(): Exports {
    const compiled = this.#compile()
    this.#exports = this.#instantiate(compiled, compiledModule(compiled.module.encode(), compiled.loops))
    return this.#exports
  }

  #instantiate(compiled: Compiled, module: WebAssembly.Module): Exports {
    const { kernel, arena } = this.#input
    const natives: Record<string, Record<string, () => void>> = { helper: {}, kfunc: {} }
    for (const { kind, id, name } of compiled.natives) {
      const native = kind === 'helper' ? this.#input.helper(id) : this.#input.kfunc(id)
      // The verifier, or the loader of unchecked programs, has refused by name what has no implementation.
      if (native === undefined) throw new InternalError(`${kind} ${id} has no implementation`)
      natives[kind]![name] = this.#binding(native)
    }
    const instance = new WebAssembly.Instance(module, {
      memory: { kernel: kernel.wasm, ...(arena === undefined ? {} : { arena: arena.memory.wasm }) },
      ...natives,
      host: this.#host(),
      runtime: runtimeHost(compiled.classes, (slot) => {
        this.#state!.slot = slot
      }),
    })
    // Bytecode, plans and the bytes have done their work.
    this.#compiled = undefined
    return instance.exports as unknown as Exports
  }

  /** A native as an import: it works on the registers in the run area. */
  #binding(native: Native): () => void {
    return () => {
      const state = this.#state!
      const regs = this.#regs!
      state.slot = regs[SLOT_WORD]!
      native(regs, state)
      if (state.fuel < 0) this.#tick()
    }
  }

  #host(): Record<string, (...args: number[]) => number | undefined> {
    const input = this.#input
    const current = (): RunState => this.#state!
    let functions: ReadonlySet<number> | undefined
    const starts = (): ReadonlySet<number> => (functions ??= new Set(subprogramStarts(input.program.insns)))
    return {
      tick: () => this.#tick(),
      packet: (at, bytes) => (loadPacket(current(), this.#regs!, at!, bytes!) ? 1 : 0),
      checked: (slot) => {
        checkedAccess(current(), this.#regs!, input.program.insns[slot!]!, slot!)
        return undefined
      },
      enter: (slot) => {
        const state = current()
        if (state.depth + 1 >= MAX_FRAMES) throw tooDeep(state, slot!)
        state.depth++
        this.#spend()
        return undefined
      },
      leave: () => {
        current().depth--
        return undefined
      },
      callx: (slot, register) => {
        const state = current()
        const regs = this.#regs!
        const target = functionSlot(regs, 2 * register!)
        if (target >= 0 && !starts().has(target)) throw badCall(state, slot!)
        if (target >= 0) return target
        state.slot = slot!
        callNumber(regs, 2 * register!, state, input.helper)
        return -1
      },
      trap: (slot) => {
        throw new InternalError(`no instruction starts at slot ${slot}`)
      },
    }
  }

  #spend(): void {
    const { fuel } = this.#exports!
    fuel.value = (fuel.value as number) - 1
    if ((fuel.value as number) < 0) this.#tick()
  }

  #tick(): undefined {
    const state = this.#state!
    try {
      state.fuel = refuel(state, 0)
    } catch (error) {
      // Compiled code does not say where it is.
      if (error instanceof FaultError && error.kind === 'timeout') throw new FaultError('timeout', 'timed out', {})
      throw error
    }
    this.#exports!.fuel.value = FUEL_BATCH
    return undefined
  }
}
