/** Where programs that failed are kept until someone has looked at them: a test fails for as long as there are some. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const PENDING: string = join(import.meta.dirname, 'found/pending')

/** Programs that one run keeps. */
export const MAX_KEPT = 10

/** Writes one and gives its path. */
export function keep(name: string, text: string, directory: string = PENDING): string {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `${name}.bpf.s`)
  writeFileSync(path, text)
  return path
}

/** Names of those that are kept. */
export function pendingNames(directory: string = PENDING): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : []
}
