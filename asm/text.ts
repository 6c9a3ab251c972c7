/** Characters and strings of the source, with the escapes that llvm-mc knows. */
import type { IToken } from 'chevrotain'
import { StatementError } from './statement-error.ts'

const ESCAPES: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9, '"': 34, "'": 39, '\\': 92 }

/** The bytes of `"…"`: UTF-8, escapes resolved. */
export function decodeText(token: IToken): Uint8Array {
  return unescaped(token)
}

/** The number of `'c'`: its code in Latin, its code point beyond. */
export function decodeCharacter(token: IToken): number {
  const inner = token.image.slice(1, -1)
  if (inner.startsWith('\\')) return unescaped(token)[0]!
  return inner.codePointAt(0)!
}

function unescaped(token: IToken): Uint8Array {
  const bytes: number[] = []
  const inner = token.image.slice(1, -1)
  const encoder = new TextEncoder()
  const pattern = /\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[\s\S])|[^\\]+/g
  for (let match = pattern.exec(inner); match !== null; match = pattern.exec(inner)) {
    const code = match[1]
    if (code === undefined) {
      for (const byte of encoder.encode(match[0])) bytes.push(byte)
    } else if (/^x./.test(code)) {
      bytes.push(Number.parseInt(code.slice(1), 16))
    } else if (/^[0-7]/.test(code)) {
      bytes.push(Number.parseInt(code, 8) & 255)
    } else {
      const byte = ESCAPES[code]
      if (byte === undefined) {
        throw new StatementError(token.startOffset + 1 + match.index, `there is no escape '\\${code}'`)
      }
      bytes.push(byte)
    }
  }
  return Uint8Array.from(bytes)
}
