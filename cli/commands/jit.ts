/** `harena jit`: the WebAssembly module that a program becomes, as text or as bytes. */
import { writeFileSync } from 'node:fs'
import { HarenaError, Machine } from '../../index.ts'
import { chooseProgram, readObject } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { complain, ExitCode } from '../report.ts'
import { reasonOf, stringOption } from '../values.ts'

/** Verified first: the module depends on what the verifier has found. Addresses in it are those of a first machine. */
export async function jit(command: ParsedCommand, io: Io): Promise<number> {
  const output = stringOption(command.values, 'output')
  const object = readObject(command)
  const name = chooseProgram(command, object)
  if (output !== undefined && output === command.operands[0])
    throw new UsageError(`${output} would overwrite what is read`)
  const machine = new Machine({ engine: 'jit' })
  try {
    const loaded = machine.load(object, { programs: [name], unchecked: command.values.unchecked === true })
    const made = loaded.program(name).translation()
    if (made === undefined) throw new HarenaError(`program ${name}: engine jit shows no module`)
    if (output === undefined) io.out(made.text)
    // Bytes for a pipe; the line about them would only be in the way.
    else if (output === '-') io.out(made.bytes)
    else write(output, made.bytes, name, io)
    return ExitCode.DONE
  } finally {
    machine.close()
  }
}

function write(output: string, bytes: Uint8Array, name: string, io: Io): void {
  try {
    writeFileSync(output, bytes)
  } catch (error) {
    throw new UsageError(`${output}: ${reasonOf(error)}`)
  }
  complain(`${output}: ${bytes.length} bytes of ${name}`, io)
}
