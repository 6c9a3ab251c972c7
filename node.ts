/** What needs files: assembly with its includes, and telling kinds of file apart. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { assemble } from './asm/assemble.ts'
import { HarenaError } from './errors/errors.ts'
import { decode } from './isa/instruction.ts'
import { SLOT_BYTES } from './isa/opcode.ts'
import type { ObjectSpec } from './program/object.ts'

/**
 * Assembles a file; includes are looked for from where it lies.
 * @throws AssemblyError with every complaint; the file system's error when the file cannot be read
 */
export async function assembleFile(path: string): Promise<ObjectSpec> {
  return assembleText(path, await readFile(path, 'utf8'))
}

/**
 * The object in a file's bytes: assembly, or raw little-endian instructions, told apart by content.
 * @throws HarenaError for what is neither, ELF objects among it; AssemblyError
 */
export function openObject(path: string, bytes: Uint8Array): ObjectSpec {
  if (bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46) {
    throw new HarenaError(`${path}: ELF objects are not read yet`)
  }
  const text = textOf(bytes)
  return text === undefined ? rawObject(path, bytes) : assembleText(path, text)
}

function assembleText(path: string, text: string): ObjectSpec {
  return assemble(text, { file: path, read: (included) => readFileSync(included, 'utf8') })
}

/** The text that the bytes are; undefined when they are none: text is UTF-8 without NUL. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Raw instructions as an object of one syscall program, named like the file. */
function rawObject(path: string, bytes: Uint8Array): ObjectSpec {
  if (bytes.length % SLOT_BYTES !== 0) {
    throw new HarenaError(
      `${path}: neither assembly nor instructions: ${bytes.length} bytes are no multiple of ${SLOT_BYTES}`,
    )
  }
  const name = basename(path).replace(/\.[^.]*$/u, '') || 'main'
  return {
    file: path,
    license: 'GPL',
    maps: [],
    globals: [],
    functions: [],
    btf: undefined,
    programs: [
      {
        name,
        type: 'syscall',
        flags: 0,
        linkage: 'global',
        params: undefined,
        insns: decode(bytes),
        references: [],
        lines: [],
        typeId: 0,
      },
    ],
  }
}
