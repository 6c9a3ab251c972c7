/** What needs Node: reading assembly from files. */

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { assemble } from './asm/assemble.ts'
import type { ObjectSpec } from './program/object.ts'

/**
 * Assembles a file; includes are looked for from where it lies.
 * @throws AssemblyError with every complaint; the file system's error when the file cannot be read
 */
export async function assembleFile(path: string): Promise<ObjectSpec> {
  const source = await readFile(path, 'utf8')
  return assemble(source, { file: path, read: (included) => readFileSync(included, 'utf8') })
}
