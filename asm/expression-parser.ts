/** The part of the grammar that instructions and directives share: registers and expressions. */
import { EmbeddedActionsParser, type IParserErrorMessageProvider, type IToken, type ParserMethod } from 'chevrotain'
import { REGISTER_COUNT } from '../isa/opcode.ts'
import { type Expression, groupBinary } from './expression.ts'
import { quote, StatementError } from './statement-error.ts'
import type { Operand, RegisterOperand } from './syntax.ts'
import { decodeCharacter } from './text.ts'
import * as T from './tokens.ts'

/** A rule that takes `A` and gives `R`. */
export type Rule<R, A extends unknown[] = []> = ParserMethod<A, R>

/** Parentheses inside parentheses; more is a mistake or an attack. */
const MAX_DEPTH = 100

/** Chevrotain's own messages name token classes; these name what a user would write. */
const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${expected.LABEL ?? expected.name}${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected the end of the statement${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? 'something else'}${found(actual[0])}`,
  buildEarlyExitMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? 'something else'}${found(actual[0])}`,
}

/** `, found 'x'` */
function found(token: IToken | undefined): string {
  return token === undefined || token.image === ''
    ? ', found the end of the statement'
    : `, found ${quote(token.image)}`
}

/**
 * Chevrotain runs every rule once without input, to learn the grammar: whatever looks at a token's text or throws
 * stands inside ACTION, which that run leaves out.
 */
export class ExpressionParser extends EmbeddedActionsParser {
  /** Open parentheses of the statement being parsed. */
  depth = 0

  constructor() {
    super(T.TOKENS, { maxLookahead: 2, errorMessageProvider: messages })
  }

  /** Any number is a register to the lexer; those beyond r10 are refused here. */
  protected register: Rule<RegisterOperand> = this.RULE('register', (): RegisterOperand => {
    const token = this.CONSUME(T.Register)
    return this.ACTION(() => {
      const number = Number(token.image.slice(1))
      if (number >= REGISTER_COUNT) {
        throw new StatementError(token.startOffset, `there is no register ${token.image}`, {
          hint: 'registers are r0 to r10, and w0 to w10 for their lower halves',
        })
      }
      // r or R: capitals are registers too.
      const wide = token.image.charCodeAt(0) === 0x72 || token.image.charCodeAt(0) === 0x52
      return { kind: 'register', number, width: wide ? 64 : 32, at: token.startOffset }
    })
  })

  /** ` + 8`, ` - item.size`: what follows a base register. */
  protected displacement: Rule<Expression> = this.RULE('displacement', (): Expression => {
    this.OR({ DEF: [{ ALT: () => this.CONSUME(T.Plus) }, { ALT: () => this.CONSUME(T.Minus) }], ERR_MSG: "'+' or '-'" })
    const sign = this.LA(0)
    const operand = this.SUBRULE(this.term)
    const first = this.ACTION(() => applySigns([sign], operand))
    return this.SUBRULE(this.tail, { ARGS: [first] })
  })

  /** What may stand on the right of an operator. */
  protected operand: Rule<Operand> = this.RULE('operand', (): Operand => {
    return this.OR({
      DEF: [{ ALT: () => this.SUBRULE(this.register) }, { ALT: () => this.SUBRULE(this.expression) }],
      ERR_MSG: 'a register or a number',
    })
  })

  /** A flat list of terms; strength is sorted out when it is complete, which spares a rule for each level. */
  protected expression: Rule<Expression> = this.RULE('expression', (): Expression => {
    const first = this.SUBRULE(this.term)
    return this.SUBRULE(this.tail, { ARGS: [first] })
  })

  /** What follows an expression's first term. */
  protected tail: Rule<Expression, [first: Expression]> = this.RULE('tail', (first: Expression): Expression => {
    let operands: Expression[] | undefined
    let signs: string[] | undefined
    this.MANY(() => {
      const sign = this.SUBRULE(this.operator)
      const operand = this.SUBRULE(this.term)
      operands ??= [first]
      signs ??= []
      signs.push(sign)
      operands.push(operand)
    })
    return this.ACTION(() => (operands === undefined ? first : groupBinary(operands, signs ?? [])))
  })

