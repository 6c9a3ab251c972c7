/**
 * Copies of the compiler with one mistake each. Only jit/ is loaded again, with a line of its source changed on the way:
 * the rest of harena is shared.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../vm/engine.ts'

export interface CompilerMutant {
  readonly name: string
  /** Below jit/. */
  readonly file: string
  /** What stands there once, and what is put in its place. */
  readonly from: string
  readonly to: string
}

const JIT: string = new URL('../jit/', import.meta.url).href
const QUERY = '?mutant='

const mutants: CompilerMutant[] = []

/** The compiler with the mistake. @throws Error where the source does not have the text to be changed, once */
export async function mutantEngine(mutant: CompilerMutant): Promise<Engine> {
  const text = readFileSync(new URL(mutant.file, JIT), 'utf8')
  if (text.split(mutant.from).length !== 2) throw new Error(`${mutant.name}: ${mutant.file} has it not once`)
  if (mutants.length === 0) registerHooks({ resolve, load })
  const number = mutants.push(mutant) - 1
  const module = (await import(`${JIT}engine.ts${QUERY}${number}`)) as { readonly jit: Engine }
  return module.jit
}

type Hooks = Required<NonNullable<Parameters<typeof registerHooks>[0]>>

/** What a mutant's modules import of jit/ is the mutant's too. */
const resolve: Hooks['resolve'] = (specifier, context, next) => {
  const found = next(specifier, context)
  const query = /\?mutant=\d+$/u.exec(context.parentURL ?? '')?.[0]
  return query !== undefined && found.url.startsWith(JIT) ? { ...found, url: found.url + query } : found
}

const load: Hooks['load'] = (url, context, next) => {
  const found = next(url, context)
  const number = /\?mutant=(\d+)$/u.exec(url)?.[1]
  if (number === undefined) return found
  const { file, from, to } = mutants[Number(number)]!
  if (!url.startsWith(`${JIT}${file}?`)) return found
  return { ...found, source: readFileSync(fileURLToPath(url.replace(/\?.*/u, '')), 'utf8').replace(from, () => to) }
}
