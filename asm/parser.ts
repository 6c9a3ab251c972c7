/**
 * The grammar. Each statement is parsed alone, by its own entry rule, so an error ends where the statement ends. The
 * parser class is Chevrotain's own way; only the functions at the end leave this file.
 */
import {
  EmbeddedActionsParser,
  type IParserErrorMessageProvider,
  type IRecognitionException,
  type IToken,
} from 'chevrotain'
import { REGISTER_COUNT } from '../isa/opcode.ts'
import { type Expression, groupBinary } from './expression.ts'
import { quote, StatementError } from './statement-error.ts'
import type {
  FunctionSyntax,
  GlobalSyntax,
  Initializer,
  InstructionSyntax,
  MemoryOperand,
  NamedType,
  Operand,
  OptionSyntax,
  RegisterOperand,
  TypeSyntax,
} from './syntax.ts'
import { decodeCharacter, decodeText } from './text.ts'
import * as T from './tokens.ts'

/** Parentheses inside parentheses; more is a mistake or an attack. */
const MAX_DEPTH = 100

const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${expected.LABEL ?? expected.name}${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected the end of the statement${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? 'something else'}${found(actual[0])}`,
  buildEarlyExitMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? 'something else'}${found(actual[0])}`,
}

function found(token: IToken | undefined): string {
  return token === undefined || token.image === ''
    ? ', found the end of the statement'
    : `, found ${quote(token.image)}`
}

class StatementParser extends EmbeddedActionsParser {
  depth = 0

  constructor() {
    super(T.TOKENS, { maxLookahead: 2, errorMessageProvider: messages, skipValidations: false })
    this.performSelfAnalysis()
  }

