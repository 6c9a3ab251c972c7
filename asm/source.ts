/** Source files: where an offset is, and what file an include names. */
import type { SourcePosition } from '../errors/errors.ts'

export interface SourceFile {
  readonly name: string
  readonly text: string
  /** Offset at which each line starts. */
  readonly lineStarts: readonly number[]
}

export function makeSource(name: string, text: string): SourceFile {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  return { name, text, lineStarts }
}

/** Line and column of an offset, counted from 1. */
export function positionAt(source: SourceFile, offset: number): SourcePosition {
  const { lineStarts } = source
  let low = 0
  let high = lineStarts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (lineStarts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return { file: source.name, line: low + 1, column: offset - lineStarts[low]! + 1 }
}

/** The text of a line (counted from 1) without its end. */
export function lineText(source: SourceFile, line: number): string {
  const start = source.lineStarts[line - 1]!
  const end = source.lineStarts[line] ?? source.text.length + 1
  const text = source.text.slice(start, end - 1)
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

/** `path` as seen from the file `from`, `.` and `..` taken out. */
export function relativeTo(from: string, path: string): string {
  if (path.startsWith('/')) return path
  const parts = from.split('/').slice(0, -1)
  for (const part of path.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..' && parts.at(-1) !== '') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return parts.join('/')
}

/** The file's name without folders and endings: `a/list.bpf.s` is `list`. */
export function stem(file: string): string {
  const base = file.split('/').at(-1) ?? ''
  return base.split('.')[0] ?? ''
}
