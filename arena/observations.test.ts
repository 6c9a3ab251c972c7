/**
 * Allocation, free and reservation, call by call as Linux 6.18 answered them: spec/arena-edge-cases.md (d) to (e2), (h).
 * The notation is fixture.ts's.
 */
import { afterEach, describe, expect, test } from 'vitest'
import {
  alloc,
  BASE,
  closeTestKernels,
  free,
  load,
  makeArena,
  PAGE,
  pageAddress,
  reserve,
  runScript,
  store,
} from './fixture.ts'

afterEach(closeTestKernels)

/** Everything allocated, then the ranges freed in this order. */
function fullBut(ranges: readonly (readonly [first: number, last: number])[]): ReturnType<typeof makeArena> {
  const arena = makeArena({ maxEntries: 64 })
  runScript(arena, 'alloc 0 64 = 0')
  for (const [first, last] of ranges) free(arena, pageAddress(arena, first), last - first + 1)
  return arena
}

describe('bpf_arena_alloc_pages', () => {
  test('(d) arguments, one arena', () => {
    runScript(
      makeArena(),
      `
    alloc 0 0 = NULL   # page_cnt 0
    alloc 0x100000003000 0 = NULL   # page_cnt 0 with addr
    alloc 0 17 = NULL   # more than max_entries
    alloc 0 0xffffffff = NULL
    alloc 0 0x100000001 = 0   # u64 register value, argument is u32: truncated to 1
    free 0x100000000000 1
    alloc 0x100000003001 1 = NULL   # unaligned addr
    alloc 0x100000003800 1 = NULL   # unaligned addr
    alloc 0x100000003000 1 = 3   # full user address
    alloc 0x100000003000 1 = NULL   # same address again: taken
    alloc 0x100000002000 2 = NULL   # overlaps taken page 3
    alloc 0x100000003000 2 = NULL   # no fallback to another place
    alloc 0x5000 1 = 5   # bare 32-bit offset
    alloc 0xdead00006000 1 = 6   # wrong upper half: only the low 32 bits count
    alloc 0x10000000f000 2 = NULL   # last page, cnt 2: past the end
    alloc 0x10000000f000 1 = 15   # last page
    alloc 0x100000010000 1 = NULL   # one page past the end
    alloc 0xffffffff000 1 = NULL   # page below the base
    alloc 0x100080000000 1 = NULL
    alloc 0x100000000000 1 = 0   # page 0: addr = base is an explicit address (non-NULL)
    alloc 0x100000000000 1 = NULL   # page 0 again: taken
    alloc 0 1 = 4   # NUMA_NO_NODE
    free 0x100000004000 1
    alloc 0 1 node=0 = 4   # node 0
    free 0x100000004000 1
    alloc 0 1 node=1 = NULL   # node not present
    alloc 0 1 node=64 = NULL
    alloc 0 1 node=1024 = NULL
    alloc 0 1 node=-2 = NULL
    alloc 0 1 flags=0x1 = NULL   # flags
    alloc 0 1 flags=0x2 = NULL   # flags
    alloc 0 1 flags=0x8000000000000000 = NULL   # flags
      `,
    )
  })

  test('(d2) placement in a fresh arena', () => {
    runScript(
      makeArena(),
      `
    alloc 0 1 = 0
    alloc 0 1 = 1
    alloc 0 1 = 2
    alloc 0 1 = 3
    alloc 0 13 = NULL   # 12 left
    alloc 0 12 = 4   # 12 left
    alloc 0 1 = NULL   # full
    free 0x100000002000 2
    free 0x100000005000 1
    free 0x100000008000 4
    free 0x10000000e000 1
    # free ranges now {2,3} {5} {8..11} {14}
    alloc 0 1 = 14
    alloc 0 1 = 5
    alloc 0 1 = 2
    alloc 0 2 = 8
    alloc 0 3 = NULL
    alloc 0 1 = 3
    alloc 0 1 = 10
    alloc 0 1 = 11
      `,
    )
  })

  const D3 = [
    [4, 6],
    [10, 11],
    [20, 25],
    [30, 31],
    [40, 42],
    [50, 50],
  ] as const

  test('(d3) ranges freed in ascending order', () => {
    runScript(
      fullBut(D3),
      `
    alloc 0 2 = 30
    alloc 0 3 = 40
    alloc 0 1 = 50
    alloc 0 1 = 10
    alloc 0 2 = 4
    alloc 0 2 = 20
    alloc 0 3 = 22
    alloc 0 1 = 25
    alloc 0 1 = 6
    alloc 0 1 = 11
    alloc 0 1 = NULL
    alloc 0 1 = NULL
      `,
    )
  })

  test('(d3) the same ranges freed in the reverse order', () => {
    runScript(
      fullBut([...D3].reverse()),
      `
    alloc 0 2 = 10
    alloc 0 3 = 4
    alloc 0 1 = 50
    alloc 0 1 = 30
    alloc 0 2 = 40
    alloc 0 2 = 20
    alloc 0 3 = 22
      `,
    )
  })

  test('(d3) three equal ranges', () => {
    runScript(
      fullBut([
        [10, 10],
        [30, 30],
        [20, 20],
      ]),
      `
    alloc 0 1 = 20
    alloc 0 1 = 30
    alloc 0 1 = 10
      `,
    )
  })

  test('(d3) five equal ranges', () => {
    runScript(
      fullBut([
        [30, 30],
        [10, 10],
        [50, 50],
        [20, 20],
        [40, 40],
      ]),
      `
    alloc 0 1 = 40
    alloc 0 1 = 20
    alloc 0 1 = 50
    alloc 0 1 = 10
    alloc 0 1 = 30
      `,
    )
  })

  test('(d3) a range that is taken from in part', () => {
    runScript(
      fullBut([
        [8, 15],
        [32, 39],
      ]),
      `
    alloc 0 2 = 32
    alloc 0 2 = 34
    alloc 0 8 = 8
    alloc 0 4 = 36
      `,
    )
  })

  test('(d3) neighbours freed one by one become one range', () => {
    runScript(
      makeArena(),
      `
    alloc 0 8 = 0
    free 0x100000001000 1   # 8 of 16 allocated; free page 1
    free 0x100000003000 1
    free 0x100000002000 1
    alloc 0 3 = 1   # 1,2,3 coalesced
      `,
    )
  })
})

