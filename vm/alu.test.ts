/** Every arithmetic instruction and every jump against a model in bigint, written from RFC 9669. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Instruction } from '../isa/instruction.ts'
import { build } from '../isa/instruction.ts'
import { Kind, Op, Operand, type Row, TABLE } from '../isa/table.ts'
import { jit } from '../jit/engine.ts'
import { Access, sealVerified } from '../program/loadable.ts'
import { Fixture, facts, op, wide } from './fixture.ts'
import { interpreter } from './interpreter-engine.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const RUNS = process.env.HARENA_LONG === undefined ? 60 : 600
  const fixture = new Fixture(undefined, engine)
  afterAll(() => fixture.close())

  const MASK = 2n ** 64n - 1n
  const signed = (bits: number, value: bigint): bigint => BigInt.asIntN(bits, value)
  const unsigned = (bits: number, value: bigint): bigint => BigInt.asUintN(bits, value)

  /** RFC 9669 section 4.1, in `bits` bits; operands unsigned. */
  function compute(operation: Op, bits: number, a: bigint, b: bigint): bigint {
    const sa = signed(bits, a)
    const sb = signed(bits, b)
    const shift = b & BigInt(bits - 1)
    switch (operation) {
      case Op.ADD:
        return a + b
      case Op.SUB:
        return a - b
      case Op.MUL:
        return a * b
      case Op.DIV:
        return b === 0n ? 0n : a / b
      case Op.SDIV:
        return b === 0n ? 0n : sa / sb
      case Op.MOD:
        return b === 0n ? a : a % b
      case Op.SMOD:
        return b === 0n ? a : sa % sb
      case Op.OR:
        return a | b
      case Op.AND:
        return a & b
      case Op.XOR:
        return a ^ b
      case Op.LSH:
        return a << shift
      case Op.RSH:
        return a >> shift
      case Op.ARSH:
        return sa >> shift
      default:
        throw new Error(`no arithmetic: ${operation}`)
    }
  }

  function swapped(bits: number, value: bigint): bigint {
    let result = 0n
    for (let at = 0; at < bits; at += 8) result = (result << 8n) | ((value >> BigInt(at)) & 0xffn)
    return result
  }

  /** The destination after an arithmetic instruction. */
  function expected(row: Row, a: bigint, b: bigint, imm: number, narrow = false): bigint {
    const bits = narrow ? 32 : row.width
    const operand = unsigned(bits, row.operand === Operand.REG ? b : BigInt(imm))
    switch (row.kind) {
      case Kind.ALU:
        return unsigned(bits, compute(row.op, bits, unsigned(bits, a), operand))
      case Kind.NEG:
        return unsigned(bits, -a)
      case Kind.MOV:
        return operand
      case Kind.MOVSX:
        return unsigned(bits, signed(row.memWidth, b))
      case Kind.END:
        return row.op === Op.LE ? unsigned(row.memWidth, a) : swapped(row.memWidth, a)
      default:
        throw new Error(`no arithmetic: ${row.name}`)
    }
  }

  function holds(operation: Op, bits: number, a: bigint, b: bigint): boolean {
    const sa = signed(bits, a)
    const sb = signed(bits, b)
    const table: Readonly<Record<number, boolean>> = {
      [Op.JEQ]: a === b,
      [Op.JNE]: a !== b,
      [Op.JGT]: a > b,
      [Op.JGE]: a >= b,
      [Op.JLT]: a < b,
      [Op.JLE]: a <= b,
      [Op.JSET]: (a & b) !== 0n,
      [Op.JSGT]: sa > sb,
      [Op.JSGE]: sa >= sb,
      [Op.JSLT]: sa < sb,
      [Op.JSLE]: sa <= sb,
    }
    const result = table[operation]
    if (result === undefined) throw new Error(`no comparison: ${operation}`)
    return result
  }

  const EDGES = [
    0n,
    1n,
    2n,
    7n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    0x1_0000_0000n,
    2n ** 63n - 1n,
    2n ** 63n,
    MASK,
  ]
  const value: fc.Arbitrary<bigint> = fc.oneof(
    fc.constantFrom(...EDGES),
    fc.bigInt({ min: 0n, max: MASK }),
    fc.bigInt({ min: 0n, max: 255n }),
    // High half equal to the sign of the low one.
    fc.integer().map((n) => unsigned(64, BigInt(n))),
  )
  const immediate: fc.Arbitrary<number> = fc.oneof(
    fc.constantFrom(0, 1, -1, 31, 32, 63, 64, 2 ** 31 - 1, -(2 ** 31)),
    fc.integer(),
  )

  /** r1 = a; r2 = b; the instruction on r1 and r2 (or both r1); exit with r0 = r1. */
  function around(insn: Instruction, a: bigint, b: bigint): Instruction[] {
    return [...wide(1, a), ...wide(2, b), insn, op('mov64_reg', { dst: 0, src: 1 }), op('exit')]
  }

  const ARITHMETIC = TABLE.filter(({ kind }) =>
    ([Kind.ALU, Kind.NEG, Kind.MOV, Kind.MOVSX, Kind.END] as readonly Kind[]).includes(kind),
  )
  const JUMPS = TABLE.filter(({ kind }) => kind === Kind.JCOND)

  describe('arithmetic', () => {
    test.for(ARITHMETIC)('$name', (row) => {
      fc.assert(
        fc.property(value, value, immediate, (a, b, number) => {
          const imm = row.operand === Operand.IMM ? number : 0
          const insn = build(row, { dst: 1, src: row.operand === Operand.REG ? 2 : 0, imm })
          expect(fixture.run(around(insn, a, b)).r0).toBe(expected(row, a, b, imm))
        }),
        { numRuns: RUNS },
      )
    })

    test.for(ARITHMETIC.filter(({ operand }) => operand === Operand.REG))('$name of a register with itself', (row) => {
      fc.assert(
        fc.property(value, (a) => {
          const insn = build(row, { dst: 1, src: 1 })
          expect(fixture.run(around(insn, a, 0n)).r0).toBe(expected(row, a, a, 0))
        }),
        { numRuns: RUNS / 4 },
      )
    })

    test.for(ARITHMETIC.filter(({ kind, width }) => kind === Kind.ALU && width === 64))(
      '$name on an arena pointer is computed in 32 bits',
      (row) => {
        fc.assert(
          fc.property(value, value, immediate, (a, b, number) => {
            const imm = row.operand === Operand.IMM ? number : 0
            const insn = build(row, { dst: 1, src: row.operand === Operand.REG ? 2 : 0, imm })
            const insns = around(insn, a, b)
            const verified = sealVerified(facts(insns, Access.NONE, [4]))
            expect(fixture.run(insns, { verified }).r0).toBe(expected(row, a, b, imm, true))
          }),
          { numRuns: RUNS / 4 },
        )
      },
    )
  })

  describe('conditional jumps', () => {
    test.for(JUMPS)('$name', (row) => {
      fc.assert(
        fc.property(value, value, immediate, fc.boolean(), (a, other, number, same) => {
          const b = same ? a : other
          const imm = row.operand === Operand.IMM ? number : 0
          const insn = build(row, { dst: 1, src: row.operand === Operand.REG ? 2 : 0, imm, off: 1 })
          const insns = [...wide(1, a), ...wide(2, b), op('mov64_imm', { dst: 0, imm: 1 }), insn]
          insns.push(op('mov64_imm', { dst: 0, imm: 2 }), op('exit'))
          const right = unsigned(row.width, row.operand === Operand.REG ? b : BigInt(imm))
          const taken = holds(row.op, row.width, unsigned(row.width, a), right)
          expect(fixture.run(insns).r0).toBe(taken ? 1n : 2n)
        }),
        { numRuns: RUNS },
      )
    })
  })
})
