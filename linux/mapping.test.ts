/** User mappings of live arenas, held against harena's own. */
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble, type ObjectSpec, SegmentationFault } from '../index.ts'
import { propertyRuns } from '../isa/arbitrary.ts'
import { LinuxMachine } from './machine.ts'
import { type EitherObject, onBoth, outcome, skipWithoutKernel } from './testing.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const BASE = 0x100000010000n
const PAGE = 4096n

/** Programs that do to the arena what the context says: { address, count } in, the result back in the first word. */
const source = (flags: string, entries = 16): string => `
    .map arena type=arena entries=${entries} flags=mmapable${flags} extra=0x100000010000
    .struct item
        next: ptr item
        value: s32
        bits: u8[4]
    .end
    .program alloc type=syscall
        r6 = r1
        r2 = *(u64 *)(r6 + 0)
        r3 = *(u64 *)(r6 + 8)
        r1 = arena ll
        w4 = -1
        r5 = 0
        call bpf_arena_alloc_pages
        *(u64 *)(r6 + 0) = r0
        r0 = 0
        exit
    .program free type=syscall
        r2 = *(u64 *)(r1 + 0)
        r3 = *(u64 *)(r1 + 8)
        r1 = arena ll
        call bpf_arena_free_pages
        r0 = 0
        exit
    .program reserve type=syscall
        r2 = *(u64 *)(r1 + 0)
        r3 = *(u64 *)(r1 + 8)
        r1 = arena ll
        call bpf_arena_reserve_pages
        exit
    .program load type=syscall
        r6 = r1
        r1 = arena ll
        r2 = *(u64 *)(r6 + 0)
        r2 = addr_space_cast(r2, 0, 1)
        r0 = *(u64 *)(r2 + 0)
        *(u64 *)(r6 + 0) = r0
        r0 = 0
        exit
`

/** Runs one of them and gives what comes back. */
function ask(object: EitherObject, program: string, address: bigint, count = 0n): [bigint, number] {
  const words = BigUint64Array.of(address, count)
  const { retval } = object.program(program).run({ ctx: new Uint8Array(words.buffer) })
  return [words[0]!, retval]
}

const LAZY = source('')
const STRICT = source('|segv_on_fault')

type Work = (object: EitherObject) => unknown

