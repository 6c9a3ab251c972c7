/**
 * The grammar of instructions. It only tells forms apart: widths, ranges and which operations exist are checked when a
 * statement is lowered, where the message can say what is possible instead.
 *
 * Two tokens of lookahead decide everywhere. Mistakes that a grammar could exclude, but not name, are let through and
 * refused by an action.
 */
import type { Expression } from './expression.ts'
import { ExpressionParser, type Rule } from './expression-parser.ts'
import { StatementError } from './statement-error.ts'
import type { InstructionSyntax, MemoryOperand, RegisterOperand } from './syntax.ts'
import * as T from './tokens.ts'

export class InstructionParser extends ExpressionParser {
  /** Entry rule. Each form begins with a word or sign of its own, so the first token decides. */
  instruction: Rule<InstructionSyntax> = this.RULE('instruction', (): InstructionSyntax => {
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

  /** `r1 = …`, `r1 += …` */
  protected assignment: Rule<InstructionSyntax> = this.RULE('assignment', (): InstructionSyntax => {
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

  /** What stands behind `r1 =`. Names that are words of the language come before expressions. */
  protected value: Rule<InstructionSyntax, [dst: RegisterOperand]> = this.RULE(
    'value',
    (dst: RegisterOperand): InstructionSyntax => {
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
            // Last: a sign, a parenthesis or a name may begin one of the forms above as well.
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
    },
  )

  /** `*(u64 *)(r1 + 8)`, `*(u8 *)skb[r1]` */
  protected load: Rule<InstructionSyntax, [dst: RegisterOperand]> = this.RULE(
    'load',
    (dst: RegisterOperand): InstructionSyntax => {
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
    },
  )

  /** `(u64 *)` */
  protected memoryType: Rule<string> = this.RULE('memoryType', (): string => {
    this.CONSUME(T.LeftParen)
    const type = this.CONSUME(T.MemoryType).image
    this.CONSUME(T.Star)
    this.CONSUME(T.RightParen)
    return type
  })

  /** `(r1 + 8)` */
  protected address: Rule<Pick<MemoryOperand, 'base' | 'offset'>> = this.RULE(
    'address',
    (): Pick<MemoryOperand, 'base' | 'offset'> => {
      this.CONSUME(T.LeftParen)
      const base = this.SUBRULE(this.register)
      const offset = this.OPTION(() => this.SUBRULE(this.displacement))
      this.CONSUME(T.RightParen)
      return { base, offset }
    },
  )

  /** `(u64 *)(r1 + 8)` */
  protected typedMemory: Rule<MemoryOperand> = this.RULE('typedMemory', (): MemoryOperand => {
    // Complaints about the type or the whole access point at its beginning.
    const at = this.LA(1).startOffset
    const type = this.SUBRULE(this.memoryType)
    const { base, offset } = this.SUBRULE(this.address)
    return { type, base, offset, at }
  })

  /** `addr_space_cast(r1, 0, 1)` */
  protected cast: Rule<InstructionSyntax, [dst: RegisterOperand]> = this.RULE(
    'cast',
    (dst: RegisterOperand): InstructionSyntax => {
      this.CONSUME(T.Cast)
      this.CONSUME(T.LeftParen)
      const src = this.SUBRULE(this.register)
      this.CONSUME(T.Comma)
      const to = this.SUBRULE(this.expression)
      this.CONSUME1(T.Comma)
      const from = this.SUBRULE1(this.expression)
      this.CONSUME(T.RightParen)
      return { kind: 'cast', dst, src, to, from }
    },
  )

  /** `atomic_fetch_add((u64 *)(r1 + 0), r2)` */
  protected fetch: Rule<InstructionSyntax, [dst: RegisterOperand]> = this.RULE(
    'fetch',
    (dst: RegisterOperand): InstructionSyntax => {
      const name = this.CONSUME(T.Fetch)
      this.CONSUME(T.LeftParen)
      const memory = this.SUBRULE(this.typedMemory)
      this.CONSUME(T.Comma)
      const src = this.SUBRULE(this.register)
      this.CONSUME(T.RightParen)
      return { kind: 'fetch', name: name.image, dst, memory, old: undefined, src, at: name.startOffset }
    },
  )

  /** `xchg_64(r1 + 0, r2)`, `cmpxchg_64(r1 + 0, r0, r2)` */
  protected exchange: Rule<InstructionSyntax, [dst: RegisterOperand]> = this.RULE(
    'exchange',
    (dst: RegisterOperand): InstructionSyntax => {
      // Asked before it is consumed: the choice below forgets which one it was.
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
      // In the grammar the second register is optional for both: its absence is then told as what it is.
      return this.ACTION(() => {
        if (compare !== (second !== undefined)) {
          throw new StatementError(
            close.startOffset,
            `${name.image} takes ${compare ? 'two registers' : 'one register'}`,
          )
        }
        const type = name.image.includes('32') ? 'u32' : 'u64'
        const at = name.startOffset
        const memory: MemoryOperand = { type, base, offset, at }
        const old = compare ? first : undefined
        return { kind: 'fetch', name: name.image, dst, memory, old, src: second ?? first, at }
      })
    },
  )

  /** `*(u64 *)(r1 + 8) = r2` */
  protected store: Rule<InstructionSyntax> = this.RULE('store', (): InstructionSyntax => {
    this.CONSUME(T.Star)
    const memory = this.SUBRULE(this.typedMemory)
    this.CONSUME(T.Assign)
    return { kind: 'store', memory, value: this.SUBRULE(this.operand) }
  })

  /** `lock *(u64 *)(r1 + 0) += r2` */
  protected lock: Rule<InstructionSyntax> = this.RULE('lock', (): InstructionSyntax => {
    const at = this.CONSUME(T.Lock).startOffset
    this.CONSUME(T.Star)
    const memory = this.SUBRULE(this.typedMemory)
    const sign = this.CONSUME(T.Compound).image
    return { kind: 'atomic', memory, sign, src: this.SUBRULE(this.register), at }
  })

  /** `store_release((u64 *)(r1 + 0), r2)` */
  protected release: Rule<InstructionSyntax> = this.RULE('release', (): InstructionSyntax => {
    this.CONSUME(T.StoreRelease)
    this.CONSUME(T.LeftParen)
    const memory = this.SUBRULE(this.typedMemory)
    this.CONSUME(T.Comma)
    const src = this.SUBRULE(this.register)
    this.CONSUME(T.RightParen)
    return { kind: 'release', memory, src }
  })

  /** `goto l`, `gotol l`, `may_goto l` */
  protected jump: Rule<InstructionSyntax> = this.RULE('jump', (): InstructionSyntax => {
    const name = this.CONSUME(T.Jump).image
    return { kind: 'jump', name, target: this.SUBRULE(this.target) }
  })

  /** `if r1 s> 5 goto l` */
  protected branch: Rule<InstructionSyntax> = this.RULE('branch', (): InstructionSyntax => {
    this.CONSUME(T.If)
    const left = this.SUBRULE(this.register)
    const sign = this.OR({
      DEF: [{ ALT: () => this.CONSUME(T.Compare).image }, { ALT: () => this.CONSUME(T.And).image }],
      ERR_MSG: "a comparison such as '=='",
    })
    const right = this.SUBRULE(this.operand)
    const jump = this.CONSUME(T.Jump)
    // `gotol` and `may_goto` have no condition; taken as a jump first, the message can say so.
    this.ACTION(() => {
      if (jump.image.toLowerCase() !== 'goto') {
        throw new StatementError(jump.startOffset, `a condition goes with 'goto', not with '${jump.image}'`)
      }
    })
    return { kind: 'branch', left, sign, right, target: this.SUBRULE(this.target) }
  })

  /** A label, or a displacement in instructions. */
  protected target: Rule<Expression> = this.RULE('target', (): Expression => {
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

  /** `call name`, `call 7`, `call kfunc 3, 0` */
  protected call: Rule<InstructionSyntax> = this.RULE('call', (): InstructionSyntax => {
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

  /** `ld_pseudo r1, 1, 5` */
  protected loadPseudo: Rule<InstructionSyntax> = this.RULE('loadPseudo', (): InstructionSyntax => {
    this.CONSUME(T.LoadPseudo)
    const dst = this.SUBRULE(this.register)
    this.CONSUME(T.Comma)
    const source = this.SUBRULE(this.expression)
    this.CONSUME1(T.Comma)
    return { kind: 'ld-pseudo', dst, source, value: this.SUBRULE1(this.expression) }
  })
}
