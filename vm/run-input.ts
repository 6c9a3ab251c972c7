/**
 * What one BPF_PROG_TEST_RUN hands to a program and takes back, whatever the program type; and the rules for contexts
 * that are structs of fields. Source: Linux 6.18, observed.
 */
import { ErrnoError } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { Memory } from '../memory/memory.ts'
import type { RunOptions } from './options.ts'
import type { Services } from './services.ts'
import type { ContextArea, PacketArea } from './state.ts'

/** Context and packet in kernel memory, for as long as a run takes. */
export interface RunInput {
  /** Halves of r1, r2, …; none for a context that is NULL. */
  readonly args: readonly number[]
  /** What LD_ABS reads. */
  readonly packet: PacketArea | undefined
  /** For unverified programs: a context of fields. */
  readonly context: ContextArea | undefined
  /** What comes out, after the last run. */
  results(): RunOutput
  /** Gives the memory back. */
  release(): void
}

export interface RunOutput {
  readonly data: Uint8Array | undefined
  readonly ctx: Uint8Array | undefined
}

/** Index of the loopback device, the only one that there is. */
export const LOOPBACK = 1

/** Bytes of an Ethernet header. */
export const ETHERNET_HEADER = 14

/** Largest context that is looked at; what lies behind the struct must be zero. */
const MOST_CONTEXT = 4096

export function invalid(program: string, why: string): ErrnoError {
  return new ErrnoError('EINVAL', `program ${program}: ${why}`)
}

/**
 * The context that was given, as a struct of `size` bytes: a shorter one is filled with zeros.
 * Undefined when there is none, or none of any length. @throws ErrnoError E2BIG
 */
export function structGiven(program: string, options: RunOptions, size: number): DataView | undefined {
  const { ctx } = options
  if (ctx === undefined || ctx.length === 0) return undefined
  if (ctx.length > MOST_CONTEXT) {
    throw new ErrnoError('E2BIG', `program ${program}: a context of ${ctx.length} bytes is over ${MOST_CONTEXT}`)
  }
  const beyond = ctx.subarray(size).findIndex((byte) => byte !== 0)
  if (beyond >= 0) {
    const at = size + beyond
    throw new ErrnoError('E2BIG', `program ${program}: byte ${at} of the context lies behind its ${size} and is not 0`)
  }
  const bytes = new Uint8Array(size)
  bytes.set(ctx.subarray(0, size))
  return new DataView(bytes.buffer)
}

/** Zeroed kernel memory for contexts and packets. @throws ErrnoError ENOMEM */
export function allocateInput(services: Services, bytes: number, program: string): number {
  const at = services.kernel.pages.allocBytes(bytes, PageOwner.CONTEXT)
  if (at === 0) throw new ErrnoError('ENOMEM', `program ${program}: no memory for ${bytes} bytes`)
  return at
}

/** A copy of `[from, to)`. */
export function copyOut(memory: Memory, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from)
  bytes.set(memory.u8.subarray(from, to))
  return bytes
}