/** With and without segv_on_fault, on both machines. */
const ALIKE: readonly (readonly [what: string, work: Work])[] = [
  [
    'where it lies',
    (object) => {
      const arena = object.map('arena').mmap()
      return [
        arena.start,
        arena.end,
        arena.length,
        arena.protection,
        arena.unmapped,
        arena === object.map('arena').mmap(),
      ]
    },
  ],
  [
    'every width',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 2n)
      arena.setU8(at, 0x1ff)
      arena.setU16(at + 1n, 0xfedc)
      arena.setU32(at + 3n, 0xffff_fffe)
      arena.setU64(at + 7n, -2n)
      arena.setS8(at + 16n, -1)
      arena.setS16(at + 17n, -2)
      arena.setS32(at + 19n, -3)
      arena.setS64(at + 23n, -4n)
      arena.setF32(at + 31n, 1.5)
      arena.setF64(at + 35n, -2.25)
      return [
        arena.bytes(at, 48),
        [arena.u8(at), arena.s8(at), arena.u16(at + 1n), arena.s16(at + 1n), arena.u32(at + 3n), arena.s32(at + 3n)],
        [arena.u64(at + 7n), arena.s64(at + 7n), arena.f32(at + 31n), arena.f64(at + 35n)],
      ]
    },
  ],
  [
    'an access that straddles pages',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 2n)
      arena.setU64(at + PAGE - 3n, 0x0807060504030201n)
      return [arena.u64(at + PAGE - 3n), arena.bytes(at + PAGE - 4n, 12)]
    },
  ],
  [
    'an access that straddles the end of what is there',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', BASE, 1n)
      return [outcome(() => arena.u64(at + PAGE - 3n)), arena.residentPages()]
    },
  ],
  [
    'reading an absent page',
    (object) => {
      const arena = object.map('arena').mmap()
      return [outcome(() => arena.u64(BASE + 3n * PAGE + 8n)), [...arena.presentPages()]]
    },
  ],
  [
    'writing an absent page',
    (object) => {
      const arena = object.map('arena').mmap()
      return [outcome(() => arena.setU8(BASE + 3n * PAGE + 8n, 1)), [...arena.presentPages()]]
    },
  ],
  [
    'a page that was freed',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 1n)
      arena.setU64(at, 5n)
      ask(object, 'free', at, 1n)
      return [arena.residentPages(), outcome(() => arena.u64(at))]
    },
  ],
  [
    'a page that was reserved',
    (object) => {
      const arena = object.map('arena').mmap()
      const [, answer] = ask(object, 'reserve', BASE + PAGE, 1n)
      return [answer, arena.residentPages(), outcome(() => arena.u64(BASE + PAGE)), arena.residentPages()]
    },
  ],
  [
    'outside of the mapping',
    (object) => {
      const arena = object.map('arena').mmap()
      return [0n, BASE - 1n, BASE + 16n * PAGE, -1n, 1n << 64n].map((at) => [
        outcome(() => arena.u8(at)),
        outcome(() => arena.setU8(at, 1)),
        outcome(() => arena.view(at, 1)),
      ])
    },
  ],
  [
    'across the end of the mapping',
    (object) => {
      const arena = object.map('arena').mmap()
      ask(object, 'alloc', BASE + 15n * PAGE, 1n)
      const at = BASE + 16n * PAGE - 4n
      return [outcome(() => arena.u64(at)), outcome(() => arena.write(at, new Uint8Array(8).fill(7))), arena.u32(at)]
    },
  ],
  [
    'a copy that faults on its way',
    (object) => {
      const arena = object.map('arena').mmap()
      ask(object, 'alloc', BASE, 1n)
      const at = BASE + PAGE - 4n
      return [outcome(() => arena.write(at, new Uint8Array(8).fill(7))), arena.u32(at)]
    },
  ],
  [
    'nothing',
    (object) => {
      const arena = object.map('arena').mmap()
      arena.write(BASE, new Uint8Array())
      return [arena.bytes(BASE, 0), arena.view(BASE, 0).length, arena.residentPages()]
    },
  ],
  [
    'a live view',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 1n)
      const view = arena.view(at, 16)
      view[0] = 9
      const [seen] = ask(object, 'load', at)
      arena.setU8(at + 15n, 3)
      return [seen, view[15], view.length]
    },
  ],
  [
    'a struct, and a list of them',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 1n)
      const item = arena.struct<{ next: bigint; value: number; bits: { [index: number]: number } }>('item', at)
      item.next = at + 64n
      item.value = -5
      item.bits[2] = 6
      return [
        arena.bytes(at, 16),
        item.value,
        [...arena.list<{ next: bigint; value: number }>(at, 'item', 'next')].map((one) => one.value),
        outcome(() => arena.struct('nothing', at)),
      ]
    },
  ],
  [
    'a mapping that only reads',
    (object) => {
      const arena = object.map('arena').mmap()
      const [at] = ask(object, 'alloc', 0n, 1n)
      arena.protect('r')
      const reading = [
        arena.u64(at),
        outcome(() => arena.setU8(at, 1)),
        outcome(() => arena.write(at, Uint8Array.of(1))),
      ]
      arena.protect('none')
      const closed = [outcome(() => arena.u64(at)), outcome(() => arena.setU64(at, 1n))]
      arena.protect('rw')
      arena.setU8(at, 2)
      return [reading, closed, arena.u8(at), outcome(() => arena.protect('rx'))]
    },
  ],
  [
    'after munmap',
    (object) => {
      const arena = object.map('arena').mmap()
      arena.unmap()
      arena.unmap()
      return [arena.unmapped, outcome(() => arena.u8(BASE)), outcome(() => arena.view(BASE, 1))]
    },
  ],
]

