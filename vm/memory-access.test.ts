/** Loads, stores and atomics in kernel memory, as a verified program does them and unchecked, against a model. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { build, type Instruction } from '../isa/instruction.ts'
import { Kind, Op, type Row, TABLE } from '../isa/table.ts'
import { jit } from '../jit/engine.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { Access, sealVerified } from '../program/loadable.ts'
import { Fixture, facts, type Outcome, op, wide } from './fixture.ts'
import { interpreter } from './interpreter-engine.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const RUNS = process.env.HARENA_LONG === undefined ? 40 : 400
  const fixture = new Fixture(undefined, engine)
  afterAll(() => fixture.close())

  const WAYS = [{ way: 'verified' }, { way: 'unchecked' }] as const
  type Way = (typeof WAYS)[number]['way']
  const BYTES = 64
  const MIDDLE = 32

  const u64: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const content: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: BYTES, maxLength: BYTES })
  const offset: fc.Arbitrary<number> = fc.integer({ min: -MIDDLE, max: MIDDLE - 8 })

  /** Runs `insn` with r1 the middle of a buffer that holds `bytes`; r2 and r0 as given. */
  function run(
    way: Way,
    insn: Instruction,
    bytes: Uint8Array,
    r2: bigint,
    r0: bigint,
  ): Outcome & { after: Uint8Array } {
    const { u8 } = fixture.kernel.memory
    u8.set(bytes, fixture.page)
    const insns = [...wide(0, r0), insn, op('exit')]
    const verified = way === 'verified' ? sealVerified(facts(insns, Access.KERNEL)) : undefined
    const outcome = fixture.run(insns, {
      args: [KERNEL_BASE + BigInt(fixture.page + MIDDLE), r2],
      verified,
      registers: true,
    })
    return { ...outcome, after: u8.slice(fixture.page, fixture.page + BYTES) }
  }

  const read = (bytes: Uint8Array, at: number, bits: number): bigint => {
    let value = 0n
    for (let index = bits / 8 - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index]!)
    return value
  }

  const written = (bytes: Uint8Array, at: number, bits: number, value: bigint): Uint8Array => {
    const copy = bytes.slice()
    for (let index = 0; index < bits / 8; index++) copy[at + index] = Number((value >> BigInt(8 * index)) & 0xffn)
    return copy
  }

  const rows = (...kinds: readonly Kind[]): readonly Row[] => TABLE.filter(({ kind }) => kinds.includes(kind))

  describe.each(WAYS)('$way', ({ way }) => {
    test.for(rows(Kind.LDX, Kind.LDXSX, Kind.LOAD_ACQUIRE))('$name', (row) => {
      fc.assert(
        fc.property(content, offset, u64, (bytes, off, old) => {
          const value = read(bytes, MIDDLE + off, row.memWidth)
          const expected = row.kind === Kind.LDXSX ? BigInt.asUintN(64, BigInt.asIntN(row.memWidth, value)) : value
          const outcome = run(way, build(row, { dst: 0, src: 1, off }), bytes, 0n, old)
          expect(outcome.r0).toBe(expected)
          expect(outcome.after).toEqual(bytes)
        }),
        { numRuns: RUNS },
      )
    })

    test.for(rows(Kind.ST, Kind.STX, Kind.STORE_RELEASE))('$name', (row) => {
      fc.assert(
        fc.property(content, offset, u64, fc.integer(), (bytes, off, r2, imm) => {
          const insn = build(row, row.kind === Kind.ST ? { dst: 1, off, imm } : { dst: 1, src: 2, off })
          const value = row.kind === Kind.ST ? BigInt(imm) : r2
          expect(run(way, insn, bytes, r2, 0n).after).toEqual(written(bytes, MIDDLE + off, row.memWidth, value))
        }),
        { numRuns: RUNS },
      )
    })

    test.for(rows(Kind.ATOMIC))('$name', (row) => {
      fc.assert(
        fc.property(content, offset, u64, u64, fc.boolean(), (bytes, off, r2, other, equal) => {
          const bits = row.memWidth as number
          const old = read(bytes, MIDDLE + off, bits)
          const r0 = equal ? old : other
          const outcome = run(way, build(row, { dst: 1, src: 2, off }), bytes, r2, r0)
          const fits = BigInt.asUintN(bits, r0) === old
          const model = atomicModel(row, old, BigInt.asUintN(bits, r2), fits)
          expect(outcome.after).toEqual(written(bytes, MIDDLE + off, bits, model))
          expect(outcome.registers[2]).toBe(row.fetch && row.op !== Op.CMPXCHG ? old : r2)
          expect(outcome.r0).toBe(row.op === Op.CMPXCHG ? old : r0)
        }),
        { numRuns: RUNS },
      )
    })
  })

  function atomicModel(row: Row, old: bigint, operand: bigint, fits: boolean): bigint {
    switch (row.op) {
      case Op.ADD:
        return old + operand
      case Op.AND:
        return old & operand
      case Op.OR:
        return old | operand
      case Op.XOR:
        return old ^ operand
      case Op.XCHG:
        return operand
      case Op.CMPXCHG:
        return fits ? operand : old
      default:
        throw new Error(`no atomic: ${row.name}`)
    }
  }
})
