/**
 * Calls of helpers: may this program call it, are its arguments what it demands, and what is known afterwards.
 * The order of the checks is the kernel's (Linux 6.18): of two faults the first is reported.
 *
 *     number -> program type -> license -> may it sleep here -> arguments -> output buffers -> r0 -> map and helper
 *
 * What Linux accepts and harena does not have is refused by name, but only where Linux would have found the helper:
 * its own refusals come first.
 */
import type { Instruction } from '../isa/instruction.ts'
import { helperById } from '../program/helpers.ts'
import type { HelperPrototype } from '../program/prototypes.ts'
import { MAP_FLAGS, MAP_TYPES, type MapType, PROGRAM_TYPES } from '../program/types.ts'
import { fail } from './errors.ts'
import { checkHelperArgument, type HelperCall } from './helper-args.ts'
import { helperName } from './helper-names.ts'
import { setObjectResult } from './kptr.ts'
import {
  ID,
  MAP,
  MAP_UID,
  OFF,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  SUBREG_DEF,
  TYPE,
  TypeFlag,
  U32MAX,
  UMAX_HI,
  UMAX_LO,
} from './layout.ts'
import { forgetPacket } from './packet.ts'
import { acquireResult, release } from './references.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { storeStack } from './stack.ts'
import { clearRegister, currentFrame, newId, registerAt, type State, touchRegister } from './state.ts'
import type { Walk } from './walk-env.ts'

/** Greatest helper number of Linux 6.18. */
const LAST_HELPER = 211
const SPIN_UNLOCK = 94
/** r0 to r5. */
const CALLER_SAVED = 6

/** Walks a call of helper `insn.imm`. @throws Rejection */
export function callHelper(walk: Walk, state: State, insn: Instruction): void {
  const id = insn.imm
  if (state.activeLocks > 0 && id !== SPIN_UNLOCK) fail('calls-under-lock', {})
  const prototype = lookUp(walk, id)
  checkSleep(state, prototype)
  if (walk.implementedHelpers !== undefined && !walk.implementedHelpers.has(id)) {
    fail('not-implemented', { name: prototype.name })
  }
  const call: HelperCall = {
    prototype,
    map: undefined,
    mapWord: 0,
    mapUid: 0,
    constantKey: -1,
    struct: 0,
    released: 0,
    sizeMax: 0,
    raw: undefined,
  }
  for (let i = 0; i < prototype.args.length; i++) checkHelperArgument(walk, state, call, i)
  checkMapWritable(call)
  refuseSpecific(call)
  if (call.raw !== undefined) fillRaw(walk, state, call.raw.register, call.raw.size)
  if (call.released !== 0) release(state, call.released)
  clearCallerSaved(state)
  setResult(walk, state, call)
  checkCompatible(call)
  if (prototype.flags.includes('changes_pkt')) forgetPacket(state)
}

/** The prototype as this program type has it. @throws Rejection for helpers that it may not call */
function lookUp(walk: Walk, id: number): HelperPrototype {
  const name = helperName(id) ?? 'unknown'
  if (id < 0 || id > LAST_HELPER) fail('unknown-helper', { name, id })
  const row = helperById(id)
  const { key } = PROGRAM_TYPES[walk.prepared.program.type]
  if (row === undefined || !row.available.includes(key)) return fail('helper-not-available', { name, id })
  const variant = row.variants?.find((other) => other.types.includes(key))
  const prototype = variant === undefined ? row : { ...row, ...variant }
  if (prototype.gpl && !walk.prepared.gplCompatible) fail('gpl-helper', {})
  return prototype
}

function checkSleep(state: State, { flags, name, id }: HelperPrototype): void {
  if (!flags.includes('might_sleep')) return
  if (!state.inSleepable) fail('helper-might-sleep', {})
  const region = state.activeRcuLock
    ? 'rcu_read_lock region'
    : state.activePreemptLocks > 0
      ? 'non-preemptible region'
      : state.activeIrqId !== 0
        ? 'IRQ-disabled region'
        : undefined
  if (region !== undefined) fail('helper-sleeps-in-region', { name, id, region })
}

/** Helpers that change a map: update, delete, push, pop. */
const MAP_WRITERS: ReadonlySet<string> = new Set([
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_map_push_elem',
  'bpf_map_pop_elem',
])

function checkMapWritable({ map, prototype }: HelperCall): void {
  if (map === undefined || (map.flags & MAP_FLAGS.rdonly_prog) === 0) return
  if (MAP_WRITERS.has(prototype.name)) fail('map-write-by-helper', {})
}

