/** Reads the statements of a file, and of the files it includes, into an Assembly. */
import type { IToken } from 'chevrotain'
import { type Assembly, complain, knownNumbers, where } from './assembly.ts'
import { type Body, defineLabel, makeBody, type Place } from './body.ts'
import { dataLabel } from './compiler-output.ts'
import { closeStruct, DIRECTIVE_NAMES, direct, type Statement } from './directives.ts'
import { evaluateSum } from './expression.ts'
import { lower, lowerRaw } from './lower.ts'
import { parse } from './parser.ts'
import { lineText, makeSource, positionAt, relativeTo, type SourceFile, stem } from './source.ts'
import { quote, StatementError } from './statement-error.ts'
import { Assign, Colon, End, FIRST_WORDS, Integer, type Lexed, lex, Name, UnclosedComment } from './tokens.ts'
import { readField, readType } from './types.ts'

/** A longer line is no program text. */
const MAX_LINE = 100_000
/** Files inside files. */
const MAX_INCLUDES = 100

/** Reads one source text; what is wrong with it is left in `assembly.complaints`. */
export function readSource(assembly: Assembly, source: SourceFile): void {
  const flaw = textFlaw(source)
  if (flaw !== undefined) {
    complain(assembly, { source, at: flaw.at, order: assembly.order++ }, flaw)
    return
  }
  // A file that is no text is complained about once, and not read: its bytes would give a complaint each.
  assembly.including.push(source)
  for (const piece of lex(source.text)) readPiece(assembly, source, piece)
  assembly.including.pop()
}

function readPiece(assembly: Assembly, source: SourceFile, { tokens, stray, end: last }: Lexed): void {
  let next = 0
  let start = 0
  for (let i = 0; i <= tokens.length; i++) {
    if (i < tokens.length && tokens[i]!.tokenType !== End) continue
    const end = i < tokens.length ? tokens[i]!.startOffset : last
    const first = stray[next]
    const isStray = first !== undefined && first.offset < end
    if (i > start || isStray) {
      const at = i > start ? tokens[start]!.startOffset : first!.offset
      const place = { source, at, order: assembly.order++ }
      readGuarded(assembly, place, tokens.slice(start, i), isStray ? first.offset : undefined)
    }
    while (next < stray.length && stray[next]!.offset < end) next++
    start = i + 1
  }
}

/** What shows at once that a text is no assembly: one complaint is then enough. */
function textFlaw({ text, lineStarts }: SourceFile): StatementError | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const binary = /[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]/.exec(text)
  if (binary !== null) return new StatementError(binary.index, 'this is no text, so no assembly either')
  for (let line = 0; line < lineStarts.length; line++) {
    const length = (lineStarts[line + 1] ?? text.length) - lineStarts[line]!
    if (length > MAX_LINE) {
      return new StatementError(lineStarts[line]!, `the line is ${length} characters long; ${MAX_LINE} are possible`)
    }
  }
  return undefined
}

/** A bad statement leaves a complaint and nothing else. */
function readGuarded(assembly: Assembly, place: Place, tokens: IToken[], stray: number | undefined): void {
  try {
    if (stray !== undefined) throw strayCharacter(place.source.text, stray)
    readStatement(assembly, place, tokens)
  } catch (error) {
    complain(assembly, place, error)
    if (assembly.body !== undefined && assembly.struct === undefined) assembly.body.failed = true
  }
}

/** What a character that begins no token probably was. */
function strayCharacter(text: string, at: number): StatementError {
  const character = String.fromCodePoint(text.codePointAt(at)!)
  if (character === '"') return new StatementError(at, 'the string has no closing quote')
  if (character === "'") return new StatementError(at, 'the character has no closing quote')
  return new StatementError(at, `unexpected character ${quote(character)}`)
}

/** Labels first, then a field, a directive or an instruction. */
function readStatement(assembly: Assembly, place: Place, tokens: IToken[]): void {
  const last = tokens.at(-1)!
  if (last.tokenType === UnclosedComment) throw new StatementError(last.startOffset, "the comment has no '*/'")
  const end = last.startOffset + last.image.length
  const inStruct = assembly.struct !== undefined && !isDirective(tokens)
  let from = 0
  while (!inStruct && tokens[from + 1]?.tokenType === Colon && isLabel(tokens[from]!)) {
    readLabel(assembly, tokens[from]!, { ...place, at: tokens[from]!.startOffset })
    from += 2
  }
  const first = tokens[from]
  if (first === undefined) return
  const at = { ...place, at: first.startOffset }
  if (inStruct) {
    const field = parse('field', tokens, end)
    readField(
      field,
      at,
      readType(field.type, (count) => arrayCount(assembly, count)),
      assembly.struct!,
    )
  } else if (assembly.section.kind === 'code' && (first.image === '.quad' || first.image === '.8byte')) {
    const body = bodyFor(assembly, at)
    lowerRaw(parse('values', tokens.slice(from + 1), end), body, knownNumbers(assembly))
  } else if (first.image.startsWith('.') && first.tokenType === Name) {
    readDirective(assembly, { place: at, name: first.image, tokens: tokens.slice(from + 1), end })
  } else {
    readInstruction(assembly, at, from === 0 ? tokens : tokens.slice(from), end)
  }
}

