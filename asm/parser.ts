/**
 * The grammar. Each statement is parsed alone, by its own entry rule, so an error ends where the statement ends.
 *
 *     ExpressionParser (registers, numbers, names) <- InstructionParser <- StatementParser (directives)
 *
 * Parser classes are Chevrotain's own way; only `parse` is for others.
 */
import type { IRecognitionException, IToken } from 'chevrotain'
import type { Expression } from './expression.ts'
import type { Rule } from './expression-parser.ts'
import { InstructionParser } from './instruction-parser.ts'
import { quote, StatementError } from './statement-error.ts'
import type {
  FunctionSyntax,
  GlobalSyntax,
  Initializer,
  InstructionSyntax,
  NamedType,
  OptionSyntax,
  TypeSyntax,
} from './syntax.ts'
import { decodeText } from './text.ts'
import * as T from './tokens.ts'

class StatementParser extends InstructionParser {
  constructor() {
    super()
    this.performSelfAnalysis()
  }

  /** `NAME key=value word …` */
  options: Rule<{ name: string; at: number; options: OptionSyntax[] }> = this.RULE(
    'options',
    (): { name: string; at: number; options: OptionSyntax[] } => {
      const name = this.CONSUME(T.Name)
      const options: OptionSyntax[] = []
      this.MANY(() => options.push(this.SUBRULE(this.setting)))
      return { name: name.image, at: name.startOffset, options }
    },
  )

  /** `key=value`, `key=type[4]`, or a word alone. What keys there are is told by the directive. */
  protected setting: Rule<OptionSyntax> = this.RULE('setting', (): OptionSyntax => {
    const name = this.CONSUME(T.Name)
    let value: Expression | undefined
    let count: Expression | undefined
    this.OPTION(() => {
      this.CONSUME(T.Assign)
      value = this.SUBRULE(this.expression)
      count = this.OPTION1(() => {
        this.CONSUME(T.LeftBracket)
        const n = this.SUBRULE1(this.expression)
        this.CONSUME(T.RightBracket)
        return n
      })
    })
    return { name: name.image, at: name.startOffset, value, count }
  })

  /** `NAME: type` */
  field: Rule<NamedType> = this.RULE('field', (): NamedType => {
    const name = this.CONSUME(T.Name)
    this.CONSUME(T.Colon)
    return { name: name.image, at: name.startOffset, type: this.SUBRULE(this.type) }
  })

  /** Words are taken as they come: which may follow which depends on the first one (types.ts). */
  protected type: Rule<TypeSyntax> = this.RULE('type', (): TypeSyntax => {
    const name = this.CONSUME(T.Name)
    const words: { text: string; at: number }[] = []
    const counts: Expression[] = []
    this.MANY(() => {
      const next = this.CONSUME1(T.Name)
      words.push({ text: next.image, at: next.startOffset })
    })
    this.MANY1(() => {
      this.CONSUME(T.LeftBracket)
      counts.push(this.SUBRULE(this.expression))
      this.CONSUME(T.RightBracket)
    })
    return { name: name.image, at: name.startOffset, words, counts }
  })

  /** `NAME: type = value` */
  global: Rule<GlobalSyntax> = this.RULE('global', (): GlobalSyntax => {
    const name = this.CONSUME(T.Name)
    const type = this.OPTION(() => {
      this.CONSUME(T.Colon)
      return this.SUBRULE(this.type)
    })
    const value = this.OPTION1(() => {
      this.CONSUME(T.Assign)
      return this.SUBRULE(this.initializer)
    })
    return { name: name.image, at: name.startOffset, type, value }
  })

  /** What stands behind `=`; whether the type can have it is seen when the global is laid out. */
  protected initializer: Rule<Initializer> = this.RULE('initializer', (): Initializer => {
    return this.OR({
      DEF: [
        {
          ALT: (): Initializer => {
            const token = this.CONSUME(T.Text)
            return this.ACTION((): Initializer => ({ kind: 'text', bytes: decodeText(token), at: token.startOffset }))
          },
        },
        {
          ALT: (): Initializer => {
            const at = this.CONSUME(T.LeftBrace).startOffset
            const values: Expression[] = []
            this.MANY_SEP({ SEP: T.Comma, DEF: () => values.push(this.SUBRULE1(this.expression)) })
            this.CONSUME(T.RightBrace)
            return { kind: 'list', values, at }
          },
        },
        { ALT: (): Initializer => ({ kind: 'value', value: this.SUBRULE(this.expression) }) },
      ],
      ERR_MSG: 'a value',
    })
  })

