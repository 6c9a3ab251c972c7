/**
 * Compiled modules by their bytes, so that a program loaded again is not compiled again. Addresses follow from the
 * machine's seed, so the same program on a fresh machine is the same module.
 */

/** Modules kept. */
const CAPACITY = 256

interface Entry {
  readonly bytes: Uint8Array
  readonly module: WebAssembly.Module
}

/** By hash; in order of use, the oldest first. */
const cache: Map<number, Entry> = new Map()

/** The module of these bytes. @throws WebAssembly.CompileError for a module that is none: our mistake */
export function compiledModule(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const key = hash(bytes)
  const found = cache.get(key)
  if (found !== undefined && same(found.bytes, bytes)) {
    cache.delete(key)
    cache.set(key, found)
    return found.module
  }
  const module = new WebAssembly.Module(bytes)
  cache.set(key, { bytes, module })
  if (cache.size > CAPACITY) cache.delete(cache.keys().next().value!)
  return module
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

/** FNV-1a. */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5 | 0
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return value
}
