/** A question to the kernel and its answer, as data: what does it say of these programs, what do they do? */
import { type Errno, ErrnoError, HarenaError, VerifierError } from '../errors/errors.ts'
import { toBytes } from '../maps/values.ts'
import type { ObjectSpec } from '../program/object.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { LinuxMachine, type LinuxObject } from './machine.ts'
import type { LinuxMapping } from './mapping.ts'

/** One run by BPF_PROG_TEST_RUN. */
export interface RunRequest {
  readonly program: string
  readonly ctx?: Uint8Array
  readonly data?: Uint8Array
  readonly repeat?: number
  /** Numbers to write to globals before it, by name. */
  readonly globals?: Readonly<Record<string, bigint>>
  /** Elements of maps to write before it; of an arena the key is a page, which the write brings in. */
  readonly elements?: readonly { readonly map: string; readonly key: number; readonly bytes: Uint8Array }[]
}

export interface Question {
  readonly object: ObjectSpec
  /** Programs to load; default all. */
  readonly programs?: readonly string[]
  /** Default 1. */
  readonly logLevel?: number
  /** Runs, one after the other, where all programs were accepted. */
  readonly runs?: readonly RunRequest[]
  /** Maps whose contents are wanted afterwards, global data (`.bss`, `.data`) among them; default all. */
  readonly read?: readonly string[]
  /** Stretches of arenas to look for pages in, by name; default all of each, which takes half a second for 4 GiB. */
  readonly within?: Readonly<Record<string, readonly PageRange[]>>
}

/** Pages of an arena, by number. */
export interface PageRange {
  readonly first: number
  readonly count: number
}

/** What one run gave; `errno` where the kernel did not run it. */
export interface RunAnswer {
  readonly retval?: number
  readonly ctx?: Uint8Array
  readonly data?: Uint8Array
  readonly errno?: Errno
}

/** A map's keys and values in the order of bpf(2), or an arena's pages that have memory. */
export type MapContents =
  | { readonly kind: 'entries'; readonly entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[] }
  | { readonly kind: 'pages'; readonly pages: readonly (readonly [page: number, bytes: Uint8Array])[] }

export type Answer =
  | {
      readonly verdict: 'accepted'
      /** By program. */
      readonly logs: Readonly<Record<string, string>>
      readonly runs: readonly RunAnswer[]
      readonly maps: Readonly<Record<string, MapContents>>
    }
  | {
      readonly verdict: 'rejected'
      readonly program: string
      readonly errno: Errno
      readonly instruction?: number
      /** The line of the log that names the error. */
      readonly message: string
      readonly log: string
    }
  /** The object cannot be loaded for a reason that is not a program's. */
  | { readonly verdict: 'error'; readonly errno?: Errno; readonly message: string }
  /** The process that asked was ended: by its timer, or by a signal. */
  | { readonly verdict: 'none'; readonly message: string }

/** Asks on a machine of its own. */
export function answer(question: Question): Answer {
  const machine = new LinuxMachine()
  try {
    const { programs, logLevel } = question
    const loaded = machine.load(question.object, {
      ...(programs === undefined ? {} : { programs }),
      ...(logLevel === undefined ? {} : { logLevel }),
    })
    const runs = (question.runs ?? []).map((run) => runOnce(loaded, run))
    const names = question.read ?? [...loaded.maps.keys()]
    return {
      verdict: 'accepted',
      logs: Object.fromEntries([...loaded.programs].map(([name, { log }]) => [name, log])),
      runs,
      maps: Object.fromEntries(names.map((name) => [name, contents(loaded, name, question.within?.[name])])),
    }
  } catch (error) {
    return refusal(error)
  } finally {
    machine.close()
  }
}

function runOnce(loaded: LinuxObject, request: RunRequest): RunAnswer {
  const { program, ctx, data, repeat, globals = {}, elements = [] } = request
  for (const [name, value] of Object.entries(globals)) loaded.global(name).set(value)
  for (const { map, key, bytes } of elements) setElement(loaded.map(map), key, bytes)
  try {
    const result = loaded.program(program).run({
      ...(ctx === undefined ? {} : { ctx }),
      ...(data === undefined ? {} : { data }),
      ...(repeat === undefined ? {} : { repeat }),
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

function setElement(map: ReturnType<LinuxObject['map']>, key: number, bytes: Uint8Array): void {
  if (map.info.type !== 'arena') {
    map.set(key, bytes)
    return
  }
  const mapping = map.mmap()
  mapping.write(mapping.start + BigInt(key * PAGE_SIZE), bytes)
}

function contents(loaded: LinuxObject, name: string, within: readonly PageRange[] | undefined): MapContents {
  const map = loaded.map(name)
  if (map.info.type === 'arena') {
    const mapping = map.mmap()
    const pages = (within === undefined ? [...mapping.presentPages()] : within.flatMap(presentIn(mapping))).map(
      (page) => {
        return [page, mapping.bytes(mapping.start + BigInt(page * PAGE_SIZE), PAGE_SIZE)] as const
      },
    )
    return { kind: 'pages', pages }
  }
  const entries = [...map.keys()].flatMap((key) => {
    const value = map.getBytes(key)
    return value === undefined ? [] : [[toBytes(key, map.info.keySize, 'a key'), value] as const]
  })
  return { kind: 'entries', entries }
}

/** Page numbers of a stretch that have memory. */
function presentIn({ arena, start }: LinuxMapping): (range: PageRange) => number[] {
  return ({ first, count }) => {
    const found = arena.present(start + BigInt(first * PAGE_SIZE), count)
    return found.map((page) => first + page)
  }
}

function refusal(error: unknown): Answer {
  if (error instanceof VerifierError) {
    const { program, errno, instruction, reason, log } = error
    const at = instruction === undefined ? {} : { instruction }
    return { verdict: 'rejected', program, errno, ...at, message: reason, log }
  }
  if (error instanceof ErrnoError) return { verdict: 'error', errno: error.errno, message: error.message }
  if (error instanceof HarenaError) return { verdict: 'error', message: error.message }
  throw error
}