  /** `NAME(param: type, …) words` */
  func: Rule<FunctionSyntax> = this.RULE('func', (): FunctionSyntax => {
    const name = this.CONSUME(T.Name)
    let params: NamedType[] | undefined
    this.OPTION(() => {
      this.CONSUME(T.LeftParen)
      const list: NamedType[] = []
      this.MANY_SEP({ SEP: T.Comma, DEF: () => list.push(this.SUBRULE(this.parameter)) })
      this.CONSUME(T.RightParen)
      params = list
    })
    const words: { text: string; at: number }[] = []
    this.MANY(() => {
      const word = this.CONSUME1(T.Name)
      words.push({ text: word.image, at: word.startOffset })
    })
    return { name: name.image, at: name.startOffset, params, words }
  })

  /** `name: type`, or a type that needs no name, such as `ctx`. */
  protected parameter: Rule<NamedType> = this.RULE('parameter', (): NamedType => {
    const name = this.CONSUME(T.Name)
    const type = this.OPTION(() => {
      this.CONSUME(T.Colon)
      return this.SUBRULE(this.type)
    })
    const at = name.startOffset
    return { name: name.image, at, type: type ?? { name: name.image, at, words: [], counts: [] } }
  })

  /** `NAME, value` or `NAME = value` */
  constant: Rule<{ name: string; at: number; value: Expression }> = this.RULE(
    'constant',
    (): { name: string; at: number; value: Expression } => {
      const name = this.CONSUME(T.Name)
      this.OR({ DEF: [{ ALT: () => this.CONSUME(T.Comma) }, { ALT: () => this.CONSUME(T.Assign) }], ERR_MSG: "','" })
      return { name: name.image, at: name.startOffset, value: this.SUBRULE(this.expression) }
    },
  )

  /** `.struct NAME` */
  bareName: Rule<{ name: string; at: number }> = this.RULE('bareName', (): { name: string; at: number } => {
    const name = this.CONSUME(T.Name)
    return { name: name.image, at: name.startOffset }
  })

  text: Rule<{ bytes: Uint8Array; at: number }> = this.RULE('text', (): { bytes: Uint8Array; at: number } => {
    const token = this.CONSUME(T.Text)
    return this.ACTION(() => ({ bytes: decodeText(token), at: token.startOffset }))
  })

  texts: Rule<Uint8Array[]> = this.RULE('texts', (): Uint8Array[] => {
    const parts: Uint8Array[] = []
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => {
        const token = this.CONSUME(T.Text)
        this.ACTION(() => parts.push(decodeText(token)))
      },
    })
    return parts
  })

  values: Rule<Expression[]> = this.RULE('values', (): Expression[] => {
    const list: Expression[] = []
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => list.push(this.SUBRULE(this.expression)) })
    return list
  })

  /** For directives that stand alone: anything behind them is then told as one token too many. */
  nothing: Rule<undefined> = this.RULE('nothing', (): undefined => undefined)
}

let parser: StatementParser | undefined

/** Entry rules and what they give. */
interface Rules {
  readonly instruction: InstructionSyntax
  readonly options: { readonly name: string; readonly at: number; readonly options: readonly OptionSyntax[] }
  readonly field: NamedType
  readonly global: GlobalSyntax
  readonly func: FunctionSyntax
  readonly constant: { readonly name: string; readonly at: number; readonly value: Expression }
  readonly bareName: { readonly name: string; readonly at: number }
  readonly text: { readonly bytes: Uint8Array; readonly at: number }
  readonly texts: readonly Uint8Array[]
  readonly values: readonly Expression[]
  readonly nothing: undefined
}

/**
 * Parses the tokens of one statement by one entry rule.
 * @param end offset to which an error at the statement's end points
 * @throws StatementError
 */
export function parse<R extends keyof Rules>(rule: R, tokens: IToken[], end: number): Rules[R] {
  parser ??= new StatementParser()
  parser.depth = 0
  parser.input = tokens
  const result = parser[rule]() as Rules[R]
  const error = parser.errors[0]
  if (error !== undefined) throw statementError(error, end)
  return result
}

function statementError(error: IRecognitionException, end: number): StatementError {
  const { token } = error
  if (token.tokenType === T.BadInteger) {
    return new StatementError(token.startOffset, `${quote(token.image)} is not a number`)
  }
  const at = token.startOffset >= 0 ? token.startOffset : end
  return new StatementError(at, error.message)
}