describe('as on harena', () => {
  test.for(ALIKE)('%s', ([, work], ctx) => {
    skipWithoutKernel(ctx)
    for (const text of [LAZY, STRICT]) {
      const [ours, kernels] = onBoth(text, (object) => outcome(() => work(object)))
      expect(kernels).toEqual(ours)
    }
  })

  test('after the machine is closed', (ctx) => {
    skipWithoutKernel(ctx)
    const [ours, kernels] = onBoth<unknown>(LAZY, (object) => {
      const arena = object.map('arena').mmap()
      return () => outcome(() => arena.u8(BASE))
    })
    expect(kernels).toEqual(ours)
  })

  test('mmap by hand: where, how long, with what rights', (ctx) => {
    skipWithoutKernel(ctx)
    const requests = [
      { address: BASE, fixed: 'noreplace' as const },
      { address: BASE + PAGE },
      { length: 5 },
      { length: 17n * PAGE },
      { address: BASE, offset: 4096 },
      { address: BASE, shared: false },
      { address: BASE, protection: 'rx' as const, fixed: true },
      { address: BASE, protection: 'r' as const, fixed: true },
    ]
    const [ours, kernels] = onBoth(LAZY, (object) =>
      requests.map((request) => outcome(() => object.map('arena').mmap(request).start)),
    )
    expect(kernels).toEqual(ours)
  })
})

test('pages come and go alike, whoever asks for them', (ctx) => {
  skipWithoutKernel(ctx)
  const step = fc.record({
    act: fc.constantFrom('alloc', 'place', 'free', 'reserve', 'touch'),
    page: fc.bigInt(0n, 17n),
    count: fc.bigInt(0n, 4n),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const [ours, kernels] = onBoth(LAZY, (object) => {
        const arena = object.map('arena').mmap()
        return steps.map(({ act, page, count }) => {
          const at = BASE + page * PAGE
          const said =
            act === 'touch'
              ? outcome(() => arena.setU8(at, 1))
              : ask(object, act === 'place' ? 'alloc' : act, act === 'alloc' ? 0n : at, count)
          return [said, [...arena.presentPages()]]
        })
      })
      expect(kernels).toEqual(ours)
    }),
    { numRuns: propertyRuns(20) },
  )
})

test('pages of a large arena, all over it', (ctx) => {
  skipWithoutKernel(ctx)
  const pages = [0, 1, 65_535, 65_536, 131_071, 200_000]
  const machine = new LinuxMachine()
  try {
    const arena = machine
      .load(assemble(source('', 200_001)))
      .map('arena')
      .mmap()
    for (const page of pages) arena.setU8(BASE + BigInt(page) * PAGE, 1)
    expect([...arena.presentPages()]).toEqual(pages)
    expect(arena.residentPages()).toBe(pages.length)
  } finally {
    machine.close()
  }
})

