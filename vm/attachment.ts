/**
 * A kprobe program attached to a point of the simulated kernel (cpu/points.ts). It runs whenever somebody passes: on
 * that CPU, in that context, under the locks that are held there.
 *
 * Nothing is allocated when it runs, as the allocators may be the ones that pass: it brings a stack for each CPU, and
 * one context for all of them, which programs can only read.
 */
import { ATTACH_POINTS, type AttachPointName } from '../cpu/points.ts'
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { PROGRAM_FLAGS } from '../program/types.ts'
import type { Runnable } from './engine.ts'
import { allocateStack, type RunEnvironment, type RunSubject, runOnce } from './run.ts'
import type { RunInput } from './run-input.ts'
import { registersSize } from './run-kprobe.ts'
import { STACK_BYTES } from './state.ts'

export class Attachment {
  readonly point: AttachPointName
  /** Name of the program. */
  readonly program: string
  readonly #environment: RunEnvironment
  readonly #runnable: Runnable
  readonly #subject: RunSubject
  readonly #input: RunInput
  /** The context, and a stack for each CPU. */
  readonly #areas: readonly number[]
  readonly #before: number
  readonly #end: () => void
  #missed = 0
  #runs = 0
  /** Runs that are on the JavaScript stack. */
  #running = 0
  #attached = true

  /** For programs. @throws HarenaError, ErrnoError (see Program.attach) */
  constructor(environment: RunEnvironment, runnable: Runnable, subject: RunSubject, point: string) {
    const { kernel } = environment.services
    const { points, cpus } = kernel.processors
    this.point = pointNamed(point)
    checkAttachable(subject)
    this.program = subject.name
    this.#environment = environment
    this.#runnable = runnable
    this.#subject = subject
    this.#areas = takeAreas(environment, subject.name, cpus.length + 1)
    const ctx = this.#areas[0]!
    kernel.memory.u8.fill(0, ctx, ctx + registersSize())
    this.#input = {
      args: [ctx | 0, KERNEL_HIGH],
      packet: undefined,
      context: undefined,
      results: () => ({ data: undefined, ctx: undefined }),
      release: () => undefined,
    }
    this.#before = points.get(this.point).missed
    this.#end = points.attach(this.point, () => this.#hit())
    environment.attachments.add(this)
  }

  /** Whether it was not detached yet. */
  get isLive(): boolean {
    return this.#attached
  }

  /** How often the program has run here. */
  get runs(): number {
    return this.#runs
  }

  /** Hits at which the program did not run, as an attached program was running on that CPU already. */
  get misses(): number {
    if (!this.#attached) return this.#missed
    return this.#environment.services.kernel.processors.points.get(this.point).missed - this.#before
  }

  /** The program does not run here any more. A second call does nothing. */
  detach(): void {
    if (!this.#attached) return
    this.#missed = this.misses
    this.#attached = false
    this.#end()
    this.#environment.attachments.delete(this)
    this.#giveBack()
  }

  [Symbol.dispose](): void {
    this.detach()
  }

  #hit(): void {
    const { processors } = this.#environment.services.kernel
    const { id, context } = processors.current
    this.#runs++
    this.#running++
    processors.enter(`attach point ${this.point}`)
    try {
      runOnce(this.#environment, this.#runnable, this.#subject, this.#input, {
        cpu: id,
        context,
        stack: this.#areas[id + 1]!,
      })
    } finally {
      processors.leave()
      this.#running--
      if (!this.#attached) this.#giveBack()
    }
  }

  /** Only where no run is left: a listener of the host may detach the program that it was called from. */
  #giveBack(): void {
    if (this.#running === 0) this.#environment.stacks.push(...this.#areas)
  }
}

/** The point of this name. @throws HarenaError that tells what there is */
function pointNamed(name: string): AttachPointName {
  const found = ATTACH_POINTS.find((point) => point === name)
  if (found !== undefined) return found
  const near = nearest(String(name), ATTACH_POINTS)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  throw new HarenaError(`there is no attach point ${name}${hint} (there are ${ATTACH_POINTS.join(', ')})`)
}

/** Whoever passes may not sleep, so that the program may not either (on Linux: EINVAL). */
function checkAttachable({ name, type, flags }: RunSubject): void {
  if (type !== 'kprobe') throw new HarenaError(`program ${name}: only kprobe programs are attached, not ${type} ones`)
  if ((flags & PROGRAM_FLAGS.sleepable) !== 0)
    throw new HarenaError(`program ${name}: a sleepable program is attached nowhere`)
}

/**
 * Stacks that nothing runs on, but for the last one, which is for the next run: to allocate one then would set off what
 * is attached, outside of all that is simulated.
 */
function takeAreas({ services, stacks }: RunEnvironment, name: string, count: number): readonly number[] {
  const areas: number[] = []
  try {
    if (stacks.length === 0) stacks.push(allocateStack(services, name))
    while (areas.length < count) areas.push(stacks.length > 1 ? stacks.pop()! : allocateStack(services, name))
  } catch (error) {
    for (const area of areas) services.kernel.pages.freeBytes(area, STACK_BYTES)
    throw error
  }
  return areas
}
