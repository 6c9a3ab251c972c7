/**
 * State checking: a program that the verifier accepts is run, and before each instruction the machine must be in a
 * state that the verifier walked there. Where it is not, the verifier is wrong about the program (or the interpreter
 * is): an escape. The idea is that of "Validating the eBPF Verifier via State Embedding" (OSDI 2024).
 *
 *     verify, pruning off --> every state walked  --> the run must lie in one of them, all along
 *     verify, pruning on  --> fewer states        --> the same, but where a path was cut short the run may go on in
 *                                                     the shape of the older path: pointers as there, scalars that
 *                                                     the checkpoint did not hold precise are anything
 */
import { VerifierError } from '../errors/errors.ts'
import type { Slot } from '../isa/instruction.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import type { LoadableProgram, MapInfo } from '../program/loadable.ts'
import type { ObjectSpec } from '../program/object.ts'
import type { Transfer } from '../verifier/transfer.ts'
import { verify } from '../verifier/verify.ts'
import { interpreter } from '../vm/interpreter-engine.ts'
import type { LoadedObject } from '../vm/loaded-object.ts'
import { MachineCore } from '../vm/machine.ts'
import type { Hook, RunState } from '../vm/state.ts'
import { Concrete, type RunAddresses, type ValueArea } from './concrete.ts'
import { HoleWatch, type WalkedHere } from './linux-holes.ts'
import { RunFollower } from './run-follower.ts'
import { applyInput, type RunInput } from './run-input.ts'
import { factsOf, WalkRecord, WalkTooLong } from './walk-record.ts'

export interface StateCheckOptions {
  /** Operations on scalars to verify with; default the verifier's own. */
  readonly transfer?: Transfer
  /** Most states to keep of the walk with pruning. Default 50,000. */
  readonly maxStates?: number
  /** Most states to keep of the walk without; beyond, it is left out. Default 5,000. */
  readonly maxUnpruned?: number
  /** Instructions after which a run is cut off. Default 100,000. */
  readonly maxSteps?: number
  /** Called before each instruction is compared: may disturb the machine, to see whether that is noticed. */
  readonly before?: Hook
}

/** A run that left what the verifier had walked. */
export interface Escape {
  readonly program: string
  readonly slot: Slot
  /** Call sites of the frames above the program's own. */
  readonly chain: string
  /** Register or stack byte, `frame 0: R3`; empty when the verifier never came to this instruction. */
  readonly place: string
  readonly value: string
  /** The abstract state that came nearest, as the log writes states. */
  readonly nearest: string
  readonly pruning: boolean
  readonly input: RunInput
}

export interface StateCheckResult {
  readonly escapes: readonly Escape[]
  /** Runs cut off where Linux's own verifier is wrong (linux-holes.ts). */
  readonly holes: number
  /** Runs cut off after `maxSteps` instructions. */
  readonly cut: number
  /** Instructions that were executed and compared. */
  readonly steps: number
  /** False when the walk without pruning was too long to keep, and runs were compared with the other one alone. */
  readonly unpruned: boolean
  /** Why the walk without pruning refuses the program; undefined where it does not. */
  readonly onlyPruned: string | undefined
}

/** Ends a run from within. */
class EndOfRun extends Error {
  override readonly name = 'EndOfRun'
}

/**
 * Loads `object` on a machine of its own, runs one program once for each input and compares.
 * @throws VerifierError when the program is refused
 * @throws WalkTooLong when even the walk with pruning has too many states to keep
 */
export function stateCheck(
  object: ObjectSpec,
  program: string,
  inputs: readonly RunInput[],
  options: StateCheckOptions = {},
): StateCheckResult {
  const { maxStates = 50_000, maxUnpruned = 5000, maxSteps = 100_000 } = options
  const transfer = options.transfer === undefined ? {} : { transfer: options.transfer }
  const pruned = new WalkRecord(maxStates)
  let loadable: LoadableProgram | undefined
  const machine = new MachineCore(
    {},
    {
      engines: [interpreter],
      verify: (found, given) => {
        loadable = found
        return verify(found, { ...given, ...transfer, logLevel: 0, observer: pruned.observer })
      },
    },
  )
  try {
    const loaded = machine.load(object, { programs: [program] })
    const { record, refusal } = walkUnpruned(loadable!, maxUnpruned, transfer)
    const checker = new Checker(loaded, program, loadable!, [pruned, record], { maxSteps, before: options.before })
    const escapes = inputs.flatMap((input) => checker.run(input))
    const { holes, cut, steps } = checker
    return { escapes, holes, cut, steps, unpruned: record !== undefined, onlyPruned: refusal }
  } finally {
    machine.close()
  }
}

