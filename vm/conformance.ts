/**
 * Running raw instructions the way the bpf_conformance suite expects: not verified, r1 the address of the memory and
 * r2 its length (both 0 when it is empty), r0 the result.
 */
import { InternalError } from '../errors/errors.ts'
import { llvmText } from '../isa/disasm-llvm.ts'
import { decode, type Instruction } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { firstFlaw, renderFlaw } from '../isa/validate.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { LoadableProgram } from '../program/loadable.ts'
import type { Engine } from './engine.ts'
import { interpreter } from './interpreter-engine.ts'
import { InvalidProgramError } from './invalid-program.ts'
import { RunAreas } from './run-areas.ts'
import { makeRunState, STACK_BYTES, type Watch } from './state.ts'

export interface ConformanceOptions {
  readonly engine?: Engine
  /** Default: ten seconds of the host's clock. */
  readonly watch?: Watch
}

const TIMEOUT_MS = 10_000

function tenSeconds(): Watch {
  return { now: () => performance.now(), deadline: performance.now() + TIMEOUT_MS }
}

/**
 * Gives r0 (unsigned) at the exit of a raw program.
 * @throws RangeError when the bytes are no whole number of instructions, InvalidProgramError when they are no
 * well-formed program, FaultError when the program leaves its memory or runs out of time.
 */
export function runConformance(
  programBytes: Uint8Array,
  memoryBytes: Uint8Array,
  options: ConformanceOptions = {},
): bigint {
  const insns = decode(programBytes)
  const flaw = firstFlaw(insns)
  if (flaw !== undefined) throw new InvalidProgramError(renderFlaw(flaw), flaw.slot)
  const call = insns.findIndex(({ row }) => row.kind === Kind.CALL_HELPER || row.kind === Kind.CALL_KFUNC)
  if (call >= 0) throw new InvalidProgramError(`instruction ${call}: there are no helpers to call here`, call)
  const kernel = makeKernel()
  try {
    return runIn(kernel, insns, memoryBytes, options)
  } finally {
    closeKernel(kernel)
  }
}

function runIn(kernel: Kernel, insns: readonly Instruction[], bytes: Uint8Array, options: ConformanceOptions): bigint {
  const stack = kernel.pages.allocBytes(STACK_BYTES, PageOwner.STACK)
  const at = bytes.length === 0 ? 0 : kernel.pages.allocBytes(bytes.length, PageOwner.CONTEXT)
  if (stack === 0 || (at === 0 && bytes.length > 0)) throw new InternalError('a fresh kernel memory has no pages')
  kernel.memory.u8.set(bytes, at)
  const runnable = (options.engine ?? interpreter).prepare({
    program: rawProgram(insns),
    verified: undefined,
    userHigh: 0,
    kernel: kernel.memory,
    arena: undefined,
    areas: new RunAreas(kernel),
    helper: () => undefined,
    kfunc: () => undefined,
  })
  const state = makeRunState({
    program: 'conformance',
    cpu: 0,
    kernel: kernel.memory,
    pages: kernel.pages,
    arena: undefined,
    stackTop: stack + STACK_BYTES,
    watch: options.watch ?? tenSeconds(),
    text: (slot) => llvmText(insns[slot]!),
  })
  runnable.run(state, bytes.length === 0 ? [] : [at | 0, KERNEL_HIGH, bytes.length, 0])
  return toBigUint(state.r0Low, state.r0High)
}

function rawProgram(insns: readonly Instruction[]): LoadableProgram {
  return {
    name: 'conformance',
    type: 'syscall',
    flags: 0,
    license: '',
    insns,
    bindings: new Map(),
    subprograms: [],
    lines: [],
    btf: undefined,
  }
}
