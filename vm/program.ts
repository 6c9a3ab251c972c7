/** A program loaded on a machine. */
import type { Arena } from '../arena/arena.ts'
import type { AttachPointName } from '../cpu/points.ts'
import { HarenaError, type SourcePosition } from '../errors/errors.ts'
import { kernelText } from '../isa/disasm-kernel.ts'
import { llvmText } from '../isa/disasm-llvm.ts'
import { blaming } from '../memalloc/integrity.ts'
import { checkOpen, type Kernel } from '../memalloc/kernel.ts'
import { helperById } from '../program/helpers.ts'
import type { LoadableProgram, VerifiedProgram } from '../program/loadable.ts'
import type { ProgramType } from '../program/types.ts'
import { Attachment } from './attachment.ts'
import type { Translation } from './engine.ts'
import { Injection, type InjectionOptions } from './injection.ts'
import type { RunOptions, RunResult } from './options.ts'
import type { ProgramCode } from './program-code.ts'
import { type RunEnvironment, type RunSubject, testRun } from './run.ts'
import type { Hook } from './state.ts'
import { traceHook } from './trace.ts'

export class Program {
  readonly loadable: LoadableProgram
  /** What the verifier found; undefined for a program that runs unchecked. */
  readonly verified: VerifiedProgram | undefined
  readonly #code: ProgramCode
  readonly #environment: RunEnvironment
  readonly #arena: Arena | undefined
  /** Of what the program is part of. */
  readonly #kernel: Kernel
  /** Attachments and injections that were made. */
  #placed: (Attachment | Injection)[] = []
  /** Made when first asked for. */
  #source: ReadonlyMap<number, SourcePosition> | undefined

  constructor(
    loadable: LoadableProgram,
    verified: VerifiedProgram | undefined,
    code: ProgramCode,
    environment: RunEnvironment,
    arena: Arena | undefined,
    kernel: Kernel,
  ) {
    this.#kernel = kernel
    this.loadable = loadable
    this.verified = verified
    this.#code = code
    this.#environment = environment
    this.#arena = arena
  }

  get name(): string {
    return this.loadable.name
  }

  get type(): ProgramType {
    return this.loadable.type
  }

  /** The verifier's log; empty for a program that runs unchecked. */
  get log(): string {
    return this.verified?.log ?? ''
  }

  /**
   * Runs the program as BPF_PROG_TEST_RUN does. Linux has none for kprobe programs: here they run in any context of the
   * CPU, on registers of zeros or those of `ctx`.
   * @throws ErrnoError as BPF_PROG_TEST_RUN refuses context and data: EINVAL, E2BIG, ENODEV, ENOMEM
   * @throws HarenaError for a context (of the CPU) in which the program type does not run; for `trace` and `hook` on
   * an engine that was asked for and has none
   * @throws FaultError when it faults (unchecked programs only) or runs out of time
   */
  run(options: RunOptions = {}): RunResult {
    checkOpen(this.#kernel)
    if (options.trace !== undefined && options.hook !== undefined)
      throw new HarenaError('trace and hook exclude each other')
    const hook = options.trace === undefined ? options.hook : traceHook((slot) => this.#logText(slot), options.trace)
    const runnable =
      hook === undefined ? this.#code.main : this.#code.withHook(options.hook === undefined ? 'trace' : 'hook')
    const { integrity } = this.#kernel
    return blaming(integrity, () => testRun(this.#environment, runnable, options, this.#subject(hook)))
  }

  /** What the engine made of the program; undefined on the interpreter, which makes nothing of it. */
  translation(): Translation | undefined {
    checkOpen(this.#kernel)
    return this.#code.main.translation?.()
  }

  /** Gets the program ready for its first run, beside other work: the engine's translation, where it has one. */
  async ready(): Promise<void> {
    checkOpen(this.#kernel)
    await this.#code.main.ready?.()
  }

  /**
   * Runs the program, of type kprobe, whenever the simulated kernel passes this point (ATTACH_POINTS): on that CPU, in
   * that context, under the locks held there, on registers of zeros. What it faults with, and a lock that it would wait
   * for without end, reaches the caller of whoever passed; the machine cannot be gone on with then.
   * @throws HarenaError for a point that is not there, another program type, a sleepable program
   * @throws ErrnoError ENOMEM
   */
  attach(point: AttachPointName): Attachment {
    checkOpen(this.#kernel)
    const make = (): Attachment => new Attachment(this.#environment, this.#code.main, this.#subject(undefined), point)
    return this.#place(blaming(this.#kernel.integrity, make))
  }

  /**
   * Runs the program before steps of whatever else the machine does from here on: of other programs, of allocators, of
   * what user space asks for. An interrupt of the CPU at work, or something that another CPU does meanwhile; it runs to
   * its end, and nothing is injected into it. The machine is one made with `injection`.
   * @throws HarenaError for options that cannot be, and for a context in which the program does not run
   * @throws ErrnoError as `run` refuses context and data; ENOMEM
   */
  inject(options: InjectionOptions): Injection {
    checkOpen(this.#kernel)
    const make = (): Injection => new Injection(this.#environment, this.#code.main, this.#subject(undefined), options)
    return this.#place(blaming(this.#kernel.integrity, make))
  }

  /** Detaches it everywhere, and ends its injections: for objects that close. */
  withdraw(): void {
    for (const placed of this.#placed.splice(0)) {
      if (placed instanceof Attachment) placed.detach()
      else placed.end()
    }
  }

  #place<T extends Attachment | Injection>(placed: T): T {
    this.#placed = this.#placed.filter((before) => before.isLive)
    this.#placed.push(placed)
    return placed
  }

  #subject(hook: Hook | undefined): RunSubject {
    return {
      name: this.name,
      type: this.type,
      flags: this.loadable.flags,
      btf: this.loadable.btf,
      arena: this.#arena,
      maxContext: this.verified?.maxContext ?? 0,
      unchecked: this.verified === undefined,
      text: (slot) => llvmText(this.loadable.insns[slot]!),
      source: (slot) => this.#lines().get(slot),
      hook,
    }
  }

  #lines(): ReadonlyMap<number, SourcePosition> {
    this.#source ??= new Map(
      this.loadable.lines.map(({ slot, file, line, column }) => [slot, { file, line, column }] as const),
    )
    return this.#source
  }

  #logText(slot: number): string {
    const binding = this.loadable.bindings.get(slot)
    return kernelText(this.loadable.insns[slot]!, {
      helper: (id) => helperById(id)?.name,
      kfunc: () => (binding?.kind === 'kfunc' ? binding.prototype.name : undefined),
      address: () => {
        if (binding?.kind === 'map') return binding.map.address
        if (binding?.kind === 'alloc') return binding.alloc.address
        return binding?.kind === 'map-value' ? binding.map.valueAddress + BigInt(binding.offset) : undefined
      },
    })
  }
}
