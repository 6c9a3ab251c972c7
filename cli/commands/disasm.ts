/** `harena disasm`: programs as text, in LLVM's syntax (which assembles again) or the kernel log's. */
import { disassemble, helperById, kfuncById, type LinkedProgram, link, type ObjectSpec } from '../../index.ts'
import { declarations, symbolOf } from '../declarations.ts'
import { choosePrograms, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import type { ParsedCommand } from '../options.ts'
import { ExitCode } from '../report.ts'
import { choiceOption } from '../values.ts'

/** LLVM's syntax comes with the directives that it needs to be assembled again; the kernel's is only to be read. */
export async function disasm(command: ParsedCommand, io: Io): Promise<number> {
  const syntax = choiceOption(command.values, 'syntax', ['llvm', 'kernel'])
  const object = readObject(command)
  const programs = choosePrograms(command, object).map((name) => link(object, name))
  if (syntax === 'llvm') io.out(`${declarations(object, programs).join('\n')}\n`)
  for (const program of programs) {
    io.out(syntax === 'llvm' ? `.program ${program.name} type=${program.type}\n` : `${program.name}:\n`)
    io.out(text(object, program, syntax))
  }
  return ExitCode.DONE
}

/** Names stand where the object knows them; of raw instructions there are numbers only. */
function text(object: ObjectSpec, program: LinkedProgram, syntax: 'llvm' | 'kernel'): string {
  const symbols = new Map(program.references.map((reference) => [reference.slot, symbolOf(object, reference)]))
  return disassemble(program.insns, {
    syntax,
    names: { helper: (id) => helperById(id)?.name, kfunc: (id) => kfuncById(id)?.name },
    symbol: (slot) => symbols.get(slot),
  })
}
