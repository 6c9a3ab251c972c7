/**
 * Global functions are verified once, for whatever arguments their declaration allows, and not walked at the call:
 *
 *     call      arguments fit the declaration -> r0 is an unknown scalar
 *     function  starts with what the declaration promises, as a program of its own
 *
 * Source: Linux 6.18, observed; it reads the same declarations from BTF.
 *
 *     declared        at the call                     in the function
 *     ctx             the context, unmodified         ctx
 *     u8 ... s64      any scalar                      unknown scalar, whatever its width
 *     arena           arena pointer or scalar         unknown scalar: it needs a cast of its own
 *     ptr T           memory of T's size, or null     mem_or_null; mem with `nonnull`
 */
import type { Btf } from '../btf/types.ts'
import type { ParameterSpec } from '../program/object.ts'
import { clearCallerSaved, setUnknownResult } from './calls.ts'
import { type FailureOptions, fail, Rejection, type VerifierFailure } from './errors.ts'
import { checkOffset } from './helper-args.ts'
import { accessArgument, isMaybeNull } from './helper-memory.ts'
import { ID, MEM_SIZE, RegType, TYPE, TypeFlag } from './layout.ts'
import { forgetPacket } from './packet.ts'
import type { Prepared } from './prepare.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { currentFrame, newId, registerAt, type State } from './state.ts'
import type { PreparedSubprogram } from './subprograms.ts'
import type { Walk } from './walk-env.ts'
import { isScalar, isZero } from './walk-registers.ts'

/** Parameters that registers can hold. */
const MAX_PARAMETERS = 5

/** What a parameter is to the verifier. */
export type GlobalParameter =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'ctx' }
  | { readonly kind: 'arena' }
  | { readonly kind: 'mem'; readonly size: number; readonly nonNull: boolean }

const SCALARS: ReadonlyMap<string, number> = new Map([
  ['u8', 1],
  ['s8', 1],
  ['u16', 2],
  ['s16', 2],
  ['u32', 4],
  ['s32', 4],
  ['u64', 8],
  ['s64', 8],
])

/** The parameters of a function, as declared. @throws Rejection for the first that no function may have */
export function globalParameters(subprogram: PreparedSubprogram, btf: Btf | undefined): GlobalParameter[] {
  const params = subprogram.params ?? []
  const { name } = subprogram
  if (params.length > MAX_PARAMETERS) {
    fail('too-many-parameters', { name, count: params.length, limit: MAX_PARAMETERS })
  }
  return params.map((parameter, index) => classify(parameter, index, name, btf))
}

function classify(parameter: ParameterSpec, index: number, name: string, btf: Btf | undefined): GlobalParameter {
  const { type } = parameter
  const tags = parameter.tags.filter((tag) => tag !== type)
  const pointer = type === 'ctx' || type === 'arena' || type.startsWith('ptr')
  if (!pointer) {
    if (tags.length > 0) fail('argument-tag-not-pointer', { index })
    if (!SCALARS.has(type)) fail('argument-unsupported', { index, type, name })
    return { kind: 'scalar' }
  }
  for (const tag of tags) checkTag(tag, index)
  if (type === 'ctx' || tags.includes('ctx')) {
    if (tags.some((tag) => tag !== 'ctx')) fail('argument-tags-combination', { index })
    return { kind: 'ctx' }
  }
  if (type === 'arena' || tags.includes('arena')) {
    if (tags.some((tag) => tag !== 'arena')) fail('argument-arena-tags', { index })
    return { kind: 'arena' }
  }
  if (tags.includes('nullable')) fail('argument-tags-combination', { index })
  const target = type.slice('ptr'.length).trim()
  const size = SCALARS.get(target) ?? structSize(btf, target)
  if (size === undefined) fail('argument-size-unknown', { index, type: target === '' ? 'UNKNOWN ' : `FWD ${target}` })
  return { kind: 'mem', size, nonNull: tags.includes('nonnull') }
}

const TAGS: ReadonlySet<string> = new Set(['ctx', 'arena', 'nonnull', 'nullable'])

function checkTag(tag: string, index: number): void {
  // Pointers to the kernel's own structs.
  if (tag === 'trusted' || tag === 'untrusted') fail('not-implemented', { name: `parameters tagged ${tag}` })
  if (!TAGS.has(tag)) fail('argument-tags-unknown', { index })
}

function structSize(btf: Btf | undefined, name: string): number | undefined {
  const type = btf?.types.find((other) => (other.kind === 'struct' || other.kind === 'union') && other.name === name)
  return type?.kind === 'struct' || type?.kind === 'union' ? type.size : undefined
}

