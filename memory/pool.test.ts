import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from 'vitest'
import { HarenaError, InternalError } from '../errors/errors.ts'
import { type Memory, makeMemory } from './memory.ts'
import { endLeases, endWhenForgotten, giveBack, keepAlive, pooledMemories, takeMemory, zeroRange } from './pool.ts'

const MIB = 2 ** 20

function isZero(memory: Memory, from: number, to: number): boolean {
  return memory.u8.subarray(from, to).every((byte) => byte === 0)
}

/** Lets the collector run until `done`, a bounded number of times: when it collects is its own affair. */
async function collectUntil(done: () => boolean): Promise<boolean> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let round = 0; round < 100 && !done(); round++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return done()
}

describe('taking and giving back', () => {
  test('a memory given back comes back zero, and first', () => {
    const memory = takeMemory()
    const other = takeMemory()
    memory.u8.fill(7, 4096, 12_288)
    memory.u8[2 ** 32 - 1] = 9
    giveBack(other, [])
    giveBack(memory, [
      [4096, 12_288],
      [2 ** 32 - 4096, 2 ** 32],
    ])
    const again = takeMemory()
    expect(again).toBe(memory)
    expect(isZero(again, 0, 16_384)).toBe(true)
    expect(again.u8.at(-1)).toBe(0)
    giveBack(again, [])
  })

  test('the pool does not grow while memories are used one after the other', () => {
    giveBack(takeMemory(), [])
    const before = pooledMemories()
    for (let round = 0; round < 50; round++) giveBack(takeMemory(), [])
    expect(pooledMemories()).toBe(before)
  })

  test('a memory for which there are no huge pages goes back', () => {
    const waiting: Memory[] = []
    let asked = false
    while (!asked) {
      waiting.push(
        takeMemory(() => {
          asked = true
        }),
      )
    }
    giveBack(takeMemory(), [])
    const before = pooledMemories()
    const refuse = (): never => {
      throw new HarenaError('none')
    }
    expect(() => takeMemory(refuse)).toThrow('none')
    expect(pooledMemories()).toBe(before)
    for (const memory of waiting) giveBack(memory, [])
  })

  test('giving back twice is our mistake', () => {
    const memory = takeMemory()
    giveBack(memory, [])
    expect(() => giveBack(memory, [])).toThrow(InternalError)
  })
})

describe('zeroRange', () => {
  test.each([
    ['small', 100, 5000],
    ['large, not at page boundaries', 4000, 40 * MIB + 123],
    ['large, at page boundaries', 8192, 40 * MIB],
  ])('%s: all of the range and nothing else', (_, from, to) => {
    const memory = takeMemory()
    const marks = [from, from + 1, Math.floor((from + to) / 2), to - 1]
    for (const at of [from - 1, ...marks, to]) memory.u8[at] = 0xff
    zeroRange(memory, from, to)
    expect(isZero(memory, from, to)).toBe(true)
    expect([memory.u8[from - 1], memory.u8[to]]).toEqual([0xff, 0xff])
    giveBack(memory, [[from - 1, to + 1]])
  })

  test('a large range that is nearly empty stays out of physical memory', () => {
    const memory = takeMemory()
    const [from, to] = [1024 * MIB, 2048 * MIB]
    memory.u8[from + 5 * MIB] = 1
    const before = process.memoryUsage().rss
    zeroRange(memory, from, to)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB)
    expect(memory.u8[from + 5 * MIB]).toBe(0)
    giveBack(memory, [])
  })
})

describe('leases', () => {
  test('the last is ended first, while the memories before it are still as they were', () => {
    const first = takeMemory()
    const second = takeMemory()
    first.u8[8192] = 1
    second.u8[4096] = 1
    const leases = [
      { memory: first, touched: () => [[8192, 8193] as const] },
      // Reads its record in the first memory, as an arena does.
      { memory: second, touched: () => [[4096, 4096 + first.u8[8192]!] as const] },
    ]
    endLeases(leases)
    expect(leases).toEqual([])
    expect([takeMemory(), takeMemory()]).toEqual([first, second])
    expect([first.u8[8192], second.u8[4096]]).toEqual([0, 0])
    giveBack(first, [])
    giveBack(second, [])
  })

  test('a forgotten owner gives back', async () => {
    const memory = takeMemory()
    memory.u8[4096] = 1
    const before = pooledMemories()
    endWhenForgotten({}, [{ memory, touched: () => [[4096, 4097]] }])
    expect(await collectUntil(() => pooledMemories() > before)).toBe(true)
    expect(memory.u8[4096]).toBe(0)
  })

  test('an owner that closed itself leaves nothing to give back', async () => {
    const memory = takeMemory()
    const leases = [{ memory, touched: () => [] }]
    const other = takeMemory()
    endWhenForgotten({}, leases)
    endLeases(leases)
    const before = pooledMemories()
    // The second owner is forgotten later than the first: when it is collected, the first has been too.
    endWhenForgotten({}, [{ memory: other, touched: () => [] }])
    expect(await collectUntil(() => pooledMemories() > before)).toBe(true)
    expect(pooledMemories()).toBe(before + 1)
  })

  test('a view keeps its owner', async () => {
    const kept = takeMemory()
    const dropped = takeMemory()
    const view = kept.u8.subarray(0, 8)
    const register = (memory: Memory, hold: boolean): void => {
      const owner = { memory }
      endWhenForgotten(owner, [{ memory, touched: () => [] }])
      if (hold) keepAlive(view, owner)
    }
    const before = pooledMemories()
    register(kept, true)
    register(dropped, false)
    expect(await collectUntil(() => pooledMemories() > before)).toBe(true)
    expect(pooledMemories()).toBe(before + 1)
    expect(view.length).toBe(8)
  })
})

describe('without address space', () => {
  const original = WebAssembly.Memory
  afterEach(() => {
    WebAssembly.Memory = original
  })

  test('one clear error, with its cause', () => {
    const cause = new RangeError('could not allocate memory')
    // biome-ignore lint/complexity/useArrowFunction: it is called with `new`
    WebAssembly.Memory = function () {
      throw cause
    } as unknown as typeof WebAssembly.Memory
    const attempt = (): Memory => makeMemory()
    expect(attempt).toThrow(HarenaError)
    expect(attempt).toThrow('cannot reserve 4 GiB of address space for a memory')
    expect(attempt).toThrow(expect.objectContaining({ cause }))
  })
})
