/** What is asked of the host, with answers of hosts that are not this one. */
import { describe, expect, test, vi } from 'vitest'
import { compileModule, hostLacks, hostToggle, type Validate } from './host.ts'
import { WasmModule } from './wasm/module.ts'
import { I32 } from './wasm/opcodes.ts'

/** A host that refuses modules with something in them. */
const without =
  (...has: readonly ((bytes: Uint8Array) => boolean)[]): Validate =>
  (bytes) =>
    !has.some((test) => test(bytes))

const atomic = (bytes: Uint8Array): boolean => bytes.some((byte, at) => byte === 0xfe && bytes[at + 1] === 0x10)
const shared = (bytes: Uint8Array): boolean => {
  // Flags of the limits behind the name of the first memory, `a`, and the kind of import.
  const at = bytes.findIndex((_, n) => bytes[n] === 1 && bytes[n + 1] === 0x61 && bytes[n + 2] === 2)
  return bytes[at + 3] === 3
}

describe('what a host lacks', () => {
  test('this one nothing', () => expect(hostLacks()).toBeUndefined())

  test.each([
    ['anything', undefined, 'this host has no WebAssembly'],
    ['memories', () => false, 'WebAssembly of this host lacks memories beside each other (multi-memory)'],
    ['atomics', without(atomic), 'WebAssembly of this host lacks atomic operations (threads)'],
    ['sharing', without(shared), 'WebAssembly of this host lacks shared memories (threads)'],
  ])('%s', (what, validate, expected) => {
    const host = what === 'anything' ? null : validate
    expect(hostLacks(host as Validate)).toBe(expected)
  })

  test('the probes are modules', () => {
    const seen: boolean[] = []
    hostLacks((bytes) => {
      seen.push(WebAssembly.validate(bytes))
      return true
    })
    expect(seen).toEqual([true, true, true])
  })
})

describe('switches of V8', () => {
  /** A Node with this V8: what it is told. */
  function node(v8: string, isMainThread = true): { process: object; told: string[] } {
    const told: string[] = []
    const modules: Record<string, unknown> = {
      'node:v8': { setFlagsFromString: (flag: string) => told.push(flag) },
      'node:worker_threads': { isMainThread },
    }
    return { process: { versions: { v8 }, getBuiltinModule: (name: string) => modules[name] }, told }
  }

  test.each([
    [
      '12.4.254.21-node.27',
      [
        ...['--no-wasm-lazy-compilation', '--no-liftoff', '--no-wasm-stack-checks'],
        ...['--wasm-stack-checks', '--liftoff', '--wasm-lazy-compilation'],
      ],
    ],
    [
      '14.6.202.34-node.34',
      [
        ...['--no-wasm-inlining', '--no-liftoff', '--no-wasm-lazy-compilation', '--no-wasm-stack-checks'],
        ...['--wasm-stack-checks', '--wasm-lazy-compilation', '--liftoff', '--wasm-inlining'],
      ],
    ],
  ])('%s', (version, flags) => {
    const { process, told } = node(version)
    const toggle = hostToggle(process)!
    toggle(false)
    toggle(true)
    expect([...told].sort()).toEqual([...flags].sort())
    if (flags.includes('--wasm-inlining'))
      expect([told[0], told.at(-1)]).toEqual(['--no-wasm-inlining', '--wasm-inlining'])
  })

  test('of other versions nothing is touched, nor in workers, nor where there is no Node', () => {
    for (const version of ['11.3.244.8', '12.9.202.28', '15.0.1', '']) {
      expect(hostToggle(node(version).process)).toBeUndefined()
    }
    expect(hostToggle(node('14.6.202.34', false).process)).toBeUndefined()
    for (const name of ['bun', 'deno']) {
      const { process } = node('14.6.202.34')
      expect(hostToggle({ ...process, versions: { v8: '14.6.202.34', [name]: '2.1' } })).toBeUndefined()
    }
    expect(hostToggle({})).toBeUndefined()
    expect(hostToggle({ versions: { v8: '14.6.202.34' } })).toBeUndefined()
  })

  test('are set around the compilation of loops alone, also where it fails', () => {
    const module = new WasmModule()
    module.define('f', { params: [], results: [I32] }, (w) => w.i32(1))
    const toggle = vi.fn()
    compileModule(module.encode(), true, toggle)
    expect(toggle.mock.calls).toEqual([[false], [true]])
    compileModule(module.encode(), false, toggle)
    expect(toggle).toHaveBeenCalledTimes(2)
    expect(() => compileModule(Uint8Array.of(1, 2, 3), true, toggle)).toThrow(WebAssembly.CompileError)
    expect(toggle.mock.calls.slice(2)).toEqual([[false], [true]])
  })

  test('here: code with calls and loops is compiled, again and again', () => {
    for (let n = 0; n < 20; n++) {
      const module = new WasmModule()
      const callee = module.define('callee', { params: [I32], results: [I32] }, (w) => {
        w.get(0)
        w.i32(n)
        w.op(0x6a)
      })
      module.exportFunction(
        'f',
        module.define('f', { params: [], results: [I32] }, (w) => {
          w.i32(1)
          w.call(callee.index)
        }),
      )
      const instance = new WebAssembly.Instance(compileModule(module.encode(), true))
      expect((instance.exports as { f: () => number }).f()).toBe(n + 1)
    }
  })
})
