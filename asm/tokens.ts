/**
 * The lexer. Chevrotain cuts the text into names, numbers and signs; names that are registers or words of the
 * instruction syntax are then told from the rest by one look-up, which keeps the lexer small and takes capitals
 * as llvm-mc does. Words and signs come from the instruction table, by way of isa/notation.ts.
 */
import { createToken, type IToken, Lexer, type TokenType } from 'chevrotain'
import { ALU_SIGN, ATOMIC_NAME, END_NAME, JUMP_SIGN } from '../isa/notation.ts'
import { Kind, TABLE } from '../isa/table.ts'

function sign(name: string, pattern: string): TokenType {
  return createToken({ name, pattern, label: `'${pattern}'` })
}

/** Any of `texts`, longest first; a leading `s` (signed) may stand apart from its sign. */
function oneOf(texts: readonly string[]): RegExp {
  const pattern = (text: string): string => text.replace(/[|^*+/\\.$()[\]{}?]/g, '\\$&').replace(/^s/, 's[ \\t]*')
  const sorted = [...texts].sort((a, b) => b.length - a.length)
  return new RegExp(sorted.map(pattern).join('|'))
}

const Space = createToken({ name: 'Space', pattern: /[ \t\f\v\u00a0\ufeff]+/, group: Lexer.SKIPPED })
const LineComment = createToken({ name: 'LineComment', pattern: /(?:#|\/\/)[^\n]*/, group: Lexer.SKIPPED })
const BlockComment = createToken({
  name: 'BlockComment',
  pattern: /\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\//,
  group: Lexer.SKIPPED,
  line_breaks: true,
})
export const UnclosedComment: TokenType = createToken({
  name: 'UnclosedComment',
  pattern: /\/\*[\s\S]*/,
  line_breaks: true,
})
/** Ends a statement: a line's end or `;`. */
export const End: TokenType = createToken({ name: 'End', pattern: /\r?\n|\r|;/, line_breaks: true })

export const Name: TokenType = createToken({ name: 'Name', pattern: /[A-Za-z_.$][\w.$@]*/, label: 'a name' })
/** A word of the instruction syntax; as an operand's name it still is a name. */
function word(name: string, label: string): TokenType {
  return createToken({ name, pattern: Lexer.NA, categories: Name, label })
}

export const Register: TokenType = createToken({ name: 'Register', pattern: Lexer.NA, label: 'a register' })
/** `1b`, `1f`: the nearest label of that number before or behind. */
export const LabelReference: TokenType = createToken({
  name: 'LabelReference',
  pattern: /\d+[bf](?![\w.$@])/,
  label: 'a label',
})
export const Integer: TokenType = createToken({
  name: 'Integer',
  pattern: /(?:0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)(?![\w.$@])/,
  label: 'a number',
})
/** A number with something behind it that is no digit: `0x`, `08`, `1_000`. */
export const BadInteger: TokenType = createToken({ name: 'BadInteger', pattern: /\d[\w.$@]*/, label: 'a number' })
export const Character: TokenType = createToken({
  name: 'Character',
  pattern: /'(?:[^'\\\r\n]|\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3}|\\[^\r\n])'/,
  label: 'a character',
})
export const Text: TokenType = createToken({
  name: 'Text',
  pattern: /"(?:[^"\\\r\n]|\\[^\r\n])*"/,
  label: 'a string in double quotes',
})

export const Jump: TokenType = word('Jump', "'goto'")
export const If: TokenType = word('If', "'if'")
export const Call: TokenType = word('Call', "'call'")
export const CallX: TokenType = word('CallX', "'callx'")
export const Kfunc: TokenType = word('Kfunc', "'kfunc'")
export const Exit: TokenType = word('Exit', "'exit'")
export const Lock: TokenType = word('Lock', "'lock'")
export const LongLong: TokenType = word('LongLong', "'ll'")
export const Packet: TokenType = word('Packet', "'skb'")
export const LoadPseudo: TokenType = word('LoadPseudo', "'ld_pseudo'")
export const LoadAcquire: TokenType = word('LoadAcquire', "'load_acquire'")
export const StoreRelease: TokenType = word('StoreRelease', "'store_release'")
export const Cast: TokenType = word('Cast', "'addr_space_cast'")
export const Fetch: TokenType = word('Fetch', 'an atomic operation')
export const Exchange: TokenType = word('Exchange', "'xchg_64'")
export const CompareExchange: TokenType = word('CompareExchange', "'cmpxchg_64'")
export const Swap: TokenType = word('Swap', 'a byte swap')
export const MemoryType: TokenType = word('MemoryType', 'a memory type such as u64')

export const Compound: TokenType = createToken({
  name: 'Compound',
  pattern: oneOf(Object.values(ALU_SIGN)),
  label: "an operator such as '+='",
})
/** Comparisons; `&` is one too, but also an operator of expressions. */
export const Compare: TokenType = createToken({
  name: 'Compare',
  pattern: oneOf(Object.values(JUMP_SIGN).filter((text) => text !== '&')),
  label: "a comparison such as '=='",
})
export const And: TokenType = sign('And', '&')
export const Shift: TokenType = createToken({ name: 'Shift', pattern: /<<|>>/, label: 'a shift' })
export const Plus: TokenType = sign('Plus', '+')
export const Minus: TokenType = sign('Minus', '-')
export const Star: TokenType = sign('Star', '*')
/** Operators of expressions that mean nothing else. */
export const Operator: TokenType = createToken({ name: 'Operator', pattern: /[/%|^]/, label: 'an operator' })
export const Tilde: TokenType = sign('Tilde', '~')
export const Assign: TokenType = sign('Assign', '=')
export const Comma: TokenType = sign('Comma', ',')
export const Colon: TokenType = sign('Colon', ':')
export const LeftParen: TokenType = sign('LeftParen', '(')
export const RightParen: TokenType = sign('RightParen', ')')
export const LeftBracket: TokenType = sign('LeftBracket', '[')
export const RightBracket: TokenType = sign('RightBracket', ']')
export const LeftBrace: TokenType = sign('LeftBrace', '{')
export const RightBrace: TokenType = sign('RightBrace', '}')
/** Stands only in compiler output, before types of symbols. */
const At = sign('At', '@')

