/**
 * Arena accesses of programs, as observed on Linux 6.18 (the letters are those of the observations): loads and stores
 * at absent pages (a), across a page's end (b), atomics (c), casts (f), the ends of the 4 GiB window (h). Each runs
 * the way a verified program does, and unchecked.
 */
import { afterAll, describe, expect, test } from 'vitest'
import type { Instruction } from '../isa/instruction.ts'
import { jit } from '../jit/engine.ts'
import { Access, sealVerified } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { Fixture, facts, type Outcome, op, wide } from './fixture.ts'
import { interpreter } from './interpreter-engine.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const BASE = 0x1000_0000_0000n
  const PAGE = 4096n
  const FIVES = 0x5555_5555_5555_5555n
  const fixture = new Fixture({ base: BASE, pages: 16 }, engine)
  const whole = new Fixture({ base: BASE, pages: 2 ** 20 }, engine)
  afterAll(() => {
    fixture.close()
    whole.close()
  })

  const WAYS = [{ way: 'verified' }, { way: 'unchecked' }] as const
  type Way = (typeof WAYS)[number]['way']

  function run(way: Way, insns: readonly Instruction[], on: Fixture = fixture, args: readonly bigint[] = []): Outcome {
    const program = [...insns, op('exit')]
    const verified = way === 'verified' ? sealVerified(facts(program, Access.ARENA)) : undefined
    return on.run(program, { args, verified, registers: true })
  }

  const kernel = (address: bigint): bigint => address & 0xffff_ffffn

  /** Pages 2 (filled with 0xaa) present, 1 and 3 absent. */
  function fresh(on: Fixture = fixture): void {
    const arena = on.arena!
    arena.freePages(0, 0x1000, 16)
    expect(arena.allocPages(0x2000, 0, 1, -1, 0, 0)).toBe(0x2000)
    arena.memory.u8.fill(0xaa, 0x2000, 0x3000)
  }

  const u64 = (at: number, on: Fixture = fixture): bigint => on.arena!.memory.view.getBigUint64(at, true)

  describe.each(WAYS)('$way', ({ way }) => {
    describe('(a) absent pages', () => {
      test.each(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'])('a load of %s gives 0', (size) => {
        fresh()
        const insns = [
          ...wide(0, FIVES),
          op('mov64_imm', { dst: 7, imm: 7 }),
          op(`ldx_${size}`, { dst: 0, src: 1, off: 16 }),
        ]
        const { r0, registers } = run(way, insns, fixture, [0x5000n])
        expect([r0, registers[1], registers[7]]).toEqual([0n, 0x5000n, 7n])
      })

      test('a load into its own base gives 0 and goes on', () => {
        fresh()
        const insns = [op('ldx_u64', { dst: 1, src: 1 }), op('mov64_imm', { dst: 0, imm: 42 })]
        const { registers } = run(way, insns, fixture, [0x5000n])
        expect(registers.slice(0, 2)).toEqual([42n, 0n])
      })

      test.each(['u8', 'u16', 'u32', 'u64'])('a store of %s is dropped', (size) => {
        fresh()
        const insns = [op(`st_${size}`, { dst: 1, imm: 0x77 }), op(`stx_${size}`, { dst: 1, src: 1, off: 8 })]
        insns.push(op('ldx_u64', { dst: 0, src: 1 }))
        expect(run(way, insns, fixture, [0x5000n]).r0).toBe(0n)
        expect(fixture.arena!.table.has(5)).toBe(false)
        expect(fixture.arena!.allocPages(0x5000, 0, 1, -1, 0, 0)).toBe(0x5000)
        expect([u64(0x5000), u64(0x5008)]).toEqual([0n, 0n])
      })

      test('what was stored is gone after a free', () => {
        fresh()
        expect(run(way, [op('ldx_u64', { dst: 0, src: 1 })], fixture, [0x2000n]).r0).toBe(0xaaaa_aaaa_aaaa_aaaan)
        fixture.arena!.freePages(0x2000, 0x1000, 1)
        expect(run(way, [op('ldx_u64', { dst: 0, src: 1 })], fixture, [0x2000n]).r0).toBe(0n)
      })
    })

    describe('(b) across the end of a page', () => {
      test.each([
        ['u64', 0x2ffc, 0n],
        ['u64', 0x1ffc, 0n],
        ['u32', 0x2ffe, 0n],
        ['u16', 0x2fff, 0n],
        ['u32', 0x1ffe, 0n],
        ['u64', 0x2ff8, 0xaaaa_aaaa_aaaa_aaaan],
        ['u32', 0x2ffc, 0xaaaa_aaaan],
        ['u64', 0x2ff3, 0xaaaa_aaaa_aaaa_aaaan],
      ] as const)('a load of %s at %i', (size, at, expected) => {
        fresh()
        const insns = [...wide(0, FIVES), op(`ldx_${size}`, { dst: 0, src: 1 })]
        expect(run(way, insns, fixture, [BigInt(at)]).r0).toBe(expected)
      })

      test.each([
        ['u64', 0x2ffc],
        ['u64', 0x1ffc],
        ['u32', 0x2ffe],
        ['u16', 0x2fff],
      ] as const)('a store of %s at %i changes not one byte', (size, at) => {
        fresh()
        run(way, [op('mov64_imm', { dst: 2, imm: 0x11 }), op(`stx_${size}`, { dst: 1, src: 2 })], fixture, [BigInt(at)])
        expect(fixture.arena!.memory.u8.subarray(0x2000, 0x3000).every((byte) => byte === 0xaa)).toBe(true)
        expect(u64(0x3000)).toBe(0n)
      })

      test('of two present pages: done whole', () => {
        fresh()
        fixture.arena!.allocPages(0x3000, 0, 1, -1, 0, 0)
        const insns = [...wide(2, 0x8877_6655_4433_2211n), op('stx_u64', { dst: 1, src: 2, off: -4 })]
        insns.push(op('ldx_u64', { dst: 0, src: 1, off: -4 }))
        expect(run(way, insns, fixture, [0x3000n]).r0).toBe(0x8877_6655_4433_2211n)
        expect(u64(0x3000) & 0xffff_ffffn).toBe(0x8877_6655n)
      })
    })

    describe('(c) atomics', () => {
      // name, r2 and memory afterwards on a present page that held 0x10; r2 = 7, r0 = 0x10
      const CASES = [
        ['atomic_add_u64', 7n, 0x17n],
        ['atomic_add_u32', 7n, 0x17n],
        ['atomic_or_u64', 7n, 0x17n],
        ['atomic_and_u64', 7n, 0n],
        ['atomic_xor_u64', 7n, 0x17n],
        ['atomic_fetch_add_u64', 0x10n, 0x17n],
        ['atomic_fetch_add_u32', 0x10n, 0x17n],
        ['atomic_xchg_u64', 0x10n, 7n],
        ['atomic_xchg_u32', 0x10n, 7n],
        ['atomic_cmpxchg_u64', 7n, 7n],
        ['atomic_cmpxchg_u32', 7n, 7n],
        ['store_release_u64', 7n, 7n],
        ['store_release_u16', 7n, 7n],
      ] as const

      test.each(CASES)('%s', (name, r2, memory) => {
        fresh()
        fixture.arena!.allocPages(0x1000, 0, 1, -1, 0, 0)
        fixture.arena!.memory.view.setBigUint64(0x1000, 0x10n, true)
        const insns = [
          op('mov64_imm', { dst: 0, imm: 0x10 }),
          op('mov64_imm', { dst: 2, imm: 7 }),
          op(name, { dst: 1, src: 2 }),
        ]
        const present = run(way, insns, fixture, [0x1000n])
        expect([present.r0, present.registers[2], u64(0x1000)]).toEqual([0x10n, r2, memory])
        const absent = run(way, insns, fixture, [0x6000n])
        expect([absent.r0, absent.registers[2]]).toEqual([0x10n, 7n])
        expect(fixture.arena!.table.has(6)).toBe(false)
      })

      // 0x11 in r0's upper half; memory holds 0x10. What is found equal leaves all of r0, as on Linux; else it is cut.
      test.each([
        [0x1000n, 0x10, 0x11_0000_0010n, 7n],
        [0x1000n, 0x12, 0x10n, 0x10n],
        [0x1001n, 0, 0x11_0000_0000n, 0x710n],
        [0x1001n, 1, 0n, 0x10n],
      ])('atomic_cmpxchg_u32 at %i, expecting %i', (at, expected, r0, memory) => {
        fresh()
        fixture.arena!.allocPages(0x1000, 0, 1, -1, 0, 0)
        fixture.arena!.memory.view.setBigUint64(0x1000, 0x10n, true)
        const insns = [
          ...wide(0, (0x11n << 32n) | BigInt(expected)),
          op('mov64_imm', { dst: 2, imm: 7 }),
          op('atomic_cmpxchg_u32', { dst: 1, src: 2 }),
        ]
        expect([run(way, insns, fixture, [at]).r0, u64(0x1000)]).toEqual([r0, memory])
      })

      test.each(['u8', 'u16', 'u32', 'u64'])('load_acquire_%s leaves the register alone on an absent page', (size) => {
        fresh()
        fixture.arena!.allocPages(0x1000, 0, 1, -1, 0, 0)
        fixture.arena!.memory.view.setBigUint64(0x1000, 0x10n, true)
        const insns = [op('mov64_imm', { dst: 2, imm: 7 }), op(`load_acquire_${size}`, { dst: 2, src: 1 })]
        expect(run(way, insns, fixture, [0x1000n]).registers[2]).toBe(0x10n)
        expect(run(way, insns, fixture, [0x6000n]).registers[2]).toBe(7n)
      })

      test('unaligned, and half absent', () => {
        fresh()
        fixture.arena!.memory.u8.fill(0, 0x2000, 0x3000)
        const insns = [op('mov64_imm', { dst: 2, imm: 7 }), op('atomic_fetch_add_u64', { dst: 1, src: 2 })]
        expect(run(way, insns, fixture, [0x2003n]).registers[2]).toBe(0n)
        expect(u64(0x2003)).toBe(7n)
        expect(run(way, insns, fixture, [0x2ffcn]).registers[2]).toBe(7n)
        expect(u64(0x2ff8)).toBe(0n)
      })
    })

    describe('(f) casts', () => {
      const VALUES = [
        [0x0n, 0x0n],
        [0x1n, 0x1000_0000_0001n],
        [0x1000n, 0x1000_0000_1000n],
        [0xffff_ffffn, 0x1000_ffff_ffffn],
        [0x1_0000_0000n, 0x0n],
        [0x1_0000_0001n, 0x1000_0000_0001n],
        [0x1000_0000_0000n, 0x0n],
        [0x1000_0000_0005n, 0x1000_0000_0005n],
        [0xffff_ffff_0000_0000n, 0x0n],
        [0xdead_beef_1234_5678n, 0x1000_1234_5678n],
      ] as const

      test.each(VALUES)('cast_user(%x)', (value, expected) => {
        const apart = [op('cast_user', { dst: 0, src: 1 })]
        const same = [op('cast_user', { dst: 1, src: 1 }), op('mov64_reg', { dst: 0, src: 1 })]
        const both = [op('cast_kern', { dst: 2, src: 1 }), op('cast_user', { dst: 0, src: 2 })]
        expect([apart, same, both].map((insns) => run(way, insns, fixture, [value]).r0)).toEqual([
          expected,
          expected,
          expected,
        ])
        expect(run(way, [op('cast_kern', { dst: 0, src: 1 })], fixture, [value]).r0).toBe(kernel(value))
      })

      test('with BPF_F_NO_USER_CONV the low half is all there is', () => {
        const plain = new Fixture({ base: BASE, pages: 4, flags: MAP_FLAGS.no_user_conv }, engine)
        try {
          const cast = (value: bigint): bigint => run(way, [op('cast_user', { dst: 0, src: 1 })], plain, [value]).r0
          expect([0n, 5n, 0x1_0000_0005n, 0x1000_0000_0009n].map(cast)).toEqual([0n, 5n, 5n, 9n])
        } finally {
          plain.close()
        }
      })
    })

    describe('(h) the ends of the window', () => {
      const LAST = 0xffff_f000n
      const at = (low: bigint, off: number): bigint => {
        const arena = whole.arena!
        arena.freePages(0, 1, 1)
        arena.freePages(-4096, 1, 1)
        arena.allocPages(0, 0x1000, 1, -1, 0, 0)
        arena.allocPages(-4096, 0, 1, -1, 0, 0)
        arena.memory.view.setBigUint64(0, 0x1111n, true)
        arena.memory.view.setBigUint64(Number(LAST + 4088n), 0xeeeen, true)
        const load = [...wide(0, FIVES), op('ldx_u64', { dst: 0, src: 1, off })]
        const store = [...wide(2, 0x9999n), op('stx_u64', { dst: 1, src: 2, off })]
        const { r0 } = run(way, load, whole, [low])
        if (r0 === 0n) {
          run(way, store, whole, [low])
          expect([u64(0, whole), u64(Number(LAST + 4088n), whole)]).toEqual([0x1111n, 0xeeeen])
        }
        return r0
      }

      test.each([
        [LAST + 4088n, 0, 0xeeeen],
        [LAST, 4088, 0xeeeen],
        [LAST, 4092, 0n],
        [LAST, 4096, 0n],
        [0xffff_ffffn, 32767, 0n],
        [0n, -8, 0n],
        [0n, -32768, 0n],
        [8n, -8, 0x1111n],
      ] as const)('r1 = %x, offset %i', (low, off, expected) => expect(at(low, off)).toBe(expected))
    })
  })

  test('(h) an arena pointer wraps at 4 GiB, as its arithmetic is narrow', () => {
    const sum = (low: bigint, add: bigint): bigint => {
      const insns = [
        ...wide(2, add),
        op('add64_reg', { dst: 1, src: 2 }),
        op('mov64_reg', { dst: 0, src: 1 }),
        op('exit'),
      ]
      return whole.run(insns, { args: [low], verified: sealVerified(facts(insns, Access.ARENA, [2])) }).r0
    }
    expect(sum(0xffff_f000n, 0x1000n)).toBe(0n)
    expect(sum(0n, 0xffff_ffff_ffff_fff8n)).toBe(0xffff_fff8n)
    expect(sum(0n, 0x1_0000_0000n)).toBe(0n)
    expect(sum(0n, 0x5_0000_0000n)).toBe(0n)
    expect(sum(8n, 0xffff_ffff_ffff_fff8n)).toBe(0n)
  })

  test('only the low half of a verified pointer counts', () => {
    fresh()
    const insns = [op('ldx_u64', { dst: 0, src: 1 })]
    for (const high of [0n, 1n, 0xdead_beefn]) {
      expect(run('verified', insns, fixture, [(high << 32n) + 0x2000n]).r0).toBe(0xaaaa_aaaa_aaaa_aaaan)
    }
    expect(() => run('unchecked', insns, fixture, [BASE + 2n * PAGE])).toThrow(/user-space address of the arena/)
  })
})
