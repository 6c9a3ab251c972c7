/** For tests: runs lists of instructions on an engine without a machine around them. */
import { Arena } from '../arena/arena.ts'
import { llvmText } from '../isa/disasm-llvm.ts'
import { build, type Fields, type Instruction, secondHalf } from '../isa/instruction.ts'
import { Kind, rowNamed } from '../isa/table.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { toBigUint } from '../memory/int64.ts'
import { Access, type LoadableProgram, SlotFlag, type VerifiedProgram } from '../program/loadable.ts'
import { MAP_FLAGS, PAGE_SIZE, type ProgramType } from '../program/types.ts'
import type { Engine } from './engine.ts'
import { interpreter } from './interpreter-engine.ts'
import { RunAreas } from './run-areas.ts'
import {
  FRAME_BYTES,
  type Hook,
  makeRunState,
  type Native,
  type PacketArea,
  type RunState,
  STACK_BYTES,
  type Watch,
} from './state.ts'

/** The instruction called `name` in the table. */
export function op(name: string, fields: Fields = {}): Instruction {
  return build(rowNamed(name), fields)
}

/** Both slots of a 64-bit immediate. */
export function wide(dst: number, value: bigint): Instruction[] {
  const imm2 = Number(BigInt.asIntN(32, value >> 32n))
  return [op('ld_imm64', { dst, imm: Number(BigInt.asIntN(32, value)), imm2 }), secondHalf(imm2)]
}

export function loadable(insns: readonly Instruction[], fields: Partial<LoadableProgram> = {}): LoadableProgram {
  return {
    name: 'test',
    type: 'syscall',
    flags: 0,
    license: 'GPL',
    insns,
    bindings: new Map(),
    subprograms: [],
    lines: [],
    btf: undefined,
    ...fields,
  }
}

export interface FixtureRun {
  /** r1, r2, … as unsigned numbers. */
  readonly args?: readonly bigint[]
  readonly verified?: VerifiedProgram | undefined
  readonly helpers?: Readonly<Record<number, Native>>
  readonly hook?: Hook
  readonly watch?: Watch
  readonly packet?: PacketArea
  /** Default `syscall`. */
  readonly type?: ProgramType
  /** Registers are wanted at the exit, which is the last instruction and the only one. */
  readonly registers?: boolean
  /** Default the fixture's. */
  readonly engine?: Engine
}

export interface Outcome {
  readonly r0: bigint
  /** Registers 0 to 9 at the exit; r0 alone where they were not wanted. */
  readonly registers: readonly bigint[]
  readonly state: RunState
}

/** A VerifiedProgram before it is sealed; sealing is the tests' business. */
type Facts = Omit<VerifiedProgram, never> extends infer T ? { [K in Extract<keyof T, string>]: T[K] } : never

/** What a verifier would say of `insns`: every slot seen, every access to one memory. */
export function facts(
  insns: readonly Instruction[],
  access: Access = Access.NONE,
  narrow: readonly number[] = [],
): Facts {
  const program = loadable(insns)
  return {
    program,
    access: Uint8Array.from(insns, ({ row }) => (ACCESSES.has(row.kind) ? access : Access.NONE)),
    flags: Uint8Array.from(insns, (_, slot) => SlotFlag.SEEN | (narrow.includes(slot) ? SlotFlag.NARROW : 0)),
    subprograms: [],
    arena: undefined,
    maxContext: 0,
    log: '',
    stats: { processed: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepth: '0' },
  }
}

/** A helper that is told where the registers are; it does nothing, which no engine can know. */
const SHOW = 4000

/** Puts r0 to r9 at the lower end of the frame, where they have to be as the helper might look at them. */
const STORES: readonly Instruction[] = [
  ...Array.from({ length: 10 }, (_, n) => op('stx_u64', { dst: 10, src: n, off: 8 * n - FRAME_BYTES })),
  op('mov64_reg', { dst: 1, src: 10 }),
  op('add64_imm', { dst: 1, imm: -FRAME_BYTES }),
  op('call_helper', { imm: SHOW }),
  op('ldx_u64', { dst: 0, src: 10, off: -FRAME_BYTES }),
]

