/** Modules are compiled once for the same bytes, and not kept without end. */

import { describe, expect, test, vi } from 'vitest'
import { HarenaError, InternalError } from '../errors/errors.ts'
import { assemble, Machine } from '../index.ts'
import { compiledModule, ModuleCache, refused } from './module-cache.ts'
import { WasmModule } from './wasm/module.ts'
import { I32 } from './wasm/opcodes.ts'

/** A module that differs from others by a number; all of the same length where it is below 64. */
function bytesOf(n: number): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  module.exportFunction(
    'f',
    module.define('f', { params: [], results: [I32] }, (w) => w.i32(n)),
  )
  return module.encode()
}

const answer = (module: WebAssembly.Module): unknown =>
  (new WebAssembly.Instance(module).exports as { f: () => number }).f()

const compile = (bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module => new WebAssembly.Module(bytes)

describe('the cache', () => {
  test('compiles the same bytes once', () => {
    const cache = new ModuleCache()
    const compiled = vi.fn(compile)
    const first = cache.get(bytesOf(1), compiled)
    expect(cache.get(bytesOf(1), compiled)).toBe(first)
    expect(answer(cache.get(bytesOf(2), compiled))).toBe(2)
    expect(cache.get(bytesOf(1), compiled)).toBe(first)
    expect([compiled.mock.calls.length, cache.size]).toEqual([2, 2])
  })

  test('drops what was not used for longest', () => {
    const cache = new ModuleCache({ modules: 2, bytes: 10_000 })
    const compiled = vi.fn(compile)
    for (const n of [1, 2, 1, 3, 1]) expect(answer(cache.get(bytesOf(n), compiled))).toBe(n)
    expect([compiled.mock.calls.length, cache.size]).toEqual([3, 2])
    // 2 went when 3 came.
    cache.get(bytesOf(2), compiled)
    expect(compiled).toHaveBeenCalledTimes(4)
  })

  test('keeps so many bytes at most', () => {
    const size = bytesOf(1).length
    const cache = new ModuleCache({ modules: 100, bytes: 3 * size })
    for (let n = 0; n < 10; n++) cache.get(bytesOf(n), compile)
    expect(cache.size).toBe(3)
    const none = new ModuleCache({ modules: 100, bytes: size - 1 })
    expect(answer(none.get(bytesOf(7), compile))).toBe(7)
    expect(none.size).toBe(0)
  })

  test('bytes that are another module with the same hash are compiled', () => {
    const cache = new ModuleCache(undefined, () => 0)
    expect([1, 2, 1].map((n) => answer(cache.get(bytesOf(n), compile)))).toEqual([1, 2, 1])
    expect(cache.size).toBe(1)
  })

  test('what was made beside other work is kept too', async () => {
    const cache = new ModuleCache()
    const asynchronous = vi.fn((bytes: Uint8Array<ArrayBuffer>) => WebAssembly.compile(bytes))
    const first = await cache.getAsync(bytesOf(1), asynchronous)
    expect(await cache.getAsync(bytesOf(1), asynchronous)).toBe(first)
    expect(cache.get(bytesOf(1), compile)).toBe(first)
    expect(asynchronous).toHaveBeenCalledTimes(1)
  })
})

test('a program on a second machine is not compiled again', () => {
  // All tests of a process share the cache: the number keeps this program apart from those of other files.
  const source = assemble(`
    .global g: u64 = 70
    .program main type=syscall
    r1 = g ll
    r0 = *(u64 *)(r1 + 0)
    r0 ^= 0x2c64cac3
    exit
  `)
  const result = 70 ^ 0x2c64cac3
  const spy = vi.spyOn(WebAssembly, 'Module')
  try {
    const results = [1, 1, 2].map((seed) => {
      const machine = new Machine({ engine: 'jit', seed })
      const { retval } = machine.load(source).program('main').run()
      machine.close()
      return [retval, spy.mock.calls.length]
    })
    // Addresses follow from the seed, but those of kernel memory are the same for all.
    expect(results).toEqual([
      [result, 1],
      [result, 1],
      [result, 1],
    ])
  } finally {
    spy.mockRestore()
  }
})

describe('what the host does not take', () => {
  const wrong = new WebAssembly.CompileError('function body too large')

  test('of a large program is a limit, which says what to do', () => {
    const error = refused(new Uint8Array(9 * 2 ** 20), wrong)
    expect(error).toBeInstanceOf(HarenaError)
    expect(String(error)).toContain(
      'too large for this host to compile (9 MiB of WebAssembly: function body too large)',
    )
  })

  test('of a small one is a mistake of the compiler', () => {
    expect(refused(new Uint8Array(8), wrong)).toBeInstanceOf(InternalError)
    expect(() => compiledModule(Uint8Array.of(0, 1, 2), false)).toThrow(InternalError)
    const other = new Error('x')
    expect(refused(new Uint8Array(8), other)).toBe(other)
  })
})