  instruction = this.RULE('instruction', (): InstructionSyntax => {
    return this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.assignment) },
        { ALT: () => this.SUBRULE(this.store) },
        { ALT: () => this.SUBRULE(this.lock) },
        { ALT: () => this.SUBRULE(this.jump) },
        { ALT: () => this.SUBRULE(this.branch) },
        { ALT: () => this.SUBRULE(this.call) },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.CallX)
            return { kind: 'callx', target: this.SUBRULE(this.register) }
          },
        },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.Exit)
            return { kind: 'exit' }
          },
        },
        { ALT: () => this.SUBRULE(this.loadPseudo) },
        { ALT: () => this.SUBRULE(this.release) },
      ],
      ERR_MSG: 'an instruction',
    })
  })

  private register = this.RULE('register', (): RegisterOperand => {
    const token = this.CONSUME(T.Register)
    return this.ACTION(() => {
      const number = Number(token.image.slice(1))
      if (number >= REGISTER_COUNT) {
        throw new StatementError(token.startOffset, `there is no register ${token.image}`, {
          hint: 'registers are r0 to r10, and w0 to w10 for their lower halves',
        })
      }
      const wide = token.image.charCodeAt(0) === 0x72 || token.image.charCodeAt(0) === 0x52
      return { kind: 'register', number, width: wide ? 64 : 32, at: token.startOffset }
    })
  })

  /** `r1 = …`, `r1 += …` */
  private assignment = this.RULE('assignment', (): InstructionSyntax => {
    const dst = this.SUBRULE(this.register)
    return this.OR({
      DEF: [
        {
          ALT: (): InstructionSyntax => {
            const sign = this.CONSUME(T.Compound).image
            const value = this.SUBRULE(this.operand)
            return { kind: 'alu', dst, sign, value }
          },
        },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.Assign)
            return this.SUBRULE(this.value, { ARGS: [dst] })
          },
        },
      ],
      ERR_MSG: "'=' or an operator such as '+='",
    })
  })

  private value = this.RULE('value', (dst: RegisterOperand): InstructionSyntax => {
    return this.OR({
      DEF: [
        { ALT: (): InstructionSyntax => ({ kind: 'move', dst, value: this.SUBRULE(this.register) }) },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.Minus)
            return { kind: 'negate', dst, src: this.SUBRULE1(this.register) }
          },
        },
        {
          ALT: (): InstructionSyntax => {
            const name = this.CONSUME(T.Swap).image
            return { kind: 'swap', name, dst, src: this.SUBRULE2(this.register) }
          },
        },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.LeftParen)
            const type = this.CONSUME(T.MemoryType).image
            this.CONSUME(T.RightParen)
            return { kind: 'extend', type, dst, src: this.SUBRULE3(this.register) }
          },
        },
        { ALT: () => this.SUBRULE(this.load, { ARGS: [dst] }) },
        { ALT: () => this.SUBRULE(this.cast, { ARGS: [dst] }) },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.LoadAcquire)
            this.CONSUME1(T.LeftParen)
            const memory = this.SUBRULE(this.typedMemory)
            this.CONSUME1(T.RightParen)
            return { kind: 'acquire', dst, memory }
          },
        },
        { ALT: () => this.SUBRULE(this.fetch, { ARGS: [dst] }) },
        { ALT: () => this.SUBRULE(this.exchange, { ARGS: [dst] }) },
        {
          ALT: (): InstructionSyntax => {
            const value = this.SUBRULE(this.expression)
            const wide = this.OPTION(() => this.CONSUME(T.LongLong)) !== undefined
            return { kind: wide ? 'wide' : 'move', dst, value }
          },
          IGNORE_AMBIGUITIES: true,
        },
      ],
      ERR_MSG: 'a register, a number or a memory access',
    })
  })

  /** `*(u64 *)(r1 + 8)`, `*(u8 *)skb[r1]` */
  private load = this.RULE('load', (dst: RegisterOperand): InstructionSyntax => {
    const at = this.CONSUME(T.Star).startOffset
    const type = this.SUBRULE(this.memoryType)
    return this.OR({
      DEF: [
        {
          ALT: (): InstructionSyntax => {
            const { base, offset } = this.SUBRULE(this.address)
            return { kind: 'load', dst, memory: { type, base, offset, at } }
          },
        },
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.Packet)
            this.CONSUME(T.LeftBracket)
            const index = this.SUBRULE(this.operand)
            const offset = this.OPTION(() => this.SUBRULE(this.displacement))
            this.CONSUME(T.RightBracket)
            return { kind: 'packet', dst, type, index, offset, at }
          },
        },
      ],
      ERR_MSG: "an address in parentheses or 'skb'",
    })
  })

  private memoryType = this.RULE('memoryType', (): string => {
    this.CONSUME(T.LeftParen)
    const type = this.CONSUME(T.MemoryType).image
    this.CONSUME(T.Star)
    this.CONSUME(T.RightParen)
    return type
  })

  private address = this.RULE('address', (): Pick<MemoryOperand, 'base' | 'offset'> => {
    this.CONSUME(T.LeftParen)
    const base = this.SUBRULE(this.register)
    const offset = this.OPTION(() => this.SUBRULE(this.displacement))
    this.CONSUME(T.RightParen)
    return { base, offset }
  })

  private displacement = this.RULE('displacement', (): Expression => {
    this.OR({ DEF: [{ ALT: () => this.CONSUME(T.Plus) }, { ALT: () => this.CONSUME(T.Minus) }], ERR_MSG: "'+' or '-'" })
    const sign = this.LA(0)
    const operand = this.SUBRULE(this.term)
    const first = this.ACTION(() => applySigns([sign], operand))
    return this.SUBRULE(this.tail, { ARGS: [first] })
  })

  private typedMemory = this.RULE('typedMemory', (): MemoryOperand => {
    const at = this.LA(1).startOffset
    const type = this.SUBRULE(this.memoryType)
    const { base, offset } = this.SUBRULE(this.address)
    return { type, base, offset, at }
  })

  private cast = this.RULE('cast', (dst: RegisterOperand): InstructionSyntax => {
    this.CONSUME(T.Cast)
    this.CONSUME(T.LeftParen)
    const src = this.SUBRULE(this.register)
    this.CONSUME(T.Comma)
    const to = this.SUBRULE(this.expression)
    this.CONSUME1(T.Comma)
    const from = this.SUBRULE1(this.expression)
    this.CONSUME(T.RightParen)
    return { kind: 'cast', dst, src, to, from }
  })

  private fetch = this.RULE('fetch', (dst: RegisterOperand): InstructionSyntax => {
    const name = this.CONSUME(T.Fetch)
    this.CONSUME(T.LeftParen)
    const memory = this.SUBRULE(this.typedMemory)
    this.CONSUME(T.Comma)
    const src = this.SUBRULE(this.register)
    this.CONSUME(T.RightParen)
    return { kind: 'fetch', name: name.image, dst, memory, old: undefined, src, at: name.startOffset }
  })

  /** `xchg_64(r1 + 0, r2)`, `cmpxchg_64(r1 + 0, r0, r2)` */
  private exchange = this.RULE('exchange', (dst: RegisterOperand): InstructionSyntax => {
    const compare = this.LA(1).tokenType === T.CompareExchange
    const name = this.OR([{ ALT: () => this.CONSUME(T.Exchange) }, { ALT: () => this.CONSUME(T.CompareExchange) }])
    this.CONSUME(T.LeftParen)
    const base = this.SUBRULE(this.register)
    const offset = this.OPTION(() => this.SUBRULE(this.displacement))
    this.CONSUME(T.Comma)
    const first = this.SUBRULE1(this.register)
    const second = this.OPTION1(() => {
      this.CONSUME1(T.Comma)
      return this.SUBRULE2(this.register)
    })
    const close = this.CONSUME(T.RightParen)
    return this.ACTION(() => {
      if (compare !== (second !== undefined)) {
        throw new StatementError(close.startOffset, `${name.image} takes ${compare ? 'two registers' : 'one register'}`)
      }
      const type = name.image.includes('32') ? 'u32' : 'u64'
      const at = name.startOffset
      const memory: MemoryOperand = { type, base, offset, at }
      const old = compare ? first : undefined
      return { kind: 'fetch', name: name.image, dst, memory, old, src: second ?? first, at }
    })
  })

  private store = this.RULE('store', (): InstructionSyntax => {
    this.CONSUME(T.Star)
    const memory = this.SUBRULE(this.typedMemory)
    this.CONSUME(T.Assign)
    return { kind: 'store', memory, value: this.SUBRULE(this.operand) }
  })

  private lock = this.RULE('lock', (): InstructionSyntax => {
    const at = this.CONSUME(T.Lock).startOffset
    this.CONSUME(T.Star)
    const memory = this.SUBRULE(this.typedMemory)
    const sign = this.CONSUME(T.Compound).image
    return { kind: 'atomic', memory, sign, src: this.SUBRULE(this.register), at }
  })

  private release = this.RULE('release', (): InstructionSyntax => {
    this.CONSUME(T.StoreRelease)
    this.CONSUME(T.LeftParen)
    const memory = this.SUBRULE(this.typedMemory)
    this.CONSUME(T.Comma)
    const src = this.SUBRULE(this.register)
    this.CONSUME(T.RightParen)
    return { kind: 'release', memory, src }
  })

  private jump = this.RULE('jump', (): InstructionSyntax => {
    const name = this.CONSUME(T.Jump).image
    return { kind: 'jump', name, target: this.SUBRULE(this.target) }
  })

  private branch = this.RULE('branch', (): InstructionSyntax => {
    this.CONSUME(T.If)
    const left = this.SUBRULE(this.register)
    const sign = this.OR({
      DEF: [{ ALT: () => this.CONSUME(T.Compare).image }, { ALT: () => this.CONSUME(T.And).image }],
      ERR_MSG: "a comparison such as '=='",
    })
    const right = this.SUBRULE(this.operand)
    const jump = this.CONSUME(T.Jump)
    this.ACTION(() => {
      if (jump.image.toLowerCase() !== 'goto') {
        throw new StatementError(jump.startOffset, `a condition goes with 'goto', not with '${jump.image}'`)
      }
    })
    return { kind: 'branch', left, sign, right, target: this.SUBRULE(this.target) }
  })

  /** A label, or a displacement in instructions. */
  private target = this.RULE('target', (): Expression => {
    return this.OR({
      DEF: [
        {
          ALT: (): Expression => {
            const token = this.CONSUME(T.LabelReference)
            return { kind: 'name', name: token.image, at: token.startOffset }
          },
        },
        { ALT: () => this.SUBRULE(this.expression) },
      ],
      ERR_MSG: 'a label or a displacement',
    })
  })

  private call = this.RULE('call', (): InstructionSyntax => {
    this.CONSUME(T.Call)
    return this.OR({
      DEF: [
        {
          ALT: (): InstructionSyntax => {
            this.CONSUME(T.Kfunc)
            const id = this.SUBRULE(this.expression)
            const off = this.OPTION(() => {
              this.CONSUME(T.Comma)
              return this.SUBRULE1(this.expression)
            })
            return { kind: 'call-kfunc', id, off }
          },
        },
        {
          ALT: (): InstructionSyntax => ({ kind: 'call', target: this.SUBRULE(this.target) }),
          IGNORE_AMBIGUITIES: true,
        },
      ],
      ERR_MSG: 'a function',
    })
  })

  private loadPseudo = this.RULE('loadPseudo', (): InstructionSyntax => {
    this.CONSUME(T.LoadPseudo)
    const dst = this.SUBRULE(this.register)
    this.CONSUME(T.Comma)
    const source = this.SUBRULE(this.expression)
    this.CONSUME1(T.Comma)
    return { kind: 'ld-pseudo', dst, source, value: this.SUBRULE1(this.expression) }
  })

  private operand = this.RULE('operand', (): Operand => {
    return this.OR({
      DEF: [{ ALT: () => this.SUBRULE(this.register) }, { ALT: () => this.SUBRULE(this.expression) }],
      ERR_MSG: 'a register or a number',
    })
  })

  private expression = this.RULE('expression', (): Expression => {
    const first = this.SUBRULE(this.term)
    return this.SUBRULE(this.tail, { ARGS: [first] })
  })

  /** What follows an expression's first term. */
  private tail = this.RULE('tail', (first: Expression): Expression => {
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

  private operator = this.RULE('operator', (): string => {
    return this.OR([
      { ALT: () => this.CONSUME(T.Plus).image },
      { ALT: () => this.CONSUME(T.Minus).image },
      { ALT: () => this.CONSUME(T.Star).image },
      { ALT: () => this.CONSUME(T.Operator).image },
      { ALT: () => this.CONSUME(T.Shift).image },
      { ALT: () => this.CONSUME(T.And).image },
    ])
  })

  private term = this.RULE('term', (): Expression => {
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

  private signed = this.RULE('signed', (): Expression => {
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

  // Directives: what stands behind their names.

  /** `NAME key=value word …` */
  options = this.RULE('options', (): { name: string; at: number; options: OptionSyntax[] } => {
    const name = this.CONSUME(T.Name)
    const options: OptionSyntax[] = []
    this.MANY(() => options.push(this.SUBRULE(this.setting)))
    return { name: name.image, at: name.startOffset, options }
  })

  private setting = this.RULE('setting', (): OptionSyntax => {
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
  field = this.RULE('field', (): NamedType => {
    const name = this.CONSUME(T.Name)
    this.CONSUME(T.Colon)
    return { name: name.image, at: name.startOffset, type: this.SUBRULE(this.type) }
  })

  private type = this.RULE('type', (): TypeSyntax => {
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
  global = this.RULE('global', (): GlobalSyntax => {
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

  private initializer = this.RULE('initializer', (): Initializer => {
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
  func = this.RULE('func', (): FunctionSyntax => {
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
  private parameter = this.RULE('parameter', (): NamedType => {
    const name = this.CONSUME(T.Name)
    const type = this.OPTION(() => {
      this.CONSUME(T.Colon)
      return this.SUBRULE(this.type)
    })
    const at = name.startOffset
    return { name: name.image, at, type: type ?? { name: name.image, at, words: [], counts: [] } }
  })

  /** `NAME, value` or `NAME = value` */
  constant = this.RULE('constant', (): { name: string; at: number; value: Expression } => {
    const name = this.CONSUME(T.Name)
    this.OR({ DEF: [{ ALT: () => this.CONSUME(T.Comma) }, { ALT: () => this.CONSUME(T.Assign) }], ERR_MSG: "','" })
    return { name: name.image, at: name.startOffset, value: this.SUBRULE(this.expression) }
  })

  bareName = this.RULE('bareName', (): { name: string; at: number } => {
    const name = this.CONSUME(T.Name)
    return { name: name.image, at: name.startOffset }
  })

  text = this.RULE('text', (): { bytes: Uint8Array; at: number } => {
    const token = this.CONSUME(T.Text)
    return this.ACTION(() => ({ bytes: decodeText(token), at: token.startOffset }))
  })

  texts = this.RULE('texts', (): Uint8Array[] => {
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

  values = this.RULE('values', (): Expression[] => {
    const list: Expression[] = []
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => list.push(this.SUBRULE(this.expression)) })
    return list
  })

  nothing = this.RULE('nothing', (): undefined => undefined)
}

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

function checked(value: bigint, token: IToken): bigint {
  if (value >> 64n === 0n) return value
  throw new StatementError(token.startOffset, `the number ${quote(token.image)} has over 64 bits`)
}

function applySigns(signs: readonly IToken[], operand: Expression): Expression {
  let result = operand
  for (let i = signs.length - 1; i >= 0; i--) {
    const sign = signs[i]!
    const at = sign.startOffset
    if (result.kind === 'integer') {
      const { value } = result
      result = { kind: 'integer', value: sign.image === '-' ? -value : sign.image === '~' ? ~value : value, at }
    } else if (sign.image !== '+') {
      result = { kind: 'unary', sign: sign.image, operand: result, at }
    }
  }
  return result
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
