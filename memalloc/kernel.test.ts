import { describe, expect, test } from 'vitest'
import { makeCpus } from '../cpu/cpu.ts'
import { Injector } from '../cpu/inject.ts'
import { Processors } from '../cpu/processors.ts'
import { makeRandom } from '../cpu/random.ts'
import { HarenaError } from '../errors/errors.ts'
import { giveBack, pooledMemories, takeMemory } from '../memory/pool.ts'
import { hookedSteps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { checkOpen, closeKernel, kernelAddress, makeKernel } from './kernel.ts'
import { descriptor, FIRST_PAGE, FRONTIER } from './page-layout.ts'
import { PageOwner } from './pages.ts'
import { checkSlabs } from './slab-invariants.ts'
import { Stress } from './stress.ts'

const MIB = 2 ** 20
const MACHINES: number = process.env.HARENA_LONG ? 3000 : 300

describe('a kernel', () => {
  test('closing gives its memories back, an arena and kernel memory, once', () => {
    const kernel = makeKernel()
    const arena = takeMemory()
    arena.u8[PAGE_SIZE] = 1
    kernel.leases.push({ memory: arena, touched: () => [[PAGE_SIZE, 2 * PAGE_SIZE]] })
    checkOpen(kernel)
    const before = pooledMemories()
    closeKernel(kernel)
    expect(pooledMemories()).toBe(before + 2)
    closeKernel(kernel)
    expect(pooledMemories()).toBe(before + 2)
    expect(() => checkOpen(kernel)).toThrow(HarenaError)
    const [first, second] = [takeMemory(), takeMemory()]
    expect([first, second]).toEqual([kernel.memory, arena])
    expect(second.u8[PAGE_SIZE]).toBe(0)
    giveBack(first, [])
    giveBack(second, [])
  })

  test('the limit holds, and none is the default', () => {
    const limited = makeKernel({ memoryLimit: 2 * PAGE_SIZE })
    expect(limited.pages.allocPages(3, PageOwner.MAP)).toBe(0)
    expect(limited.pages.allocPages(2, PageOwner.MAP)).not.toBe(0)
    closeKernel(limited)
    const free = makeKernel()
    expect(free.pages.statistics().limit).toBe(Infinity)
    closeKernel(free)
  })

  test('takes its steps from whoever makes it', () => {
    let steps = 0
    const kernel = makeKernel({ makeSteps: (memory) => hookedSteps(memory, () => steps++) })
    const before = steps
    kernel.pages.alloc(0, PageOwner.STACK)
    expect(steps).toBeGreaterThan(before)
    closeKernel(kernel)
  })

  test('closing in the middle of everything leaves a memory that is all zero', () => {
    const processors = new Processors(makeCpus(3, 1n))
    const kernel = makeKernel({ processors })
    const { memory } = kernel
    const stress = new Stress({ kernel, processors, injector: new Injector(), pagesBefore: 0 }, makeRandom(1n, 1n))
    for (let round = 0; round < 1000; round++) processors.run(round % 3, 'task', 'test', () => stress.step(false))
    const end = FIRST_PAGE + memory.i32[FRONTIER / 4]!
    closeKernel(kernel)
    expect(memory.i32.subarray(0, descriptor(end) / 4).every((word) => word === 0)).toBe(true)
    expect(memory.i32.subarray(FIRST_PAGE * 1024, end * 1024).every((word) => word === 0)).toBe(true)
  })

  test.each([1, 64, 8192])('%i CPUs: the tables do not meet', (cpus) => {
    const processors = new Processors(makeCpus(cpus, 1n))
    const kernel = makeKernel({ processors })
    const objects = processors.run(cpus - 1, 'task', 'test', () =>
      [8, 64, 8192].map((size) => kernel.slab.alloc(size, 'atomic')),
    )
    expect(objects.every((object) => object !== 0)).toBe(true)
    expect(checkSlabs(kernel.slab).size).toBe(3)
    closeKernel(kernel)
    expect(kernel.memory.i32.subarray(0, (8 * MIB) / 4).every((word) => word === 0)).toBe(true)
  })

  test('addresses are offsets in the direct map', () => {
    expect(kernelAddress(0x1400000)).toBe(0xffff_8880_0140_0000n)
  })
})

test(`${MACHINES} machines with 8 MiB touched each, one after the other, stay in one machine's memory`, () => {
  const before = process.memoryUsage().rss
  for (let round = 0; round < MACHINES; round++) {
    const kernel = makeKernel()
    const offset = kernel.pages.allocBytes(8 * MIB, PageOwner.MAP)
    expect(kernel.memory.i32[offset / 4]).toBe(0)
    kernel.memory.u8.fill(0xa5, offset, offset + 8 * MIB)
    closeKernel(kernel)
  }
  // Without the pool they would take gigabytes.
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB)
})
