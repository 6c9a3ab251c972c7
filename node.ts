/** What needs files: assembly with its includes, and telling kinds of file apart. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { assemble } from './asm/assemble.ts'
import type { Instruction } from './isa/instruction.ts'
import { readInput } from './object/input.ts'
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
  const input = readInput(bytes, path)
  return input.kind === 'assembly' ? assembleText(path, input.text) : rawObject(path, input.insns)
}

function assembleText(path: string, text: string): ObjectSpec {
  return assemble(text, { file: path, read: (included) => readFileSync(included, 'utf8') })
}

/** Raw instructions as an object of one syscall program, named like the file. */
function rawObject(path: string, insns: readonly Instruction[]): ObjectSpec {
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
        insns,
        references: [],
        lines: [],
        typeId: 0,
      },
    ],
  }
}
