/**
 * Input of syscall programs: the context is so many bytes of memory, copied in and back. Source: Linux 6.18, observed.
 */
import { KERNEL_HIGH } from '../memory/memory.ts'
import type { RunOptions } from './options.ts'
import { allocateInput, copyOut, invalid, type RunInput } from './run-input.ts'
import type { Services } from './services.ts'

/** Largest context of a syscall program. */
const MAX_CONTEXT = 65_535

const NO_BYTES = new Uint8Array()

/** `maxContext`: bytes of context that the program may access. @throws ErrnoError EINVAL */
export function syscallInput(services: Services, options: RunOptions, name: string, maxContext: number): RunInput {
  if (options.data !== undefined) throw invalid(name, 'a syscall program takes no data')
  const { ctx = NO_BYTES } = options
  if (ctx.length > MAX_CONTEXT) throw invalid(name, `a context of ${ctx.length} bytes is over ${MAX_CONTEXT}`)
  if (ctx.length < maxContext) throw invalid(name, `it uses ${maxContext} bytes of context and gets ${ctx.length}`)
  const { memory, pages } = services.kernel
  // A context of no bytes is NULL.
  if (ctx.length === 0) {
    return { args: [], packet: undefined, context: undefined, results: nothing, release: () => undefined }
  }
  const at = allocateInput(services, ctx.length, name)
  memory.u8.set(ctx, at)
  return {
    args: [at | 0, KERNEL_HIGH],
    packet: undefined,
    context: undefined,
    results: () => ({ data: undefined, ctx: copyOut(memory, at, at + ctx.length) }),
    release: () => pages.freeBytes(at, ctx.length),
  }
}

function nothing(): { data: undefined; ctx: undefined } {
  return { data: undefined, ctx: undefined }
}
