/**
 * One argument of a kfunc call against the kfunc's parameter. What an argument says beyond itself is noted in the call.
 * Registers are not tested for being initialised: an unset one has no type that any parameter takes, and ignored
 * parameters may be unset. Source: Linux 6.18, observed.
 */
import { toBigUint } from '../memory/int64.ts'
import { ALLOC_SIZE_MIN, allocSizeMax, type KfuncParameter, type KfuncPrototype } from '../program/prototypes.ts'
import { fail } from './errors.ts'
import { checkOffset } from './helper-args.ts'
import { isMaybeNull } from './helper-memory.ts'
import { irqFlagArgument } from './irq-flag.ts'
import { ALLOC_GLOBAL, baseType, EXTRA, MAP, OFF, REF_OBJ_ID, RegType, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { requestRegister } from './precision.ts'
import { isConst } from './scalar.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import { typeName } from './text.ts'
import type { Walk } from './walk-env.ts'
import { isScalar, isZero } from './walk-registers.ts'

/** What a call's arguments have said so far. */
export interface KfuncCall {
  readonly prototype: KfuncPrototype
  /** Value of the last constant argument, unsigned. */
  constant: bigint
  /** Reference that the call gives back, 0 for none. */
  released: number
  /** As EXTRA has it: the allocator that is worked on. */
  allocator: number
  /** Bytes of memory that the call gives. */
  size: number
}

/** Checks argument `index` (from 0). @throws Rejection */
export function checkKfuncArgument(walk: Walk, state: State, call: KfuncCall, index: number): void {
  const parameter = call.prototype.params[index]!
  const { words } = currentFrame(state)
  const n = index + 1
  const at = registerAt(n)
  switch (parameter.kind) {
    case 'ignored':
      return
    case 'scalar':
      if (!isScalar(words, at)) fail('not-scalar', { reg: n })
      return
    case 'constant':
      call.constant = constant(walk, state, n)
      return
    case 'map':
      checkMap(words, at, n, index, call)
      return
    case 'object':
      checkOwned(words, at, n, index, call)
      return
    case 'irq_flag':
      irqFlagArgument(walk, state, index, parameter.does)
      return
    default:
      checkOwnArgument(walk, state, call, parameter, n)
  }
}

/** A number that is known; its exact value matters from here on. */
function constant(walk: Walk, state: State, n: number): bigint {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  if (!isScalar(words, at)) fail('not-scalar', { reg: n })
  if (!isConst(words, at)) fail('not-constant', { reg: n })
  requestRegister(walk.precision, state, n)
  return toBigUint(words[at + VALUE_LO]!, words[at + VALUE_LO + 1]!)
}

/** True for kfuncs whose pointers must be known to be good. */
function isStrict({ flags }: KfuncPrototype): boolean {
  return flags.includes('trusted_args') || flags.includes('release')
}

function refuseNull(words: Int32Array, at: number, index: number): void {
  if (isZero(words, at) || isMaybeNull(words[at + TYPE]!)) fail('kfunc-null', { index })
}

/** Any map will do: which one it is, the kfunc finds out when it runs. */
function checkMap(words: Int32Array, at: number, n: number, index: number, { prototype }: KfuncCall): void {
  const type = words[at + TYPE]!
  const trusted = isStrict(prototype)
  if (trusted) refuseNull(words, at, index)
  if (words[at + MAP] === 0) fail('kfunc-map', { reg: n })
  if (trusted && type !== RegType.CONST_MAP_PTR) fail('kfunc-untrusted', { reg: n })
  checkOffset(words, at, n)
}

/** An object of bpf_obj_new that the program gives up. */
function checkOwned(words: Int32Array, at: number, n: number, index: number, call: KfuncCall): void {
  const type = words[at + TYPE]!
  const reference = words[at + REF_OBJ_ID]!
  refuseNull(words, at, index)
  if (reference === 0 && !isTrusted(type)) fail('kfunc-untrusted', { reg: n })
  if (reference !== 0 && words[at + OFF] !== 0) fail('release-offset', { reg: n })
  checkOffset(words, at, n)
  if (baseType(type) !== RegType.BTF_ID || (type & TypeFlag.ALLOC) === 0) fail('kfunc-not-object', { index })
  if (reference === 0) fail('kfunc-object-unreferenced', {})
  call.released = reference
}

/** Without a reference: by type alone. */
function isTrusted(type: number): boolean {
  switch (type) {
    case RegType.CONST_MAP_PTR:
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
    case RegType.TCP_SOCK:
    case RegType.BTF_ID | TypeFlag.TRUSTED:
    case RegType.BTF_ID | TypeFlag.ALLOC:
    case RegType.BTF_ID | TypeFlag.ALLOC | TypeFlag.TRUSTED:
      return true
    default:
      return false
  }
}

type OwnParameter = Extract<KfuncParameter, { kind: 'alloc_size' | 'allocator' | 'alloc_memory' }>

/** harena's own kfuncs are treated as bpf_ringbuf_reserve and bpf_ringbuf_discard are. */
function checkOwnArgument(walk: Walk, state: State, call: KfuncCall, parameter: OwnParameter, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  switch (parameter.kind) {
    case 'alloc_size': {
      const size = constant(walk, state, n)
      const [min, max] = [ALLOC_SIZE_MIN, allocSizeMax(isPercpu(walk, call.allocator))]
      if (size < BigInt(min) || size > BigInt(max)) fail('alloc-size', { reg: n, size, min, max })
      call.size = Number(size)
      return
    }
    case 'allocator':
      checkAllocator(walk, state, call, parameter.orNull, n)
      return
    case 'alloc_memory': {
      const type = words[at + TYPE]!
      const reference = words[at + REF_OBJ_ID]!
      if (type !== RegType.MEM) fail('argument-type', { reg: n, type: typeName(type), expected: 'mem' })
      if (words[at + OFF] !== 0 || !isConst(words, at) || words[at + VALUE_LO] !== 0) fail('release-offset', { reg: n })
      if (reference === 0) fail('release-unreferenced', { reg: n })
      // Another allocator's free list would hand the memory out as something larger.
      if (words[at + EXTRA] !== call.allocator) {
        fail('alloc-mismatch', { reg: n, name: allocatorName(walk, call.allocator) })
      }
      call.released = reference
      return
    }
    default:
      parameter satisfies never
  }
}

function checkAllocator(walk: Walk, state: State, call: KfuncCall, orNull: boolean, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  if (orNull && isZero(words, at)) return
  if (words[at + TYPE] !== RegType.ALLOCATOR) fail('alloc-not-allocator', { reg: n })
  checkOffset(words, at, n)
  call.allocator = words[at + EXTRA]!
  const alloc = walk.prepared.allocs[call.allocator - 1]!
  if (orNull) return
  if (alloc.percpu) fail('not-implemented', { name: `per-CPU objects of ${call.prototype.name}` })
  if (alloc.size === undefined) fail('alloc-any-size', { name: alloc.name })
  else call.size = alloc.size
}

function isPercpu(walk: Walk, allocator: number): boolean {
  return walk.prepared.allocs[allocator - 1]?.percpu === true
}

function allocatorName(walk: Walk, allocator: number): string {
  return allocator === ALLOC_GLOBAL ? '0' : walk.prepared.allocs[allocator - 1]!.name
}
