import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Expression, evaluateKnown, evaluateSum, groupBinary, type Lookup } from './expression.ts'
import { StatementError } from './statement-error.ts'

const integer = (value: bigint): Expression => ({ kind: 'integer', value, at: 0 })
const name = (text: string, at = 0): Expression => ({ kind: 'name', name: text, at })
const nothing: Lookup = () => undefined

/** `a sign b sign c …` */
const chain = (...parts: readonly (Expression | string)[]): Expression =>
  groupBinary(
    parts.filter((part) => typeof part !== 'string'),
    parts.filter((part) => typeof part === 'string'),
  )

/** With every operation in parentheses. */
function shape(expression: Expression): string {
  if (expression.kind === 'binary') return `(${shape(expression.left)}${expression.sign}${shape(expression.right)})`
  return expression.kind === 'name' ? expression.name : '?'
}

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => name(text)) as [Expression, Expression, Expression, Expression]

test.each([
  [chain(a, '+', b, '*', c), '(a+(b*c))'],
  [chain(a, '*', b, '+', c), '((a*b)+c)'],
  [chain(a, '-', b, '-', c), '((a-b)-c)'],
  [chain(a, '+', b, '&', c), '(a+(b&c))'],
  [chain(a, '|', b, '&', c), '((a|b)&c)'],
  [chain(a, '&', b, '<<', c, '+', d), '((a&(b<<c))+d)'],
  [chain(a, '<<', b, '*', c), '((a<<b)*c)'],
])('%# groups as llvm-mc does', (expression, expected) => {
  expect(shape(expression)).toBe(expected)
})

describe('values', () => {
  const word = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })

  test('wrap at 64 bits', () => {
    const operations: Readonly<Record<string, (x: bigint, y: bigint) => bigint>> = {
      '+': (x, y) => x + y,
      '-': (x, y) => x - y,
      '*': (x, y) => x * y,
      '&': (x, y) => x & y,
      '|': (x, y) => x | y,
      '^': (x, y) => x ^ y,
    }
    fc.assert(
      fc.property(word, word, fc.constantFrom(...Object.keys(operations)), (x, y, sign) => {
        const value = evaluateKnown(chain(integer(x), sign, integer(y)), nothing)
        expect(value).toBe(BigInt.asIntN(64, operations[sign]!(x, y)))
      }),
    )
  })

  test('shifts to the right bring in zeros', () => {
    expect(evaluateKnown(chain(integer(-1n), '>>', integer(60n)), nothing)).toBe(15n)
  })
})

describe('symbols', () => {
  const known: Lookup = (text) => (text === 'k' ? 5n : undefined)

  test('one of them and what is added', () => {
    const sum = evaluateSum(chain(name('k'), '+', name('map', 7), '-', integer(2n)), known)
    expect(sum).toEqual({ symbol: { name: 'map', at: 7 }, addend: 3n })
  })

  test('are not known until they are', () => {
    const expression = chain(integer(1n), '+', name('later'), '*', integer(2n))
    expect(evaluateKnown(expression, known)).toBeUndefined()
    expect(evaluateKnown(expression, (text) => (text === 'later' ? 4n : undefined))).toBe(9n)
  })

  test.each([
    ['two', chain(a, '+', b)],
    ['subtracted', chain(integer(1n), '-', a)],
    ['multiplied', chain(integer(2n), '*', a)],
    ['negated', { kind: 'unary', sign: '-', operand: a, at: 0 } as const],
  ])('%s are refused', (_, expression) => {
    expect(() => evaluateSum(expression, nothing)).toThrow(StatementError)
  })
})
