/** Pieces of the runtime on their own: hashes, comparisons and copies of all sizes, at any offset. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashKey } from '../../maps/key-hash.ts'
import { type Memory, makeMemory } from '../../memory/memory.ts'
import { WasmModule } from '../wasm/module.ts'
import { I32 } from '../wasm/opcodes.ts'
import { clearBytes, copyBytes, leaveUnlessEqual } from './bytes.ts'
import { Code } from './code.ts'
import { hashOf } from './key-hash.ts'

const SIZES: readonly number[] = [...Array.from({ length: 80 }, (_, size) => size + 1), 100, 127, 128, 129, 255, 512]
const SEED = 0x1234567
const ROOM = 2048

const memory: Memory = makeMemory()
const run = compiled()

type Operation = 'hash' | 'same' | 'copy' | 'clear'

/** hash_4(at), same_4(a, b), copy_4(to, from), clear_4(at), … for every size; `a`, `to` and `at` of the last: 8 on. */
function compiled(): (operation: Operation, size: number, a: number, b?: number) => number {
  const module = new WasmModule()
  const index = module.importMemory('memory', 'kernel', memory.shared)
  const define = (name: string, write: (c: Code) => void): void => {
    const made = module.define(name, { params: [I32, I32], results: [I32] }, (w) => write(new Code(w, index)))
    module.exportFunction(name, made)
  }
  for (const size of SIZES) {
    define(`hash_${size}`, (c) => c.do(c.get(hashOf(c, 0, size, SEED))))
    define(`same_${size}`, (c) => {
      c.block((leave) => {
        leaveUnlessEqual(c, size, { local: 0, offset: 8 }, 1, leave)
        c.return(c.i32(1))
      })
      c.do(c.i32(0))
    })
    define(`copy_${size}`, (c) => {
      copyBytes(c, size, { local: 0, offset: 8 }, 1)
      c.do(c.i32(0))
    })
    define(`clear_${size}`, (c) => {
      clearBytes(c, size, { local: 0, offset: 8 })
      c.do(c.i32(0))
    })
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    memory: { kernel: memory.wasm },
  })
  return (operation, size, a, b = 0) => {
    const work = instance.exports[`${operation}_${size}`] as (a: number, b: number) => number
    return work(a, b)
  }
}

const bytes = fc.uint8Array({ minLength: ROOM, maxLength: ROOM })
const offset = fc.nat(ROOM - 600)

test('hashes are those of maps', () => {
  fc.assert(
    fc.property(bytes, offset, (content, at) => {
      memory.u8.set(content)
      for (const size of SIZES) {
        expect(run('hash', size, at), `${size} bytes`).toBe(hashKey(memory, at, size, SEED))
      }
    }),
    { numRuns: 20 },
  )
})

test('bytes are equal where all of them are', () => {
  fc.assert(
    fc.property(bytes, offset, offset, fc.nat(), (content, a, b, place) => {
      for (const size of SIZES) {
        fc.pre(Math.abs(a + 8 - b) >= size)
        memory.u8.set(content)
        memory.u8.copyWithin(a + 8, b, b + size)
        expect(run('same', size, a, b), `${size} bytes`).toBe(1)
        memory.u8[a + 8 + (place % size)]! ^= 1 << (place % 8)
        expect(run('same', size, a, b), `${size} bytes but for one bit`).toBe(0)
      }
    }),
    { numRuns: 20 },
  )
})

test('copies may overlap, and touch nothing else', () => {
  fc.assert(
    fc.property(bytes, offset, fc.integer({ min: -80, max: 80 }), (content, from, distance) => {
      const to = Math.max(0, from + distance)
      for (const size of SIZES) {
        memory.u8.set(content)
        run('copy', size, to, from)
        const expected = content.slice().copyWithin(to + 8, from, from + size)
        expect(Buffer.compare(memory.u8.slice(0, ROOM), expected), `${size} bytes`).toBe(0)
      }
    }),
    { numRuns: 20 },
  )
})

test('clearing touches nothing else', () => {
  fc.assert(
    fc.property(bytes, offset, (content, at) => {
      for (const size of SIZES) {
        memory.u8.set(content)
        run('clear', size, at)
        expect(Buffer.compare(memory.u8.slice(0, ROOM), content.slice().fill(0, at + 8, at + 8 + size))).toBe(0)
      }
    }),
    { numRuns: 20 },
  )
})
