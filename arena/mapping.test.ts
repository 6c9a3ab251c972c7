/** User-space access to arenas as Linux 6.18 showed it: spec/arena-edge-cases.md (g), and own observations. */
import { afterEach, describe, expect, test } from 'vitest'
import { SegmentationFault } from '../errors/errors.ts'
import { closeKernel, makeKernel } from '../memalloc/kernel.ts'
import { takeMemory } from '../memory/pool.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { alloc, BASE, closeTestKernels, free, load, makeArena, PAGE, runScript, store, testKernel } from './fixture.ts'
import { UserProcess } from './process.ts'

afterEach(closeTestKernels)

const SEGV = { flags: MAP_FLAGS.segv_on_fault }
const at = (page: number, offset = 0): bigint => BASE + BigInt(page) * PAGE + BigInt(offset)

/** Address and code of the fault, undefined for none. */
function faultOf(call: () => unknown): [address: bigint, code: number] | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (!(error instanceof SegmentationFault)) throw error
    return [error.address, error.code]
  }
}

describe('(g) fault-in', () => {
  test('the first touch allocates a zero page, which BPF sees', () => {
    const arena = makeArena()
    const user = arena.mmap()
    expect(user.u64(at(2))).toBe(0n)
    runScript(arena, 'alloc p2 1 = NULL\nalloc 0 16 = NULL\nalloc 0 13 = 3')
    user.setU32(at(1), 0x1234)
    expect(load(arena, 0x1000, 0, 4)).toBe(0x1234n)
    store(arena, 0x1000, 0, 4, 0x4321n)
    expect(user.u32(at(1))).toBe(0x4321)
  })

  test('a page that BPF frees is gone; the next touch brings a zero one', () => {
    const arena = makeArena()
    const user = arena.mmap()
    user.setU32(at(4), 0x4321)
    free(arena, at(4), 1)
    expect(user.u32(at(4))).toBe(0)
    expect(alloc(arena, at(4), 1)).toBeUndefined()
  })

  test('pages of BPF are there, and stay after munmap', () => {
    const arena = makeArena()
    expect(alloc(arena, at(3), 1)).toBe(at(3))
    store(arena, 0x3000, 0, 4, 0x66n)
    const user = arena.mmap()
    expect(user.u32(at(3))).toBe(0x66)
    user.unmap()
    expect(load(arena, 0x3000, 0, 4)).toBe(0x66n)
    expect(faultOf(() => user.u8(at(3)))).toEqual([at(3), 1])
    expect(arena.residentPages()).toBe(1)
  })

  test('all pages touched: none left to allocate', () => {
    const arena = makeArena({ maxEntries: 4 })
    for (let page = 0; page < 4; page++) arena.mmap().u8(at(page))
    runScript(arena, 'alloc 0 1 = NULL')
  })
})

describe('(g) segv_on_fault', () => {
  test('reads and writes of absent pages fault and allocate nothing', () => {
    const arena = makeArena(SEGV)
    const user = arena.mmap()
    expect(faultOf(() => user.u64(at(2)))).toEqual([at(2), 1])
    expect(faultOf(() => user.setU8(at(2, 5), 1))).toEqual([at(2, 5), 1])
    runScript(arena, 'alloc p2 1 = 2')
    store(arena, 0x2000, 0, 4, 0x22n)
    expect(user.u32(at(2))).toBe(0x22)
    free(arena, at(2), 1)
    expect(faultOf(() => user.u32(at(2)))).toEqual([at(2), 1])
  })

  test('an access over a page boundary faults at the page that is absent', () => {
    const arena = makeArena(SEGV)
    const user = arena.mmap()
    runScript(arena, 'alloc p2 1 = 2')
    expect(faultOf(() => user.u64(at(1, 4092)))).toEqual([at(1, 4092), 1])
    expect(faultOf(() => user.u64(at(2, 4092)))).toEqual([at(3), 1])
    expect(faultOf(() => user.setU64(at(2, 4092), -1n))).toEqual([at(3), 1])
    expect(user.u32(at(2, 4092))).toBe(0)
  })
})

describe('rights and bounds', () => {
  test('outside of the mapping, and across its ends', () => {
    const arena = makeArena()
    const user = arena.mmap()
    expect(faultOf(() => user.u8(BASE - 1n))).toEqual([BASE - 1n, 1])
    expect(faultOf(() => user.u64(BASE - 4n))).toEqual([BASE - 4n, 1])
    expect(faultOf(() => user.u8(at(16)))).toEqual([at(16), 1])
    expect(faultOf(() => user.u8(BASE + (1n << 32n)))).toEqual([BASE + (1n << 32n), 1])
    // The page before the end was touched first and stays; nothing is written to it.
    expect(faultOf(() => user.setU64(at(16, -4), -1n))).toEqual([at(16), 1])
    expect([arena.residentPages(), user.u32(at(16, -4))]).toEqual([1, 0])
  })

  test('a read-only mapping faults pages in, but takes no write', () => {
    const arena = makeArena()
    const user = arena.mmap({ address: BASE, fixed: true, protection: 'r' })
    expect(faultOf(() => user.setU8(at(1), 1))).toEqual([at(1), 2])
    expect([user.u8(at(0)), arena.residentPages()]).toEqual([0, 1])
    expect(faultOf(() => user.write(at(0), new Uint8Array(1)))).toEqual([at(0), 2])
    const absent = makeArena(SEGV).mmap({ address: BASE, fixed: true, protection: 'r' })
    expect(faultOf(() => absent.setU8(at(1), 1))).toEqual([at(1), 2])
  })

  test('a mapping without access', () => {
    const user = makeArena().mmap({ address: BASE, fixed: true, protection: 'none' })
    expect(faultOf(() => user.u8(at(2)))).toEqual([at(2), 2])
  })

  test('several mappings show one memory; a free takes the page from all', () => {
    const arena = makeArena(SEGV)
    const other = arena.mmap({ address: BASE, process: new UserProcess('other') })
    const user = arena.mmap()
    alloc(arena, at(1), 1)
    user.setU32(at(1), 9)
    expect(other.u32(at(1))).toBe(9)
    free(arena, at(1), 1)
    for (const one of [user, other]) expect(faultOf(() => one.u32(at(1)))).toEqual([at(1), 1])
  })
})