/** In the order in which they are tried. */
export const TOKENS: TokenType[] = [
  Space,
  End,
  LineComment,
  BlockComment,
  UnclosedComment,
  Compound,
  Shift,
  Compare,
  Name,
  LabelReference,
  Integer,
  BadInteger,
  Character,
  Text,
  And,
  Plus,
  Minus,
  Star,
  Operator,
  Tilde,
  Assign,
  Comma,
  Colon,
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
  At,
  Register,
  Jump,
  If,
  Call,
  CallX,
  Kfunc,
  Exit,
  Lock,
  LongLong,
  Packet,
  LoadPseudo,
  LoadAcquire,
  StoreRelease,
  Cast,
  Fetch,
  Exchange,
  CompareExchange,
  Swap,
  MemoryType,
]

/** Words that may begin an instruction, for hints. */
export const FIRST_WORDS: readonly string[] = [
  'goto',
  'gotol',
  'may_goto',
  'if',
  'call',
  'callx',
  'exit',
  'lock',
  'ld_pseudo',
  'store_release',
]

function words(): Map<string, TokenType> {
  const found = new Map<string, TokenType>([
    ['goto', Jump],
    ['gotol', Jump],
    ['may_goto', Jump],
    ['if', If],
    ['call', Call],
    ['callx', CallX],
    ['kfunc', Kfunc],
    ['exit', Exit],
    ['lock', Lock],
    ['ll', LongLong],
    ['skb', Packet],
    ['ld_pseudo', LoadPseudo],
    ['load_acquire', LoadAcquire],
    ['store_release', StoreRelease],
    ['addr_space_cast', Cast],
    ['xchg_64', Exchange],
    ['xchg32_32', Exchange],
    ['cmpxchg_64', CompareExchange],
    ['cmpxchg32_32', CompareExchange],
  ])
  for (const row of TABLE) {
    if (row.kind === Kind.END) found.set(`${END_NAME[row.op]}${row.memWidth}`, Swap)
    if (row.kind === Kind.LDX) found.set(`u${row.memWidth}`, MemoryType).set(`s${row.memWidth}`, MemoryType)
  }
  for (const name of Object.values(ATOMIC_NAME)) found.set(`atomic_fetch_${name}`, Fetch)
  for (let number = 0; number < 100; number++) found.set(`r${number}`, Register).set(`w${number}`, Register)
  return found
}

const WORDS: ReadonlyMap<string, TokenType> = words()

let lexer: Lexer | undefined

/** A piece of a text that ends where a line does, so that no statement goes beyond it. */
export interface Lexed {
  readonly tokens: readonly IToken[]
  /** Characters that begin no token. */
  readonly stray: readonly { readonly offset: number; readonly length: number }[]
  /** Offset of its end. */
  readonly end: number
}

/** Characters in a piece, about: tokens of a whole large file at once would keep the garbage collector busy. */
const PIECE = 1 << 16

/** Cuts `text` into tokens, piece by piece. Never fails. */
export function* lex(text: string): Generator<Lexed> {
  for (let from = 0; from < text.length; ) {
    let piece = lexPiece(text, from, PIECE)
    // A comment that is cut by the piece's end may close further on.
    for (let size = 2 * PIECE; piece.end < text.length && endsInComment(piece); size *= 2) {
      piece = lexPiece(text, from, size)
    }
    yield piece
    from = piece.end
  }
}

function endsInComment({ tokens }: Lexed): boolean {
  return tokens.at(-1)?.tokenType === UnclosedComment
}

function lexPiece(text: string, from: number, size: number): Lexed {
  const lineEnd = text.indexOf('\n', from + size)
  const end = lineEnd < 0 ? text.length : lineEnd + 1
  lexer ??= new Lexer(TOKENS, { positionTracking: 'onlyOffset' })
  const { tokens, errors } = lexer.tokenize(text.slice(from, end))
  for (const token of tokens) {
    token.startOffset += from
    if (token.tokenType !== Name) continue
    const type = WORDS.get(token.image) ?? (/[A-Z]/.test(token.image) ? capital(token.image) : undefined)
    if (type === undefined) continue
    token.tokenType = type
    token.tokenTypeIdx = type.tokenTypeIdx!
  }
  return { tokens, stray: errors.map(({ offset, length }) => ({ offset: offset + from, length })), end }
}

/** llvm-mc takes registers and mnemonics in capitals, the words inside operands it does not. */
function capital(image: string): TokenType | undefined {
  const type = image.length < 16 ? WORDS.get(image.toLowerCase()) : undefined
  return type === MemoryType || type === LongLong || type === Packet || type === Kfunc ? undefined : type
}
