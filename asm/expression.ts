/**
 * Expressions in operands: integers, names, and the operators of LLVM's assembler with its precedence. Values are
 * 64 bits wide and wrap, as there.
 */
import { StatementError } from './statement-error.ts'

/** `at` is the offset in the source text that a complaint about it points to. */
export type Expression =
  | { readonly kind: 'integer'; readonly value: bigint; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'unary'; readonly sign: string; readonly operand: Expression; readonly at: number }
  | {
      readonly kind: 'binary'
      readonly sign: string
      readonly left: Expression
      readonly right: Expression
      readonly at: number
    }

/** What a name stands for: a number, or undefined while (or because) it is none. */
export type Lookup = (name: string, at: number) => bigint | undefined

/** A value, or one symbol and what is added to it. */
export interface Sum {
  readonly symbol: { readonly name: string; readonly at: number } | undefined
  readonly addend: bigint
}

/** Binding strength, as llvm-mc has it: shifts and products bind alike, `|`, `^` and `&` alike, then `+` and `-`. */
const STRENGTH: Readonly<Record<string, number>> = {
  '+': 1,
  '-': 1,
  '|': 2,
  '^': 2,
  '&': 2,
  '*': 3,
  '/': 3,
  '%': 3,
  '<<': 3,
  '>>': 3,
}

/** Groups `first sign operand sign operand …` by strength, equal strength to the left. */
export function groupBinary(operands: readonly Expression[], signs: readonly string[]): Expression {
  const values: Expression[] = [operands[0]!]
  const pending: string[] = []
  const reduce = (): void => {
    const right = values.pop()!
    const left = values.pop()!
    values.push({ kind: 'binary', sign: pending.pop()!, left, right, at: left.at })
  }
  signs.forEach((sign, i) => {
    while (pending.length > 0 && STRENGTH[pending.at(-1)!]! >= STRENGTH[sign]!) reduce()
    pending.push(sign)
    values.push(operands[i + 1]!)
  })
  while (pending.length > 0) reduce()
  return values[0]!
}

/** The value, or undefined while it holds a name that `lookup` does not know. */
export function evaluateKnown(expression: Expression, lookup: Lookup): bigint | undefined {
  if (expression.kind === 'integer') return expression.value
  if (expression.kind === 'name') return lookup(expression.name, expression.at)
  return isKnown(expression, lookup) ? evaluateSum(expression, lookup).addend : undefined
}

function isKnown(expression: Expression, lookup: Lookup): boolean {
  let node = expression
  while (node.kind === 'binary') {
    if (!isKnown(node.right, lookup)) return false
    node = node.left
  }
  if (node.kind === 'unary') return isKnown(node.operand, lookup)
  return node.kind === 'integer' || lookup(node.name, node.at) !== undefined
}

/** The expression as a sum of at most one symbol and a number; names that `lookup` knows are numbers. */
export function evaluateSum(expression: Expression, lookup: Lookup): Sum {
  switch (expression.kind) {
    case 'integer':
      return { symbol: undefined, addend: expression.value }
    case 'name': {
      const value = lookup(expression.name, expression.at)
      if (value !== undefined) return { symbol: undefined, addend: value }
      return { symbol: { name: expression.name, at: expression.at }, addend: 0n }
    }
    case 'unary': {
      const { symbol, addend } = evaluateSum(expression.operand, lookup)
      if (symbol !== undefined && expression.sign !== '+') throw notAddable(symbol)
      return { symbol, addend: expression.sign === '-' ? wrap(-addend) : expression.sign === '~' ? ~addend : addend }
    }
    case 'binary':
      return evaluateBinary(expression, lookup)
    default:
      return expression satisfies never
  }
}

function evaluateBinary(expression: Expression & { kind: 'binary' }, lookup: Lookup): Sum {
  // Long chains lean to the left: walk down that side in a loop, so that no source can exhaust the stack.
  const chain: (Expression & { kind: 'binary' })[] = []
  let leftmost: Expression = expression
  while (leftmost.kind === 'binary') {
    chain.push(leftmost)
    leftmost = leftmost.left
  }
  let sum = evaluateSum(leftmost, lookup)
  for (let node = chain.pop(); node !== undefined; node = chain.pop()) {
    const right = evaluateSum(node.right, lookup)
    if (node.sign === '+') {
      if (sum.symbol !== undefined && right.symbol !== undefined) throw notAddable(right.symbol)
      sum = { symbol: sum.symbol ?? right.symbol, addend: wrap(sum.addend + right.addend) }
    } else if (node.sign === '-') {
      if (right.symbol !== undefined) throw notAddable(right.symbol)
      sum = { symbol: sum.symbol, addend: wrap(sum.addend - right.addend) }
    } else {
      const symbol = sum.symbol ?? right.symbol
      if (symbol !== undefined) throw notAddable(symbol)
      sum = { symbol: undefined, addend: calculate(node.sign, sum.addend, right.addend, node.right.at) }
    }
  }
  return sum
}

function notAddable(symbol: { readonly name: string; readonly at: number }): StatementError {
  return new StatementError(symbol.at, `'${symbol.name}' is not a number that is known here`, {
    unknown: symbol.name,
  })
}

function calculate(sign: string, left: bigint, right: bigint, at: number): bigint {
  switch (sign) {
    case '*':
      return wrap(left * right)
    case '/':
    case '%':
      if (right === 0n) throw new StatementError(at, 'division by zero')
      return wrap(sign === '/' ? left / right : left % right)
    case '<<':
    case '>>':
      if (right < 0n || right > 63n) throw new StatementError(at, `a shift by ${right} bits; 0 to 63 are possible`)
      return wrap(sign === '<<' ? left << right : BigInt.asUintN(64, left) >> right)
    case '&':
      return left & right
    case '|':
      return left | right
    default:
      return left ^ right
  }
}

/** 64 bits, signed. */
function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value)
}
