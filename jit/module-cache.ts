/**
 * Compiled modules by their bytes, so that a program loaded again is not compiled again. Addresses follow from the
 * machine's seed, so the same program on a fresh machine is the same module.
 */
import { HarenaError, InternalError } from '../errors/errors.ts'
import { compileModule } from './host.ts'

/** What is kept at most: modules, and bytes of them in all. */
export interface CacheLimits {
  readonly modules: number
  readonly bytes: number
}

const LIMITS: CacheLimits = { modules: 256, bytes: 32 * 2 ** 20 }

interface Entry {
  readonly bytes: Uint8Array
  readonly module: WebAssembly.Module
}

export class ModuleCache {
  readonly #limits: CacheLimits
  readonly #hash: (bytes: Uint8Array) => number
  /** By hash; in order of use, the oldest first. */
  readonly #entries: Map<number, Entry> = new Map()
  #bytes = 0

  constructor(limits: CacheLimits = LIMITS, hash: (bytes: Uint8Array) => number = fnv1a) {
    this.#limits = limits
    this.#hash = hash
  }

  /** Modules kept. */
  get size(): number {
    return this.#entries.size
  }

  /** The module of these bytes; `compile` makes it where it is not kept. */
  get(
    bytes: Uint8Array<ArrayBuffer>,
    compile: (bytes: Uint8Array<ArrayBuffer>) => WebAssembly.Module,
  ): WebAssembly.Module {
    const key = this.#hash(bytes)
    const found = this.#find(key, bytes)
    if (found !== undefined) return found
    const module = compile(bytes)
    this.#keep(key, bytes, module)
    return module
  }

  /** The same with a promise. */
  async getAsync(
    bytes: Uint8Array<ArrayBuffer>,
    compile: (bytes: Uint8Array<ArrayBuffer>) => Promise<WebAssembly.Module>,
  ): Promise<WebAssembly.Module> {
    const key = this.#hash(bytes)
    const found = this.#find(key, bytes)
    if (found !== undefined) return found
    const module = await compile(bytes)
    this.#keep(key, bytes, module)
    return module
  }

  #find(key: number, bytes: Uint8Array): WebAssembly.Module | undefined {
    const found = this.#entries.get(key)
    if (found === undefined || !same(found.bytes, bytes)) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, found)
    return found.module
  }

  #keep(key: number, bytes: Uint8Array, module: WebAssembly.Module): void {
    this.#drop(key)
    this.#entries.set(key, { bytes, module })
    this.#bytes += bytes.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.modules && this.#bytes <= this.#limits.bytes) break
      this.#drop(oldest)
    }
  }

  #drop(key: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes.length
  }
}

/** All machines of the process share it. */
const cache: ModuleCache = new ModuleCache()

/** The module of these bytes. @throws HarenaError where the program is too large for the host */
export function compiledModule(bytes: Uint8Array<ArrayBuffer>, loops: boolean): WebAssembly.Module {
  return cache.get(bytes, (fresh) => {
    try {
      return compileModule(fresh, loops)
    } catch (error) {
      throw refused(fresh, error)
    }
  })
}

/** The same beside other work of the thread; V8's switches stay as they are, since that work would feel them. */
export function compiledModuleAsync(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return cache.getAsync(bytes, async (fresh) => {
    try {
      return await WebAssembly.compile(fresh)
    } catch (error) {
      throw refused(fresh, error)
    }
  })
}

/** Hosts limit functions, their number and whole modules (V8: 7.6 MB, a million, 1 GB); no small module comes near. */
const LARGE = 2 ** 20

/** What to throw for a module that the host does not take. */
export function refused(bytes: Uint8Array, error: unknown): unknown {
  if (!(error instanceof WebAssembly.CompileError)) return error
  const { message } = error
  if (bytes.length < LARGE) return new InternalError(`a compiled program is no module: ${message}`)
  const size = `${Math.round(bytes.length / 2 ** 20)} MiB of WebAssembly`
  return new HarenaError(
    `the program is too large for this host to compile (${size}: ${message}); the interpreter runs it`,
  )
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

function fnv1a(bytes: Uint8Array): number {
  let value = 0x811c9dc5 | 0
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return value
}