/** What the verifier does not follow yet: helpers that call back, acquire or release, and tail calls. */
function refuseSpecific({ prototype, map }: HelperCall): void {
  const { flags, name } = prototype
  if (name === 'bpf_tail_call' && map?.type !== 'prog_array') fail('tail-call-map', {})
  if (name === 'bpf_kptr_xchg') return
  const followed = !flags.some(
    (flag) => flag === 'acquire' || flag === 'release' || flag === 'sync_callback' || flag === 'async_callback',
  )
  if (!followed || name === 'bpf_tail_call') fail('not-implemented', { name })
}

/** Output buffers on the stack: every byte is stored as unknown, which ends saved registers. */
function fillRaw(walk: Walk, state: State, register: number, size: number): void {
  const off = currentFrame(state).words[registerAt(register) + OFF]!
  for (let i = 0; i < size; i++) storeStack(walk, state, register, off + i, 1, -2)
}

/** No call preserves r0 to r5. */
export function clearCallerSaved(state: State): void {
  const { words } = currentFrame(state)
  for (let n = 0; n < CALLER_SAVED; n++) {
    clearRegister(words, registerAt(n))
    touchRegister(state, n)
  }
}

/** r0 becomes an unknown scalar of 64 bits. */
export function setUnknownResult(state: State): void {
  const { words } = currentFrame(state)
  makeUnknown(words, registerAt(0))
  words[registerAt(0) + SUBREG_DEF] = 0
}

function setResult(walk: Walk, state: State, call: HelperCall): void {
  const { words } = currentFrame(state)
  switch (call.prototype.ret) {
    case 'void':
      return
    case 'integer':
      setUnknownResult(state)
      refineInteger(walk, words, call)
      return
    case 'map_value':
    case 'map_value_or_null':
      setMapValue(state, call)
      return
    case 'kptr_or_null':
      setObjectResult(state, call.struct)
      acquireResult(state)
      return
    default:
      fail('not-implemented', { name: call.prototype.name })
  }
}

/**
 * The ranges that results of a few helpers are known to have: the number of a CPU, or a length that the size argument
 * bounds and that may be an errno instead. Only the latter may be negative, so its unsigned bounds stay open.
 */
function refineInteger(walk: Walk, words: Int32Array, call: HelperCall): void {
  const range = call.prototype.retRange
  if (range === undefined) return
  const at = registerAt(0)
  const max = range.smax === undefined ? walk.cpus - 1 : call.sizeMax
  const min = range.smin ?? 0
  words[at + SMIN_LO] = min
  words[at + SMIN_HI] = min >> 31
  words[at + SMAX_LO] = max
  words[at + SMAX_HI] = 0
  words[at + S32MIN] = min
  words[at + S32MAX] = max
  if (range.smax === undefined) {
    words[at + UMAX_LO] = max
    words[at + UMAX_HI] = 0
    words[at + U32MAX] = max
  }
  sync(words, at)
}

/** Null only where the key is not known to lie in an array. */
function setMapValue(state: State, call: HelperCall): void {
  const { words } = currentFrame(state)
  const at = registerAt(0)
  const looksUp = call.prototype.name === 'bpf_map_lookup_elem'
  const inside = looksUp && call.constantKey >= 0 && call.constantKey < (call.map?.maxEntries ?? 0)
  // No variable offset: the variable part of a pointer is the constant 0.
  makeConst(words, at, 0, 0)
  words[at + MAP] = call.mapWord
  words[at + MAP_UID] = call.mapUid
  words[at + TYPE] = RegType.MAP_VALUE
  words[at + SUBREG_DEF] = 0
  if (call.prototype.ret === 'map_value' || inside) return
  words[at + TYPE] = RegType.MAP_VALUE | TypeFlag.MAYBE_NULL
  words[at + ID] = newId(state)
}

/** Map types that no helper takes but those whose row names them. */
const RESTRICTED: ReadonlySet<MapType> = new Set([
  'prog_array',
  'perf_event_array',
  'stack_trace',
  'cgroup_array',
  'cpumap',
  'reuseport_sockarray',
  'cgroup_storage',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
  'ringbuf',
  'user_ringbuf',
  'bloom_filter',
  'arena',
])

/** Comes last of all checks, behind the arguments. */
function checkCompatible({ map, prototype }: HelperCall): void {
  if (map === undefined) return
  const { mapTypes, name, id } = prototype
  const allowed = mapTypes === undefined ? !RESTRICTED.has(map.type) : mapTypes.includes(map.type)
  if (!allowed) fail('map-helper-mismatch', { type: MAP_TYPES[map.type], name, id })
}
