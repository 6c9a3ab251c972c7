/**
 * Input of kprobe programs: struct pt_regs, the registers of whoever hit the probe. Nobody has registers here, so that
 * they are zeros, or what the caller gives. Linux has no test run for this program type: the rules are harena's own,
 * after those of other contexts that are structs.
 */
import { InternalError } from '../errors/errors.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { contextLayout } from '../program/contexts.ts'
import type { RunOptions } from './options.ts'
import { allocateInput, copyOut, invalid, type RunInput, structGiven } from './run-input.ts'
import type { Services } from './services.ts'

/** Bytes of struct pt_regs. */
export function registersSize(): number {
  const layout = contextLayout('kprobe')
  if (layout === undefined) throw new InternalError('kprobe programs have no context')
  return layout.size
}

/** @throws ErrnoError EINVAL for a packet, E2BIG for more than the struct */
export function kprobeInput(services: Services, options: RunOptions, name: string): RunInput {
  if (options.data !== undefined) throw invalid(name, 'a kprobe program takes no data')
  const size = registersSize()
  const given = structGiven(name, options, size)
  const { memory, pages } = services.kernel
  const at = allocateInput(services, size, name)
  if (given !== undefined) memory.u8.set(new Uint8Array(given.buffer), at)
  return {
    args: [at | 0, KERNEL_HIGH],
    packet: undefined,
    context: undefined,
    results: () => ({ data: undefined, ctx: given === undefined ? undefined : copyOut(memory, at, at + size) }),
    release: () => pages.freeBytes(at, size),
  }
}
