/** `harena asm`: assembles one program to raw little-endian instructions. */
import { writeFileSync } from 'node:fs'
import { encode, link } from '../../index.ts'
import { chooseProgram, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { complain, ExitCode } from '../report.ts'
import { reasonOf, stringOption } from '../values.ts'

/**
 * Writes the instructions of one program, linked with its functions. What a loader would fill in stays 0, and is
 * counted: the file alone does not run where there are maps.
 */
export async function asm(command: ParsedCommand, io: Io): Promise<number> {
  // Only a suffix that names assembly is taken off: of any other name the whole stays, so that no source is overwritten.
  const input = command.operands[0] ?? ''
  const output = stringOption(command.values, 'output') ?? `${input.replace(/(\.bpf)?\.[sS]$/u, '')}.bin`
  if (output.endsWith('.o')) throw new UsageError(`${output}: ELF objects are not written yet; name a .bin file`)
  const object = readObject(command)
  const linked = link(object, chooseProgram(command, object))
  const bytes = encode(linked.insns)
  // Bytes for a pipe; the line about them would only be in the way.
  if (output === '-') {
    io.out(bytes)
    return ExitCode.DONE
  }
  if (output === input) throw new UsageError(`${output} would overwrite what is read`)
  try {
    writeFileSync(output, bytes)
  } catch (error) {
    throw new UsageError(`${output}: ${reasonOf(error)}`)
  }
  const open = linked.references.length
  const left = open === 0 ? '' : `; ${open} references to maps and kfuncs are left as 0`
  complain(`${output}: ${linked.insns.length} instructions of ${linked.name}${left}`, io)
  return ExitCode.DONE
}