/**
 * Walks the program again with nothing cut short; undefined where that takes too long, and why it refuses what pruning
 * lets through. A path that pruning cuts off may know more than the older one, and be refused for it: to Linux a pointer
 * in a slot of the stack is as good as the unknown bytes that were there before (privileged programs may see addresses),
 * and when it is loaded there is less that may be done with it; a place in the stack that is known takes no part of a
 * pointer, one that could be any of several does.
 */
function walkUnpruned(
  program: LoadableProgram,
  maxStates: number,
  transfer: { readonly transfer?: Transfer },
): { readonly record?: WalkRecord; readonly refusal?: string } {
  const record = new WalkRecord(maxStates)
  try {
    verify(program, { ...transfer, logLevel: 0, prune: false, observer: record.observer })
    return { record }
  } catch (error) {
    if (error instanceof WalkTooLong) return {}
    if (!(error instanceof VerifierError)) throw error
    return /too complex|too large/u.test(error.reason) ? {} : { refusal: error.reason }
  }
}

interface RunLimits {
  readonly maxSteps: number
  readonly before: Hook | undefined
}

/** Runs one loaded program, and follows each run through the walks. */
class Checker {
  steps = 0
  holes = 0
  cut = 0
  readonly #loaded: LoadedObject
  readonly #name: string
  readonly #records: readonly [WalkRecord, WalkRecord | undefined]
  readonly #facts: ReturnType<typeof factsOf>
  readonly #limits: RunLimits
  readonly #program: LoadableProgram

  constructor(
    loaded: LoadedObject,
    name: string,
    program: LoadableProgram,
    records: readonly [WalkRecord, WalkRecord | undefined],
    limits: RunLimits,
  ) {
    this.#loaded = loaded
    this.#name = name
    this.#records = records
    this.#facts = factsOf(program)
    this.#limits = limits
    this.#program = program
  }

  /** The first escape from each of the walks. */
  run(input: RunInput): readonly Escape[] {
    const { verified } = this.#loaded.program(this.#name)
    const ctx = applyInput(this.#loaded, input, verified!.maxContext)
    const watch = new HoleWatch(verified!)
    const followers = this.#records.flatMap((record, n) =>
      record === undefined ? [] : [new RunFollower(record, this.#facts, n === 0)],
    )
    let concrete: Concrete | undefined
    let left = this.#limits.maxSteps
    const hook = (slot: Slot, state: RunState): void => {
      if (slot < 0) return
      concrete ??= new Concrete(state, this.#addresses(state))
      this.#limits.before?.(slot, state)
      left -= 1
      if (left < 0) {
        this.cut += 1
        throw new EndOfRun()
      }
      const walked = followers.map((follower) => follower.walkedAt(slot, concrete!))
      const here: WalkedHere = {
        isLinked: (reg) => walked.some((walk) => walk.isLinked(reg)),
        isOutsideArena: (regs) => walked.some((walk) => walk.isOutsideArena(regs)),
      }
      if (watch.step(slot, state, here)) {
        this.holes += 1
        throw new EndOfRun()
      }
      this.steps += 1
      for (const follower of followers) follower.step(slot, concrete)
      if (followers.every(({ found }) => found !== undefined)) throw new EndOfRun()
    }
    try {
      const { type } = this.#program
      const given = type === 'syscall' || type === 'kprobe' ? { ctx } : { data: input.data ?? new Uint8Array(64) }
      this.#loaded.program(this.#name).run({ ...given, hook, timeoutMs: 0 })
    } catch (error) {
      if (!(error instanceof EndOfRun)) throw error
    }
    return followers.flatMap(({ found, pruning }) =>
      found === undefined ? [] : [{ ...found, program: this.#name, pruning, input }],
    )
  }

  #addresses(state: RunState): RunAddresses {
    return {
      context: state.regs[2]! >>> 0,
      values: this.#facts.maps.map((info) => this.#valueArea(info, state)),
      objects: this.#facts.maps.map(({ address }) => address),
    }
  }

  /** Asks the map for its first value, with a key put for a moment where the program's stack ends. */
  #valueArea(info: MapInfo, state: RunState): ValueArea | undefined {
    const stride = Math.ceil(info.valueSize / 8) * 8
    if (info.type !== 'array') return undefined
    if (info.maxEntries === 1) return { offset: Number(info.valueAddress - KERNEL_BASE), stride, count: 1 }
    const handle = [...this.#loaded.maps.values()].find((candidate) => candidate.info === info)
    const { i32 } = state.kernel
    const key = state.stackTop - 4
    const kept = i32[key >> 2]!
    i32[key >> 2] = 0
    const offset = handle?.map.lookup(key) ?? 0
    i32[key >> 2] = kept
    return offset === 0 ? undefined : { offset, stride, count: info.maxEntries }
  }
}