/** Words of the instructions may be labels too: `exit: exit`. */
function isLabel(token: IToken): boolean {
  const { tokenType } = token
  return tokenType === Name || tokenType === Integer || tokenType.CATEGORIES?.includes(Name) === true
}

/** Whether the statement begins with a directive. A struct's field may have a name that begins with a dot. */
function isDirective(tokens: readonly IToken[]): boolean {
  return tokens[0]!.image.startsWith('.') && tokens[1]?.tokenType !== Colon
}

/** An array's size: it decides layouts, so it must be known where it stands. */
export function arrayCount(assembly: Assembly, expression: Parameters<typeof evaluateSum>[0]): number {
  const { symbol, addend } = evaluateSum(expression, knownNumbers(assembly))
  if (symbol !== undefined) {
    throw new StatementError(symbol.at, `${quote(symbol.name)} is not a number that is known here`, {
      unknown: symbol.name,
    })
  }
  if (addend < 0n || addend > 0xffffffffn) throw new StatementError(expression.at, `an array of ${addend} elements`)
  return Number(addend)
}

function readDirective(assembly: Assembly, statement: Statement): void {
  if (statement.name !== '.end' && statement.name !== '.struct') closeStruct(assembly)
  if (statement.name === '.include') include(assembly, statement)
  else direct(assembly, statement)
}

/** A label of code, a symbol of data, or the beginning of a compiler's function. */
function readLabel(assembly: Assembly, token: IToken, place: Place): void {
  const { section } = assembly
  if (section.kind === 'data') dataLabel(assembly, token.image)
  if (section.kind !== 'code') return
  const name = token.image
  // A function symbol of compiler output begins a body, also where its file is included behind a `.program`.
  if (assembly.functionSymbols.has(name)) {
    const known = assembly.declared.get(name)
    if (known !== undefined)
      throw new StatementError(place.at, `${quote(name)} is already defined at ${where(known.place)}`)
    assembly.declared.set(name, { what: 'a function', place })
    openBody(assembly, makeBody(name, place, { kind: 'symbol', section: section.name }))
    return
  }
  defineLabel(bodyFor(assembly, place), name, place, where)
}

function openBody(assembly: Assembly, body: Body): Body {
  assembly.bodies.push(body)
  assembly.body = body
  return body
}

/** The open body. Instructions before the first one make a program of the file's name. */
function bodyFor(assembly: Assembly, place: Place): Body {
  return assembly.body ?? openBody(assembly, makeBody(stem(assembly.file) || 'main', place, { kind: 'file' }))
}

/** Appends to the open body; the line is kept for logs and faults. */
function readInstruction(assembly: Assembly, place: Place, tokens: IToken[], end: number): void {
  const first = tokens[0]!
  if (first.tokenType === Name) checkFirstWord(tokens)
  const syntax = parse('instruction', tokens, end)
  if (assembly.section.kind !== 'code') {
    throw new StatementError(place.at, `an instruction in section ${assembly.section.name}, which holds none`)
  }
  const body = bodyFor(assembly, place)
  const slot = body.insns.length
  lower(syntax, body, place, knownNumbers(assembly))
  const { file, line, column } = positionAt(place.source, place.at)
  body.lines.push({ slot, file, line, column, text: lineText(place.source, line).trim() })
}

/** An instruction begins with a register or a word of the language. */
function checkFirstWord(tokens: readonly IToken[]): void {
  const first = tokens[0]!
  const name = first.image
  if (tokens[1]?.tokenType === Assign) {
    throw new StatementError(first.startOffset, `there is no register ${quote(name)}`, {
      hint: `registers are r0 to r10 and w0 to w10; '.set ${name.length > 20 ? 'NAME' : name}, VALUE' defines a constant`,
    })
  }
  throw new StatementError(first.startOffset, `unknown instruction ${quote(name)}`, {
    unknown: name,
    candidates: [...FIRST_WORDS, ...DIRECTIVE_NAMES],
  })
}

/** Reads another file where its name stands. */
function include(assembly: Assembly, { tokens, end, place }: Statement): void {
  const { bytes, at } = parse('text', tokens, end)
  const path = relativeTo(place.source.name, new TextDecoder().decode(bytes))
  const chain = assembly.including.map((file) => file.name)
  if (chain.includes(path)) {
    throw new StatementError(
      at,
      `the file includes itself: ${[...chain.slice(chain.indexOf(path)), path].join(' -> ')}`,
    )
  }
  if (chain.length >= MAX_INCLUDES) throw new StatementError(at, `more than ${MAX_INCLUDES} files inside each other`)
  if (assembly.read === undefined) throw new StatementError(at, 'files cannot be included here: nothing reads them')
  let text: string
  try {
    text = assembly.read(path)
  } catch (error) {
    throw new StatementError(
      at,
      `cannot read ${quote(path)}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  readSource(assembly, makeSource(path, text))
}