test('(h) an arena of 4 GiB: its ends, and addresses around them', () => {
  const arena = makeArena({ maxEntries: 2 ** 20 })
  runScript(
    arena,
    `
    alloc 0x1000fffff000 1 = 1048575   # last page
    alloc 0x100000000000 1 = 0   # page 0
    alloc 0x100100000000 1 = NULL   # low 32 bits 0, upper half + 1: page 0, taken
      `,
  )
  store(arena, 0, 0, 8, 0x1111n)
  store(arena, 0xfffff000, 4088, 8, 0xeeeen)
  const loads = [
    [0xfffff000, 4088, 0xeeeen],
    [0xfffff000, 4092, 0n],
    [0xfffff000, 4096, 0n],
    [0xffffffff, 32767, 0n],
    [0, -8, 0n],
    [0, -32768, 0n],
    [8, -8, 0x1111n],
  ] as const
  for (const [low, off, value] of loads) expect(load(arena, low, off, 8)).toBe(value)
})

describe('bpf_arena_free_pages', () => {
  test('(e) one arena', () => {
    runScript(
      makeArena(),
      `
    free 0x100000000000 1   # never allocated
    free 0x100000005000 3   # never allocated
    alloc 0 16 = 0   # range tree not corrupted
    free 0x100000000000 16
    alloc 0x100000002000 2 = 2
    free 0x100000002000 0   # page_cnt 0
    free 0x100000002000 2
    free 0x100000002000 2   # double free
    alloc 0x100000002000 1 = 2
    alloc 0x100000002000 1 = NULL   # not handed out twice
    alloc 0 13 = 3
    alloc 0 2 = 0
    alloc 0 1 = NULL
    free 0x100000000000 16
    alloc 0 16 = 0
    free 0 1   # ptr NULL: nothing is freed
    alloc 0 1 = NULL
    free 0x10000000e000 10   # runs past the end: clipped
    alloc 0 1 = 14
    alloc 0 1 = 15
    alloc 0 1 = NULL
    free 0x100000010000 1   # one past the end
    free 0xffffffff000 1   # below the base
    free 0x100000100000 5
    alloc 0 1 = NULL   # nothing was freed
    free 0x10000000307b 1   # unaligned pointer page 3 + 123
    alloc 0 1 = 3
    free 0x100000003fa0 2   # page 3 + 4000, cnt 2
    alloc 0 2 = 3
    alloc 0 1 = NULL
    alloc 0 1 = NULL
    free 0x100000000000 0xffffffff   # cnt 0xffffffff
    alloc 0 16 = 0
    free 0xbad00004000 1   # wrong upper half
    alloc 0 1 = 4   # upper half ignored
    free 0x100000000000 16
    alloc 0x100000004000 2 = 4
    free 0x100000003000 4   # range only partly allocated (3..6, 4 and 5 present)
    alloc 0 16 = 0
      `,
    )
  })

  test('(e) count 0 keeps the contents; absent pages read as zero', () => {
    const arena = makeArena()
    runScript(arena, 'alloc p2 2 = 2')
    store(arena, 0x2000, 0, 4, 77n)
    free(arena, BASE + 0x2000n, 0)
    expect(load(arena, 0x2000, 0, 4)).toBe(77n)
    free(arena, BASE + 0x2000n, 1)
    expect(load(arena, 0x2000, 0, 4)).toBe(0n)
    runScript(arena, 'alloc p2 1 = 2')
    expect(load(arena, 0x2000, 0, 4)).toBe(0n)
  })

  test('(e) pages below the window become allocatable', () => {
    runScript(
      makeArena({ extra: BASE + 0x7000n }),
      `
      alloc 0 16 = 0
      free 0x100000004000 2
      alloc 0 1 = 0x100000004000
      alloc 0 1 = 0x100000005000
      alloc 0 1 = NULL
      alloc 0x100000004000 1 = NULL
      `,
    )
  })

  test('a span from below the window into it: page 2^20 + i has the address of page i', () => {
    const arena = makeArena({ extra: BASE + 0x7000n })
    runScript(arena, 'alloc 0 16 = 0')
    store(arena, 0x7000, 0, 4, 5n)
    runScript(
      arena,
      `
      free 0x100000006000 2     # pages 2^20 - 1 and 2^20: page 0 loses its memory but is not free
      alloc 0x100000007000 1 = NULL
      alloc 0 2 = 0x100000006000
      `,
    )
    expect(load(arena, 0x7000, 0, 4)).toBe(0n)
    expect(arena.table.has(7)).toBe(true)
  })

  test('two page numbers with one address: the second allocation fails and leaves all as it was', () => {
    const arena = makeArena({ extra: BASE + 0x7000n })
    runScript(arena, 'alloc 0 16 = 0\nfree 0x100000006000 2\nfree p0 1\nalloc p0 1 = 0')
    const before = [...arena.freeRanges()]
    runScript(arena, 'alloc 0 2 = NULL')
    expect([...arena.freeRanges()]).toEqual(before)
    expect(arena.residentPages()).toBe(16)
  })
})

