/** A program loaded into the running kernel, and running it by BPF_PROG_TEST_RUN. It is never attached. */
import { ErrnoError, HarenaError, type VerifierStats } from '../errors/errors.ts'
import type { ProgramType } from '../program/types.ts'
import type { RunOptions } from '../vm/options.ts'
import { onCpu } from './affinity.ts'
import { type TestRunResult, testRun } from './bpf.ts'
import { refused } from './libc.ts'
import type { LinuxImage, LoadedProgram } from './load.ts'
import { unsupported } from './mapping.ts'
import type { LinuxOutput } from './output.ts'
import type { Descriptor } from './resources.ts'

/** What a run gives. The kernel hands out 32 bits of r0, and no duration for syscall programs. */
export interface LinuxRunResult {
  readonly retval: number
  /** Nanoseconds, the average of a run; undefined for syscall programs. */
  readonly durationNs: number | undefined
  /** The packet afterwards; undefined for syscall programs. */
  readonly data: Uint8Array | undefined
  /** The whole context afterwards, whatever the length of the one that was given; undefined where none was. */
  readonly ctx: Uint8Array | undefined
}

/** Room for the largest context that comes back, a struct __sk_buff of 192 bytes, to grow. */
const CONTEXT_ROOM = 512

/** Room behind a packet for what a program may put in front of it or behind. */
const PACKET_ROOM = 4096

export class LinuxProgram {
  readonly name: string
  readonly type: ProgramType
  /** The kernel's log. */
  readonly log: string
  /** Figures of the log's last lines, zero where the log level gives none. */
  readonly stats: VerifierStats
  readonly #descriptor: Descriptor
  readonly #output: LinuxOutput

  /** For the machine. */
  constructor(image: LinuxImage, loaded: LoadedProgram, descriptor: Descriptor, output: LinuxOutput) {
    this.name = image.name
    this.type = image.type
    this.log = loaded.log
    this.stats = loaded.stats
    this.#descriptor = descriptor
    this.#output = output
  }

  /** The descriptor, which is closed with the machine. @throws HarenaError when it is */
  get fd(): number {
    return this.#descriptor.fd
  }

  /**
   * Runs the program as BPF_PROG_TEST_RUN does, in a task; `timeoutMs` has no effect: a verified program ends by
   * itself. The context afterwards is written back into `ctx`.
   * @throws ErrnoError as the kernel refuses the context or the data
   */
  run(options: RunOptions = {}): LinuxRunResult {
    checkOptions(options)
    const { cpu, ctx } = options
    const syscall = this.type === 'syscall'
    this.#output.skip()
    const ran = onCpu(cpu, () => (syscall ? this.#runSyscall(options) : this.#runWithPacket(options)))
    this.#output.deliver(this.name)
    if (ctx !== undefined && ran.ctx !== undefined) ctx.set(ran.ctx.subarray(0, ctx.length))
    const durationNs = syscall ? undefined : ran.run.duration
    return { retval: ran.run.retval, durationNs, data: ran.data, ctx: ran.ctx }
  }

  /** The kernel repeats no syscall program: they are run one after the other on one context, as harena does. */
  #runSyscall(options: RunOptions): Ran {
    const { repeat = 1, ctx } = options
    const copy = ctx === undefined || ctx.length === 0 ? undefined : Uint8Array.from(ctx)
    if (options.data !== undefined)
      throw new ErrnoError('EINVAL', `program ${this.name}: a syscall program takes no data`)
    let run: TestRunResult | undefined
    for (let done = 0; done < repeat; done++) {
      run = testRun({ fd: this.fd, repeat: 0, ctx: copy, ctxOut: undefined, data: undefined, dataOut: undefined })
      this.#check(run)
    }
    if (run === undefined) throw new HarenaError(`repeat is a count from 1, not ${repeat}`)
    return { run, ctx: copy, data: undefined }
  }

  #runWithPacket({ ctx, data, repeat = 1 }: RunOptions): Ran {
    const given = ctx === undefined || ctx.length === 0 ? undefined : ctx
    const ctxOut = given === undefined ? undefined : new Uint8Array(CONTEXT_ROOM)
    const dataOut = data === undefined ? undefined : new Uint8Array(data.length + PACKET_ROOM)
    const run = testRun({ fd: this.fd, repeat, ctx: given, ctxOut, data, dataOut })
    this.#check(run)
    return { run, ctx: ctxOut?.subarray(0, run.ctxSize), data: dataOut?.subarray(0, run.dataSize) }
  }

  #check(run: TestRunResult): void {
    if (run.result < 0) throw refused(run.result, `program ${this.name}: the kernel does not run it`)
  }
}

interface Ran {
  readonly run: TestRunResult
  readonly ctx: Uint8Array | undefined
  readonly data: Uint8Array | undefined
}

/** What only a simulated machine can do is refused by name. */
function checkOptions(options: RunOptions): void {
  const { context = 'task', repeat = 1 } = options
  if (context !== 'task') throw unsupported(`run a program in the context ${context}`)
  if (options.trace !== undefined) throw unsupported('trace instructions')
  if (options.hook !== undefined) throw unsupported('call a hook before each instruction')
  if (!Number.isInteger(repeat) || repeat < 1) throw new HarenaError(`repeat is a count from 1, not ${repeat}`)
}