describe('accessors', () => {
  const VALUES = [
    ['U8', 'u8', 0xfe],
    ['U16', 'u16', 0xfedc],
    ['U32', 'u32', 0xfedcba98],
    ['U64', 'u64', 0xfedcba9876543210n],
    ['S8', 's8', -2],
    ['S16', 's16', -300],
    ['S32', 's32', -70000],
    ['S64', 's64', -5_000_000_000n],
    ['F32', 'f32', 0.5],
    ['F64', 'f64', 1e300],
  ] as const

  test.each(VALUES)('set%s and %s, aligned and over a page boundary', (set, get, value) => {
    const user = makeArena().mmap()
    for (const place of [at(0), at(0, 13), at(0, 4095)]) {
      Reflect.apply(user[`set${set}`], user, [place, value])
      expect(user[get](place)).toBe(value)
    }
  })

  test('little-endian; values are taken modulo the width', () => {
    const user = makeArena().mmap()
    user.setU32(at(0), 0x11223344)
    expect([user.u8(at(0)), user.u16(at(0, 2))]).toEqual([0x44, 0x1122])
    user.setU8(at(0), -1)
    user.setU64(at(1), -1n)
    expect([user.u8(at(0)), user.s64(at(1)), user.u64(at(1))]).toEqual([0xff, -1n, 0xffffffffffffffffn])
  })

  test('bytes copies, over pages', () => {
    const arena = makeArena()
    const user = arena.mmap()
    const text = Uint8Array.from({ length: 9000 }, (_, index) => index * 7)
    user.write(at(1, 100), text)
    const copy = user.bytes(at(1, 100), 9000)
    expect(copy).toEqual(text)
    copy.fill(0)
    expect(user.bytes(at(1, 100), 9000)).toEqual(text)
    expect(user.bytes(at(1), 0).length).toBe(0)
    expect(arena.residentPages()).toBe(3)
  })

  test('bytes and write fault at the first absent byte; what was written before stays', () => {
    const arena = makeArena(SEGV)
    const user = arena.mmap()
    runScript(arena, 'alloc p0 2 = 0')
    expect(faultOf(() => user.bytes(at(1, 4000), 200))).toEqual([at(2), 1])
    expect(faultOf(() => user.write(at(1, 4000), new Uint8Array(200).fill(7)))).toEqual([at(2), 1])
    expect([user.u8(at(1, 3999)), user.u8(at(1, 4000)), user.u8(at(1, 4095))]).toEqual([0, 7, 7])
  })
})

describe('views', () => {
  test('are live and fault nothing in', () => {
    const arena = makeArena()
    const user = arena.mmap()
    const view = user.view(at(1), 8)
    expect([view[0], arena.residentPages()]).toEqual([0, 0])
    user.setU8(at(1), 5)
    expect(view[0]).toBe(5)
    view[1] = 6
    expect(load(arena, 0x1001, 0, 1)).toBe(6n)
    expect(faultOf(() => user.view(at(15, 4090), 7))).toEqual([at(16), 1])
  })

  test('what is written to an absent page is zeroed when it is allocated', () => {
    const arena = makeArena()
    const view = arena.mmap().view(at(0), 4 * 4096)
    view.fill(0xee)
    runScript(arena, 'alloc p0 2 = 0\ntouch p2')
    for (let page = 0; page < 3; page++) expect(load(arena, page * 4096 + 100, 0, 4)).toBe(0n)
  })
})

describe('close', () => {
  test('a closed arena says so, its mappings too', () => {
    const arena = makeArena()
    const user = arena.mmap()
    arena.close()
    expect(() => user.u8(at(0))).toThrow(/arena a is closed/)
    expect(() => arena.mmap()).toThrow(/arena a is closed/)
    arena.close()
  })

  test('its memory comes back all zero, views or not, and the kernel has all its pages', () => {
    const kernel = testKernel()
    const arena = makeArena({}, { kernel })
    const user = arena.mmap()
    user.write(at(3), new Uint8Array(5000).fill(1))
    user.view(at(9), 5000).fill(2)
    arena.close()
    const again = takeMemory()
    expect(again).toBe(arena.memory)
    expect(again.u8.subarray(Number(BASE & 0xffffffffn), 16 * 4096).every((byte) => byte === 0)).toBe(true)
    expect(kernel.pages.statistics().used).toBe(0)
    expect(kernel.leases.length).toBe(1)
  })

  test('with the whole machine', () => {
    const kernel = makeKernel()
    const arena = makeArena({}, { kernel })
    arena.mmap().setU8(at(1), 3)
    const { memory } = arena
    closeKernel(kernel)
    expect(memory.u8[4096]).toBe(0)
    arena.close()
  })
})

test('an address below 0 is shown as the 64 bits that it is', () => {
  expect(() => makeArena().mmap().u64(-1n)).toThrow(/^segmentation fault at 0xffffffffffffffff: /u)
})
