/**
 * What a machine must give back: descriptors, mappings, its trace buffer. Closed with the machine, or when nobody holds
 * the machine any more. So nothing in here may lead back to the machine or to its handles.
 */
import { closeSync } from 'node:fs'
import { HarenaError } from '../errors/errors.ts'

export interface Resource {
  /** A second call does nothing. `why`: what is closed, default the machine. */
  close(why?: string): void
}

/** In the order of making; closed from the last to the first. */
export class Resources {
  #resources: Resource[] = []
  #closed = false

  get closed(): boolean {
    return this.#closed
  }

  /** @throws HarenaError when the machine is closed */
  assertOpen(): void {
    if (this.#closed) throw new HarenaError('the machine is closed')
  }

  add<T extends Resource>(resource: T): T {
    this.assertOpen()
    this.#resources.push(resource)
    return resource
  }

  /** How many there are: a mark to come back to. */
  get count(): number {
    return this.#resources.length
  }

  /** What was added since there were `count`, for `closeAll`. */
  since(count: number): readonly Resource[] {
    return this.#resources.slice(count)
  }

  /** Closes some of them before the others, for `why`. */
  closeAll(resources: readonly Resource[], why: string): void {
    const closing = new Set(resources.filter((resource) => this.#resources.includes(resource)))
    this.#resources = this.#resources.filter((resource) => !closing.has(resource))
    for (const resource of [...closing].reverse()) resource.close(why)
  }

  /** Closes what was added since there were `count`. */
  closeSince(count: number): void {
    for (const resource of this.#resources.splice(count).reverse()) resource.close()
  }

  close(): void {
    this.#closed = true
    this.closeSince(0)
  }
}

/** A file descriptor, of a map or a program. */
export class Descriptor implements Resource {
  readonly #fd: number
  #closed: string | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  /** @throws HarenaError when the machine, or the object, is closed */
  get fd(): number {
    if (this.#closed !== undefined) throw new HarenaError(`${this.#closed} is closed`)
    return this.#fd
  }

  close(why = 'the machine'): void {
    if (this.#closed !== undefined) return
    this.#closed = why
    closeSync(this.#fd)
  }
}

const forgotten: FinalizationRegistry<Resources> = new FinalizationRegistry((resources) => resources.close())

export function closeWhenForgotten(owner: object, resources: Resources): void {
  forgotten.register(owner, resources)
}