  /** Any infix operator; how strongly it binds is expression.ts's business. */
  protected operator: Rule<string> = this.RULE('operator', (): string => {
    return this.OR([
      { ALT: () => this.CONSUME(T.Plus).image },
      { ALT: () => this.CONSUME(T.Minus).image },
      { ALT: () => this.CONSUME(T.Star).image },
      { ALT: () => this.CONSUME(T.Operator).image },
      { ALT: () => this.CONSUME(T.Shift).image },
      { ALT: () => this.CONSUME(T.And).image },
    ])
  })

  /** A number, a name, a character, or an expression in parentheses, with signs before it. */
  protected term: Rule<Expression> = this.RULE('term', (): Expression => {
    return this.OR({
      DEF: [
        {
          ALT: (): Expression => {
            const token = this.CONSUME(T.Integer)
            return this.ACTION((): Expression => ({ kind: 'integer', value: integer(token), at: token.startOffset }))
          },
        },
        {
          ALT: (): Expression => {
            const token = this.CONSUME(T.Name)
            return { kind: 'name', name: token.image, at: token.startOffset }
          },
        },
        {
          ALT: (): Expression => {
            const token = this.CONSUME(T.Character)
            return this.ACTION(
              (): Expression => ({ kind: 'integer', value: BigInt(decodeCharacter(token)), at: token.startOffset }),
            )
          },
        },
        { ALT: () => this.SUBRULE(this.signed) },
        {
          ALT: (): Expression => {
            const open = this.CONSUME(T.LeftParen)
            this.ACTION(() => {
              if (++this.depth > MAX_DEPTH) throw new StatementError(open.startOffset, 'parentheses nest too deeply')
            })
            const inner = this.SUBRULE(this.expression)
            this.CONSUME(T.RightParen)
            this.ACTION(() => {
              this.depth--
            })
            return inner
          },
        },
      ],
      ERR_MSG: 'a number or a name',
    })
  })

  /** A run of signs is one flat list: nested rules would let `-----1` exhaust the stack. */
  protected signed: Rule<Expression> = this.RULE('signed', (): Expression => {
    const signs: IToken[] = []
    this.AT_LEAST_ONE(() => {
      const sign = this.OR([
        { ALT: () => this.CONSUME(T.Minus) },
        { ALT: () => this.CONSUME(T.Plus) },
        { ALT: () => this.CONSUME(T.Tilde) },
      ])
      signs.push(sign)
    })
    const operand = this.SUBRULE(this.term)
    return this.ACTION(() => applySigns(signs, operand))
  })
}

/** Hex, binary, octal by a leading 0, decimal. Short ones need no bigint parsing. */
function integer(token: IToken): bigint {
  const { image } = token
  if (image.length > 1 && image.charCodeAt(0) === 0x30 && /^0\d/.test(image)) {
    if (/[89]/.test(image)) throw new StatementError(token.startOffset, `${quote(image)} is not an octal number`)
    return checked(BigInt(`0o${image.slice(1)}`), token)
  }
  if (image.length < 16) return BigInt(Number(image))
  if (image.length > 80) throw new StatementError(token.startOffset, `the number ${quote(image)} has over 64 bits`)
  return checked(BigInt(image), token)
}

/** A number of up to 64 bits, as LLVM's assembler takes it: wider ones are refused, not cut. */
function checked(value: bigint, token: IToken): bigint {
  if (value >> 64n === 0n) return value
  throw new StatementError(token.startOffset, `the number ${quote(token.image)} has over 64 bits`)
}

/** The innermost sign first. */
function applySigns(signs: readonly IToken[], operand: Expression): Expression {
  let result = operand
  for (let i = signs.length - 1; i >= 0; i--) {
    const sign = signs[i]!
    if (sign.image === '+') continue
    const at = sign.startOffset
    if (result.kind === 'integer') {
      const { value } = result
      result = { kind: 'integer', value: sign.image === '-' ? -value : ~value, at }
    } else {
      result = { kind: 'unary', sign: sign.image, operand: result, at }
    }
  }
  return result
}