describe('a view and its memory', () => {
  const isMapped = (): boolean => /^100000010000-/mu.test(readFileSync('/proc/self/maps', 'utf8'))

  /** A machine with an arena, and a view of its first bytes that can be let go of. */
  function makeHeld(object: ObjectSpec, at: bigint): { machine: LinuxMachine; held: { view?: Uint8Array } } {
    const machine = new LinuxMachine()
    const arena = machine.load(object).map('arena').mmap()
    const view = arena.view(at, 8)
    view[0] = 7
    return { machine, held: { view } }
  }

  test('a view stays good when the machine is closed: its address is refused to others until nobody holds it', (ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(source('', 17))
    const { machine, held } = makeHeld(object, BASE)
    machine.close()
    const next = new LinuxMachine()
    expect(isMapped()).toBe(true)
    expect(() => next.load(object)).toThrow(
      'mmap: a view of the mapping at 0x100000010000 is still held; let go of it, or copy it: EBUSY',
    )
    held.view![1] = 8
    expect([...held.view!]).toEqual([7, 8, 0, 0, 0, 0, 0, 0])
    // In the same turn of the event loop, in which no finalizer can have run.
    delete held.view
    expect(next.load(object).map('arena').mmap().u64(BASE)).toBe(0n)
    next.close()
    expect(isMapped()).toBe(false)
  })

  test('a part of a view holds it too', (ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(source('', 17))
    const { machine, held } = makeHeld(object, BASE)
    held.view = held.view!.subarray(2, 3)
    machine.close()
    const next = new LinuxMachine()
    expect(outcome(() => next.load(object))).toBe('ErrnoError EBUSY')
    expect(held.view.length).toBe(1)
    delete held.view
    expect(outcome(() => next.load(object).map('arena').mmap().start)).toBe(BASE)
    next.close()
  })

  test('the memory goes with the last view, wanted or not', async (ctx) => {
    skipWithoutKernel(ctx)
    const { machine, held } = makeHeld(assemble(source('', 17)), BASE)
    machine.close()
    for (let times = 0; times < 5; times++) {
      collect()
      await setTimeout(1)
    }
    expect([isMapped(), held.view![0]]).toEqual([true, 7])
    delete held.view
    for (let times = 0; times < 100 && isMapped(); times++) {
      collect()
      await setTimeout(1)
    }
    expect(isMapped()).toBe(false)
  })

  const at3 = source('').replaceAll('0x100000010000', '0x300000010000')
  const ARENA = 0x300000010000n
  const FIXED = { address: ARENA, fixed: true }

  test('MAP_FIXED over a mapping that only a view keeps', async (ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(at3)
    const { machine, held } = makeHeld(object, ARENA)
    machine.close()
    const second = new LinuxMachine()
    const map = second.createMap(object.maps[0]!)
    expect(outcome(() => map.mmap(FIXED))).toBe('ErrnoError EBUSY')
    expect(held.view![0]).toBe(7)
    delete held.view
    const arena = map.mmap(FIXED)
    arena.setU64(ARENA, 77n)
    // What the collector tells later of the old view does the new mapping no harm.
    for (let times = 0; times < 5; times++) {
      collect()
      await setTimeout(1)
    }
    expect(arena.u64(ARENA)).toBe(77n)
    second.close()
  })

  test('MAP_FIXED over a mapping in use takes it away, unless a view is held', (ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(at3)
    const { machine: first, held } = makeHeld(object, ARENA)
    const second = new LinuxMachine()
    const map = second.createMap(object.maps[0]!)
    const again = first.createMap(object.maps[0]!)
    for (const one of [map, again]) expect(outcome(() => one.mmap(FIXED))).toBe('ErrnoError EBUSY')
    expect(held.view![0]).toBe(7)
    delete held.view
    const arena = map.mmap(FIXED)
    arena.setU64(ARENA, 78n)
    // Closing the machine that had it leaves the new one.
    first.close()
    expect(arena.u64(ARENA)).toBe(78n)
    second.close()
  })

  test.for([
    ['private', { ...FIXED, shared: false }, true],
    ['above a part', { ...FIXED, address: ARENA + PAGE }, false],
  ] as const)('MAP_FIXED that is refused, %s: the old mapping is as the kernel left it', ([, request, gone], ctx) => {
    skipWithoutKernel(ctx)
    const object = assemble(at3)
    const first = new LinuxMachine()
    const old = first.load(object).map('arena').mmap()
    const second = new LinuxMachine()
    const map = second.createMap(object.maps[0]!)
    expect(outcome(() => map.mmap(request))).toBe('ErrnoError EINVAL')
    expect([old.unmapped, outcome(() => old.u8(ARENA))]).toEqual([
      gone,
      gone ? `SegmentationFault at ${ARENA}, code 1` : 0,
    ])
    first.close()
    second.close()
  })

  test('with segv_on_fault there is a view of pages that are there only', (ctx) => {
    skipWithoutKernel(ctx)
    const machine = new LinuxMachine()
    try {
      const text = STRICT.replaceAll('0x100000010000', '0x200000010000')
      const object = machine.load(assemble(text))
      const arena = object.map('arena').mmap()
      const base = arena.start
      ask(object, 'alloc', base, 2n)
      expect(arena.view(base + 8n, 2 * 4096 - 8).length).toBe(8184)
      expect(() => arena.view(base + PAGE, 4097)).toThrow(SegmentationFault)
      expect(outcome(() => arena.view(base + 4000n, 8192))).toBe(`SegmentationFault at ${base + 2n * PAGE}, code 1`)
    } finally {
      machine.close()
    }
  })
})
