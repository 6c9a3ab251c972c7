/** `harena example`: runs one of the examples, or lists them. */
import { existsSync, readdirSync } from 'node:fs'
import { nearest } from '../../errors/nearest.ts'
import { checkEngine } from '../input.ts'
import type { Io } from '../io.ts'
import { type ParsedCommand, UsageError } from '../options.ts'
import { ExitCode } from '../report.ts'

/** Beside the sources, or beside what was built. */
const FOLDER = new URL('../../examples/', import.meta.url)

/** The examples are programs of their own: they are imported when they are asked for, and know no command line. */
export async function example(command: ParsedCommand, io: Io): Promise<number> {
  const engine = checkEngine(command)
  const names = listExamples()
  const wanted = command.operands[0]
  if (wanted === undefined) {
    io.out(`${names.join('\n')}\n`)
    return ExitCode.DONE
  }
  if (!names.includes(wanted)) {
    const near = nearest(wanted, names)
    throw new UsageError(`there is no example ${wanted}${near === undefined ? '' : `; did you mean ${near}?`}`)
  }
  const module: { run(print: (line: string) => void, engine: string | undefined): Promise<void> } = await import(
    mainOf(wanted).href
  )
  await module.run((line) => io.out(`${line}\n`), engine)
  return ExitCode.DONE
}

function listExamples(): string[] {
  if (!existsSync(FOLDER)) return []
  return readdirSync(FOLDER).filter((name) => existsSync(mainOf(name)))
}

function mainOf(name: string): URL {
  const source = new URL(`${name}/main.ts`, FOLDER)
  return existsSync(source) ? source : new URL(`${name}/main.js`, FOLDER)
}