/** Walks a call of the global function with index `subprogram`. @throws Rejection */
export function callGlobal(walk: Walk, state: State, subprogram: number): void {
  const { prepared } = walk
  const callee = prepared.subprograms[subprogram]!
  const cause = argumentFailure(walk, state, callee)
  if (state.activeLocks > 0) fail('global-under-lock', {})
  const inRegion = state.activeRcuLock || state.activePreemptLocks > 0 || state.activeIrqId !== 0
  if (prepared.effects[subprogram]!.mightSleep && (inRegion || !state.inSleepable)) fail('global-may-sleep', {})
  if (cause !== undefined) {
    const options: FailureOptions = { cause, errno: cause.errno }
    fail('caller-arguments', { number: subprogram, name: callee.name }, options)
  }
  if ((walk.sink.level & 3) !== 0) {
    walk.sink.event({ kind: 'text', text: `Func#${subprogram} ('${callee.name}') is global and assumed valid.` })
  }
  // All of r0 is unknown, even where the function is declared to return less than 64 bits.
  clearCallerSaved(state)
  setUnknownResult(state)
  if (prepared.effects[subprogram]!.changesPacket) forgetPacket(state)
}

/** What is wrong with the arguments; it is reported after what is wrong with the call as such. */
function argumentFailure(walk: Walk, state: State, callee: PreparedSubprogram): VerifierFailure | undefined {
  try {
    const parameters = globalParameters(callee, walk.prepared.program.btf)
    for (const [index, parameter] of parameters.entries()) checkArgument(walk, state, parameter, index)
    return undefined
  } catch (error) {
    // What harena does not implement is no fault of the program's.
    if (error instanceof Rejection && error.failure.kind !== 'not-implemented') return error.failure
    throw error
  }
}

function checkArgument(walk: Walk, state: State, parameter: GlobalParameter, index: number): void {
  const { words } = currentFrame(state)
  const n = index + 1
  const at = registerAt(n)
  const type = words[at + TYPE]!
  switch (parameter.kind) {
    case 'scalar':
      if (!isScalar(words, at)) fail('not-scalar', { reg: n })
      return
    case 'ctx':
      checkOffset(words, at, n)
      if (type !== RegType.CTX) fail('argument-not-context', { index })
      return
    case 'arena':
      if (type !== RegType.ARENA && type !== RegType.SCALAR) fail('argument-not-arena', { reg: n })
      return
    case 'mem':
      checkOffset(words, at, n)
      // Linux lets a constant null pass for `nonnull` too, and the function then reads through it.
      if (parameter.nonNull && isZero(words, at)) fail('not-implemented', { name: 'null for a nonnull parameter' })
      checkMemory(walk, state, n, parameter.size)
      if (parameter.nonNull && isMaybeNull(type)) fail('argument-maybe-null', { index })
      return
    default:
      parameter satisfies never
  }
}

/** Readable, then writable, for its whole size; null always passes, and a pointer that may be null as if it were not. */
function checkMemory(walk: Walk, state: State, n: number, size: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  if (isZero(words, at)) return
  const type = words[at + TYPE]!
  words[at + TYPE] = type & ~TypeFlag.MAYBE_NULL
  try {
    accessArgument(walk, state, n, size, { write: false, zeroAllowed: true, context: true })
    accessArgument(walk, state, n, size, { write: true, zeroAllowed: true, context: true })
  } catch (error) {
    // Whatever the kernel's reason, the errno is the call's.
    if (error instanceof Rejection && error.failure.kind !== 'not-implemented')
      throw new Rejection({ ...error.failure, errno: 'EINVAL' })
    throw error
  } finally {
    words[at + TYPE] = type
  }
}

/** Sets r1 to r5 of a global function's entry state to what its declaration promises. @throws Rejection */
export function setGlobalArguments(prepared: Prepared, state: State, subprogram: number): void {
  const { words } = currentFrame(state)
  const parameters = globalParameters(prepared.subprograms[subprogram]!, prepared.program.btf)
  parameters.forEach((parameter, index) => {
    const at = registerAt(index + 1)
    if (parameter.kind === 'scalar' || parameter.kind === 'arena') {
      makeUnknown(words, at)
      return
    }
    makeConst(words, at, 0, 0)
    if (parameter.kind === 'ctx') {
      words[at + TYPE] = RegType.CTX
      return
    }
    words[at + MEM_SIZE] = parameter.size
    words[at + TYPE] = parameter.nonNull ? RegType.MEM : RegType.MEM | TypeFlag.MAYBE_NULL
    if (!parameter.nonNull) words[at + ID] = newId(state)
  })
}
