import { describe, expect, test } from 'vitest'
import type { Actor } from '../cpu/actor.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { simulate } from './fixture.ts'
import { PageOwner } from './pages.ts'
import { addressOf, type MemoryReport, renderReport } from './reports.ts'

const PROGRAM: Actor = {
  what: 'program p',
  cpu: 1,
  context: 'nmi',
  program: 'p',
  instruction: 7,
  source: { file: 'p.bpf.s', line: 12, column: 5 },
}
const USER: Actor = { what: 'user space', cpu: 0, context: 'task' }
const OBJECT = { address: addressOf(0x1000), allocator: 'pool' }

test.each<[MemoryReport, string]>([
  [
    { kind: 'double-free', ...OBJECT, by: PROGRAM, allocatedBy: USER, freedBy: USER },
    'double-free: 0xffff888000001000 (pool) freed again by program p, instruction 7 (p.bpf.s:12), CPU 1 in nmi context; allocated by user space; freed by user space',
  ],
  [
    { kind: 'use-after-free', ...OBJECT, by: USER, access: { kind: 'read', offset: 4, bytes: 2 } },
    'use-after-free: read of 2 bytes at offset 4 of 0xffff888000001000 (pool) by user space',
  ],
  [
    { kind: 'red-zone', ...OBJECT, by: USER },
    'red-zone: 0xffff888000001000 (pool) written to beyond its end, noticed by user space',
  ],
  [
    {
      kind: 'out-of-memory',
      by: USER,
      wanted: 2 * PAGE_SIZE,
      used: 8192,
      limit: 12288,
      holders: [{ owner: 'map m', what: 'elements', objects: 3, bytes: 100 }],
    },
    'out-of-memory: 2 pages for user space, with 8192 of 12288 bytes in use; most is held by map m (3 elements, 100 bytes)',
  ],
])('$0.kind is one line', (report, line) => {
  expect(renderReport(report)).toBe(line)
})

describe('debug mode of bpf_mem_alloc', () => {
  test('damage that nobody took over is found when the object goes back to the slab', () => {
    simulate({ policies: { debug: true } }, ({ kernel }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      const object = alloc.cacheAlloc()
      alloc.cacheFree(object)
      kernel.memory.u8[object + 60] = 0
      kernel.bpf.destroy(alloc)
      expect(kernel.reports.misuse).toMatchObject([{ kind: 'use-after-free', address: addressOf(object) }])
    })
  })

  test.each([
    [48, []],
    [0, ['use-after-free']],
  ])('what an owner keeps (%i bytes) may be written to after the free', (kept, kinds) => {
    simulate({ policies: { debug: true } }, ({ kernel }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      alloc.keep(kept)
      const object = alloc.cacheAlloc()
      alloc.cacheFree(object)
      kernel.memory.u8[object + 47] = 0
      alloc.cacheAlloc()
      expect(kernel.reports.misuse.map(({ kind }) => kind)).toEqual(kinds)
    })
  })

  test('the poison of an object freed after RCU comes with the end of the grace period', () => {
    simulate({ policies: { debug: true } }, ({ kernel, processors }) => {
      const alloc = kernel.bpf.create({ name: 'test', size: 64 })
      const object = alloc.cacheAlloc()
      kernel.memory.u8[object] = 7
      alloc.cacheFreeRcu(object)
      expect(kernel.memory.u8[object]).toBe(7)
      processors.advance(20_000_000n)
      expect(kernel.memory.u8[object]).toBe(0x6b)
    })
  })
})

test('the limit is told of once, and again when a quarter was free in between', () => {
  simulate({ memoryLimit: 16 * PAGE_SIZE }, ({ kernel: { pages } }) => {
    const wanted: number[] = []
    pages.onLimit = (count) => wanted.push(count)
    const blocks: number[] = []
    const fill = (): void => {
      for (let at = pages.alloc(0, PageOwner.OTHER); at !== 0; at = pages.alloc(0, PageOwner.OTHER)) blocks.push(at)
    }
    fill()
    expect(pages.allocPages(3, PageOwner.OTHER)).toBe(0)
    for (let count = 0; count < 3; count++) pages.free(blocks.pop()!)
    fill()
    expect(wanted).toEqual([1])
    for (let count = 0; count < 4; count++) pages.free(blocks.pop()!)
    fill()
    expect(wanted).toEqual([1, 1])
    // A buffer of a system call is none of the limit's business.
    const buffer = pages.borrowBytes(100)
    expect([buffer !== 0, wanted.length, pages.statistics().used]).toEqual([true, 2, 17])
    pages.freeBytes(buffer, 100)
  })
})
