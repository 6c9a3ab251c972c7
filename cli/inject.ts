/** `--inject PROGRAM@CONTEXT[:N|each|random]`: programs that run before steps of the one that is run. */
import { HarenaError, type Injection, type InjectionOptions, type LoadedObject, type ObjectSpec } from '../index.ts'
import type { LinuxObject } from '../linux/index.ts'
import { listed } from './input.ts'
import { UsageError, type Values } from './options.ts'
import { listOption, parseInteger } from './values.ts'

const CONTEXTS = ['softirq', 'hardirq', 'nmi'] as const

/** One `--inject`. */
export interface Wanted {
  /** As it was written. */
  readonly text: string
  readonly program: string
  readonly options: InjectionOptions
}

/** Every `--inject` of a command line. @throws UsageError that quotes what is wrong */
export function wantedInjections(values: Values, object: ObjectSpec): readonly Wanted[] {
  return listOption(values, 'inject').map((text) => {
    const [, program, inContext, at = 'each'] = /^([^@]+)@([^:]+)(?::(.*))?$/su.exec(text) ?? []
    const context = CONTEXTS.find((candidate) => candidate === inContext)
    if (program === undefined || context === undefined)
      throw new UsageError(
        `--inject takes PROGRAM@CONTEXT[:N|each|random], the context ${CONTEXTS.join(', ')}; not '${text}'`,
      )
    const names = object.programs.map(({ name }) => name)
    if (!names.includes(program)) throw new UsageError(`${object.file} has no program ${program}${listed(names)}`)
    return { text, program, options: { context, at: stepsOf(at) } }
  })
}

function stepsOf(text: string): InjectionOptions['at'] {
  if (text === 'each' || text === 'random') return text
  const step = parseInteger(text)
  if (step === undefined || step < 1n || step > BigInt(Number.MAX_SAFE_INTEGER))
    throw new UsageError(`--inject takes a step from 1, each or random, not '${text}'`)
  return Number(step)
}

/** Starts them. Programs of the running kernel are never among them (input.ts). */
export function startInjections(loaded: LoadedObject | LinuxObject, wanted: readonly Wanted[]): readonly Injection[] {
  return wanted.map(({ program, options }) => {
    const loadedProgram = loaded.program(program)
    if (!('inject' in loadedProgram)) throw new HarenaError('engine linux injects no programs')
    return loadedProgram.inject(options)
  })
}

export function injectionsJson(injections: readonly Injection[]): Record<string, unknown> {
  if (injections.length === 0) return {}
  return {
    injected: injections.map(({ program, options: { context, at }, runs, refused, steps }) => {
      return { program, context, at, runs, refused, steps }
    }),
  }
}

export function injectionLines(injections: readonly Injection[]): string[] {
  return injections.map(({ program, options: { context, at }, runs, refused, steps }) => {
    const refusals = refused === 0 ? '' : `, ${refused} refused`
    return `  ${program}@${context}:${at} ran ${runs} ${runs === 1 ? 'time' : 'times'} in ${steps} steps${refusals}`
  })
}