/** The facts of a program with STORES in front of its exit. */
function showing(verified: VerifiedProgram | undefined): VerifiedProgram | undefined {
  if (verified === undefined) return undefined
  const tags = STORES.map(({ row }) => (ACCESSES.has(row.kind) ? Access.KERNEL : Access.NONE))
  const access = [...verified.access.subarray(0, -1), ...tags, Access.NONE]
  const flags = [...verified.flags, ...STORES.map(() => SlotFlag.SEEN)]
  return { ...verified, access: Uint8Array.from(access), flags: Uint8Array.from(flags) }
}

const ACCESSES: ReadonlySet<Kind> = new Set([
  Kind.LDX,
  Kind.LDXSX,
  Kind.ST,
  Kind.STX,
  Kind.ATOMIC,
  Kind.LOAD_ACQUIRE,
  Kind.STORE_RELEASE,
])

export interface FixtureArena {
  readonly base: bigint
  readonly pages: number
  readonly flags?: number
}

/** A memory, a stack, a page of kernel memory and, where asked for, an arena. */
export class Fixture {
  readonly kernel: Kernel = makeKernel()
  readonly arena: Arena | undefined
  readonly stack: number
  /** Offset of a page of kernel memory; the one behind it is not allocated. */
  readonly page: number

  readonly areas: RunAreas

  /** What runs programs where a run does not say. */
  readonly #engine: Engine

  constructor(arena?: FixtureArena, engine: Engine = interpreter) {
    this.#engine = engine
    this.areas = new RunAreas(this.kernel)
    const { pages } = this.kernel
    this.stack = pages.allocBytes(STACK_BYTES, PageOwner.STACK)
    // Three pages are the first three of a block of four.
    this.page = pages.allocPages(3, PageOwner.OTHER) + 2 * PAGE_SIZE
    if (arena === undefined) return
    const flags = MAP_FLAGS.mmapable | (arena.flags ?? 0)
    const spec = { name: 'arena', keySize: 0, valueSize: 0, maxEntries: arena.pages, flags, extra: arena.base }
    this.arena = new Arena(spec, { kernel: this.kernel, random: () => 1 })
  }

  run(program: readonly Instruction[], options: FixtureRun = {}): Outcome {
    const { arena } = this
    const shown = options.registers === true
    // An engine keeps registers where it likes: the program itself puts them into its frame.
    const insns = shown ? [...program.slice(0, -1), ...STORES, op('exit')] : program
    const runnable = (options.engine ?? this.#engine).prepare({
      program: loadable(insns, options.type === undefined ? {} : { type: options.type }),
      verified: shown ? showing(options.verified) : options.verified,
      userHigh: arena?.castHigh ?? 0,
      kernel: this.kernel.memory,
      arena,
      areas: this.areas,
      helper: (id) => (id === SHOW ? () => undefined : options.helpers?.[id]),
      kfunc: () => undefined,
    })
    const state = makeRunState({
      program: 'test',
      cpu: 0,
      kernel: this.kernel.memory,
      pages: this.kernel.pages,
      arena,
      packet: options.packet,
      stackTop: this.stack + STACK_BYTES,
      watch: options.watch ?? { now: () => 0, deadline: Infinity },
      hook: options.hook,
      text: (slot) => llvmText(insns[slot]!),
    })
    const args = (options.args ?? []).flatMap((value) => [
      Number(BigInt.asIntN(32, value)),
      Number(BigInt.asIntN(32, value >> 32n)),
    ])
    runnable.run(state, args)
    const r0 = toBigUint(state.r0Low, state.r0High)
    const { i32 } = this.kernel.memory
    const saved = (n: number): number => (this.stack + STACK_BYTES - FRAME_BYTES) / 4 + 2 * n
    const registers = shown ? Array.from({ length: 10 }, (_, n) => toBigUint(i32[saved(n)]!, i32[saved(n) + 1]!)) : [r0]
    return { r0, registers, state }
  }

  close(): void {
    this.arena?.close()
    closeKernel(this.kernel)
  }
}
