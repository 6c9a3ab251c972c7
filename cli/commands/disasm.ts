/** `harena disasm`: programs as text, in LLVM's syntax (which assembles again) or the kernel log's. */
import { disassemble, helperById, kfuncById, type LinkedProgram, link } from '../../index.ts'
import { choosePrograms, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import type { ParsedCommand } from '../options.ts'
import { ExitCode } from '../report.ts'
import { choiceOption } from '../values.ts'

export async function disasm(command: ParsedCommand, io: Io): Promise<number> {
  const syntax = choiceOption(command.values, 'syntax', ['llvm', 'kernel'])
  const object = readObject(command)
  const names = choosePrograms(command, object)
  for (const name of names) {
    const linked = link(object, name)
    const heading = syntax === 'llvm' ? `.program ${name} type=${linked.type}` : `${name}:`
    io.out(`${heading}\n${text(linked, syntax).replace(/\n*$/u, '\n')}`)
  }
  return ExitCode.DONE
}

function text(linked: LinkedProgram, syntax: 'llvm' | 'kernel'): string {
  const references = new Map(linked.references.map((reference) => [reference.slot, reference.name]))
  return disassemble(linked.insns, {
    syntax,
    names: { helper: (id) => helperById(id)?.name, kfunc: (id) => kfuncById(id)?.name },
    symbol: (slot) => references.get(slot),
  })
}