describe('bpf_arena_reserve_pages', () => {
  test('(e2) one arena', () => {
    runScript(
      makeArena(),
      `
    reserve 0 1 = 0   # NULL
    alloc 0x100000000000 1 = NULL   # is page 0 reserved by that?
    free 0x100000000000 1
    reserve 0x100000000000 0 = 0   # cnt 0
    reserve 0x100000000000 17 = -22   # cnt 17
    reserve 0x10000000f000 2 = -22   # past the end
    reserve 0x100000010000 1 = -22   # one past
    reserve 0xffffffff000 1 = -22   # below base
    reserve 0x100000002001 1 = 0   # unaligned page 2 + 1
    alloc 0x100000002000 1 = 2
    alloc 0x100000003000 1 = 3
    reserve 0x100000004000 2 = 0
    reserve 0x100000004000 2 = -16   # again
    reserve 0x100000005000 2 = -16   # overlapping
    alloc 0x100000004000 1 = NULL   # alloc on reserved
    alloc 0x100000008000 1 = 8
    reserve 0x100000008000 1 = -16   # reserve of an allocated page
    free 0x100000005000 1   # free reserved page 5
    alloc 0x100000005000 1 = 5
    reserve 0xbad0000a000 1 = 0   # wrong upper half
    alloc 0x10000000a000 1 = NULL
      `,
    )
  })

  test('(e2) a reserved page: BPF sees nothing, a user faults it in', () => {
    const arena = makeArena()
    expect(reserve(arena, BASE + 4n * PAGE, 2)).toBe(0)
    expect(load(arena, 0x4000, 0, 8)).toBe(0n)
    store(arena, 0x4000, 0, 4, 1n)
    expect(load(arena, 0x4000, 0, 4)).toBe(0n)
    expect(arena.mmap().u64(BASE + 4n * PAGE)).toBe(0n)
    expect(arena.table.has(4)).toBe(true)
    expect(alloc(arena, BASE + 4n * PAGE, 1)).toBeUndefined()
  })

  test('below a window that is not at a multiple of 4 GiB, and address 0 in one', () => {
    const arena = makeArena({ extra: BASE + 0x7000n })
    runScript(arena, 'reserve 0x100000006000 1 = -22\nreserve 0 1 = -22\nreserve 0x7000 1 = 0\nalloc p0 1 = NULL')
  })

  test('R4: reserve, allocate, free', () => {
    runScript(
      makeArena(),
      'reserve p0 4 = 0\nalloc 0 1 = 4\nreserve p3 2 = -16\nfree p0 4\nalloc 0 4 = 0\nreserve 0x1001 9999999 = 0',
    )
  })
})
