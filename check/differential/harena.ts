/** harena's answer to a question that the kernel is asked too (linux/question.ts), in the same form. */
import { ErrnoError, HarenaError, VerifierError } from '../../errors/errors.ts'
import { Machine } from '../../index.ts'
import type { Answer, MapContents, Question, RunAnswer, RunRequest } from '../../linux/question.ts'
import { toBytes } from '../../maps/values.ts'
import type { ObjectSpec } from '../../program/object.ts'
import { PAGE_SIZE } from '../../program/types.ts'
import type { LoadedObject } from '../../vm/loaded-object.ts'
import type { LoadOptions } from '../../vm/options.ts'
import type { Hook } from '../../vm/state.ts'
import { setElement } from '../run-input.ts'

export interface HarenaLimits {
  /** Instructions to verify, after which it is given up: the same number on every machine. Default: the verifier's. */
  readonly maxVerified?: number
  /** Seed of the machine, which its addresses, random numbers and time follow from. Default 1. */
  readonly seed?: number
  /** What runs the programs. Default the machine's. */
  readonly engine?: 'interpreter' | 'jit'
  /** Hooks of the runs, by program, each made when its run begins. */
  readonly hookOf?: (program: string) => Hook
  /** Simulated CPUs; as many as the kernel has where logs are to be the same. Default 1. */
  readonly cpus?: number
}

/** Verification went on for longer than `maxVerified`. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
}

/** @throws TooLong */
export function answerOfHarena(question: Question, limits: HarenaLimits = {}): Answer {
  const { cpus = 1, seed = 1, engine } = limits
  return answerOfMachine(new Machine({ cpus, seed, ...(engine === undefined ? {} : { engine }) }), question, limits)
}

/** What loads and runs objects. */
export interface Answering {
  load(object: ObjectSpec, options?: LoadOptions): LoadedObject
  close(): void
}

/** The same of a machine that was made otherwise; it is closed. @throws TooLong */
export function answerOfMachine(
  machine: Answering,
  question: Question,
  { maxVerified, hookOf }: Pick<HarenaLimits, 'maxVerified' | 'hookOf'> = {},
): Answer {
  const progress = (processed: number): void => {
    if (maxVerified !== undefined && processed > maxVerified) throw new TooLong()
  }
  try {
    const { programs, logLevel = 1 } = question
    const loaded = machine.load(question.object, {
      ...(programs === undefined ? {} : { programs }),
      logLevel,
      progress,
    })
    const runs = (question.runs ?? []).map((run) => runOnce(loaded, run, hookOf?.(run.program)))
    const names = question.read ?? [...loaded.maps.keys()]
    return {
      verdict: 'accepted',
      logs: Object.fromEntries([...loaded.programs].map(([name, { log }]) => [name, log])),
      runs,
      maps: Object.fromEntries(names.map((name) => [name, contents(loaded, name)])),
    }
  } catch (error) {
    if (error instanceof VerifierError) {
      const { program, errno, instruction, reason, log } = error
      const at = instruction === undefined ? {} : { instruction }
      return { verdict: 'rejected', program, errno, ...at, message: reason, log }
    }
    if (error instanceof ErrnoError) return { verdict: 'error', errno: error.errno, message: error.message }
    if (error instanceof HarenaError) return { verdict: 'error', message: error.message }
    throw error
  } finally {
    machine.close()
  }
}

function runOnce(loaded: LoadedObject, request: RunRequest, hook: Hook | undefined): RunAnswer {
  const { program, globals = {}, elements = [], ctx, ...rest } = request
  for (const [name, value] of Object.entries(globals)) loaded.global(name).set(value)
  for (const element of elements) setElement(loaded, element)
  try {
    // The context is written back into the bytes given: the kernel is to be asked with what it was.
    const result = loaded.program(program).run({
      ...rest,
      ...(ctx === undefined ? {} : { ctx: ctx.slice() }),
      ...(hook === undefined ? {} : { hook }),
    })
    return {
      retval: result.retval,
      ...(result.ctx === undefined ? {} : { ctx: result.ctx }),
      ...(result.data === undefined ? {} : { data: result.data }),
    }
  } catch (error) {
    if (error instanceof ErrnoError) return { errno: error.errno }
    throw error
  }
}

function contents(loaded: LoadedObject, name: string): MapContents {
  const map = loaded.map(name)
  if (map.info.type === 'arena') {
    const mapping = map.mmap()
    const pages = [...mapping.presentPages()].map((page) => {
      return [page, mapping.bytes(mapping.start + BigInt(page * PAGE_SIZE), PAGE_SIZE)] as const
    })
    return { kind: 'pages', pages }
  }
  const entries = [...map.keys()].flatMap((key) => {
    const value = map.getBytes(key)
    return value === undefined ? [] : [[toBytes(key, map.info.keySize, 'a key'), value] as const]
  })
  return { kind: 'entries', entries }
}
