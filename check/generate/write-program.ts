/**
 * From a recipe to the text of a whole file:
 *
 *     maps and globals
 *     .program: keeps the context, fills some registers, allocates pages | the steps | mixes what is left into r0
 *     .func f0, f1, ...: a function calls only those behind it
 *
 * Every scalar that is not tainted ends up in r0, whose 64 bits also go to the global `out`.
 */
import type { Question } from '../../linux/question.ts'
import { ARENA, CONTEXT_BYTES, SCALAR, type Value } from './model.ts'
import type { FunctionRecipe, Parameter, ProgramRecipe, Step } from './recipe.ts'
import {
  writeArenaPage,
  writeBranch,
  writeCall,
  writeCast,
  writeGuard,
  writeHelper,
  writeLoop,
} from './write-control.ts'
import {
  ARENA_BASE,
  ARENA_PAGES,
  ARRAY_ENTRIES,
  OUTPUTS,
  writeAccess,
  writeFill,
  writeLookup,
  writePoint,
  writeSpill,
  writeStackIndex,
  writeUpdate,
} from './write-memory.ts'
import { writeContextField, writePacketAccess, writePacketLoad } from './write-packet.ts'
import { CONTEXT_SLOT, INPUTS, writeAlu, writeConstant, writeInput, writeMove, writeUnary } from './write-scalar.ts'
import { type Callable, type GeneratedType, range, type Shared, Writer } from './writer.ts'

/** A whole program as text, and what it is good for. */
export interface GeneratedProgram {
  readonly text: string
  /** What it exercises: alu, jump, stack, map, arena, atomic, cast, loop, may_goto, call, packet, mutant. */
  readonly classes: readonly string[]
  /** Nothing that differs from run to run or from engine to engine reaches r0, maps, the arena or a branch. */
  readonly comparable: boolean
  /** Stretches of its arenas that can have pages, where that is less than all; by name. */
  readonly within?: Question['within']
}

/** Name of the program in each generated file. */
export const PROGRAM_NAME = 'main'

export const HEADER: string = [
  `.map arena type=arena entries=${ARENA_PAGES} flags=mmapable extra=0x${ARENA_BASE.toString(16)}`,
  `.map arr type=array key=4 value=64 entries=${ARRAY_ENTRIES}`,
  `.map one type=array key=4 value=8 entries=2`,
  ...['out', ...OUTPUTS, ...INPUTS].map((name) => `.global ${name}: u64`),
  '.license "GPL"',
].join('\n')

export function writeProgram(recipe: ProgramRecipe, type: GeneratedType = 'syscall'): GeneratedProgram {
  const shared: Shared = { type, labels: 0, classes: new Set() }
  // From the last: a function must know of those that it may call.
  let callables: readonly Callable[] = []
  let functions: readonly string[] = []
  for (let n = recipe.functions.length - 1; n >= 0; n--) {
    const fn = recipe.functions[n]!
    const w = writeFunction(shared, fn, callables)
    callables = [{ name: `f${n}`, params: fn.params, forks: w.forks }, ...callables]
    functions = [`.func f${n}`, ...w.lines, ...functions]
  }
  const main = new Writer(shared, callables, false)
  if (type === 'syscall') startProgram(main)
  else startPacketProgram(main)
  writeSteps(main, recipe.body)
  finish(main, true)
  const parts = [HEADER, `.program ${PROGRAM_NAME} type=${type}`, ...main.lines, ...functions]
  return { text: `${parts.join('\n')}\n`, classes: [...shared.classes].sort(), comparable: true }
}

function startProgram(w: Writer): void {
  w.put(`*(u64 *)(r10 - ${8 * CONTEXT_SLOT + 8}) = r1`)
  const context: Value = { kind: 'memory', of: 'context', room: CONTEXT_BYTES }
  w.model.slots[CONTEXT_SLOT] = { written: 0xff, tainted: true, pointer: context }
  // Two pages, so that the arena has some of either kind.
  w.put('r1 = arena ll', `r2 = ${ARENA_BASE} ll`, 'w3 = 2', 'w4 = -1', 'r5 = 0', 'call bpf_arena_alloc_pages')
  w.put(`r9 = *(u64 *)(r10 - ${8 * CONTEXT_SLOT + 8})`, 'r6 = *(u64 *)(r9 + 0)', 'r7 = *(u32 *)(r9 + 8)')
  w.put('r8 = *(s16 *)(r9 + 12)', 'r9 = in1 ll', 'r9 = *(u64 *)(r9 + 0)')
  for (const reg of [6, 7, 8, 9]) w.set(reg, SCALAR)
}

/** Programs that see packets may not sleep, so not allocate pages: their arenas hold those that the user touched. */
function startPacketProgram(w: Writer): void {
  w.tag('packet')
  // Names the arena, without which there are no casts.
  w.put(`*(u64 *)(r10 - ${8 * CONTEXT_SLOT + 8}) = r1`, 'r1 = arena ll')
  for (const [n, name] of INPUTS.entries()) {
    const reg = 6 + n
    w.put(`r${reg} = ${name} ll`, `r${reg} = *(${['u64', 'u32', 's16', 'u64'][n]} *)(r${reg} + 0)`)
    w.set(reg, SCALAR)
  }
}

function writeFunction(shared: Shared, recipe: FunctionRecipe, callables: readonly Callable[]): Writer {
  const w = new Writer(shared, callables, true)
  for (const [n, param] of recipe.params.entries()) w.set(n + 1, parameterValue(param))
  writeSteps(w, recipe.body)
  finish(w, false)
  return w
}

function parameterValue(param: Parameter): Value {
  switch (param) {
    case 'scalar':
      return SCALAR
    case 'arena':
      return ARENA
    case 'buffer':
      return { kind: 'memory', of: 'buffer', room: 8 }
    default:
      return param satisfies never
  }
}

/** Mixes every plain scalar into r0 and leaves. */
function finish(w: Writer, isProgram: boolean): void {
  const plain = range(10).filter((reg) => {
    const value = w.model.regs[reg]
    return value?.kind === 'scalar' && !value.tainted
  })
  if (!plain.includes(0)) w.put('r0 = 0')
  for (const reg of plain) if (reg !== 0) w.put('r0 *= 31', `r0 += r${reg}`)
  for (const [n, slot] of w.model.slots.entries()) {
    if (slot.written !== 0xff || slot.tainted) continue
    w.put(`r1 = *(u64 *)(r10 - ${8 * n + 8})`, 'r0 *= 31', 'r0 += r1')
  }
  if (isProgram) w.put('r1 = out ll', '*(u64 *)(r1 + 0) = r0')
  w.put('exit')
}

export function writeSteps(w: Writer, steps: readonly Step[]): void {
  for (const step of steps) writeStep(w, step)
}

function writeStep(w: Writer, step: Step): void {
  switch (step.kind) {
    case 'alu':
      writeAlu(w, step)
      break
    case 'unary':
      writeUnary(w, step)
      break
    case 'move':
      writeMove(w, step)
      break
    case 'constant':
      writeConstant(w, step)
      break
    case 'input':
      writeInput(w, step)
      break
    case 'branch':
      writeBranch(w, step, writeSteps)
      break
    case 'guard':
      writeGuard(w, step)
      break
    case 'loop':
      writeLoop(w, step, writeSteps)
      break
    case 'spill':
      writeSpill(w, step)
      break
    case 'fill':
      writeFill(w, step)
      break
    case 'stack-index':
      writeStackIndex(w, step)
      break
    case 'point':
      writePoint(w, step)
      break
    case 'access':
      writeAccess(w, step)
      break
    case 'lookup':
      writeLookup(w, step)
      break
    case 'update':
      writeUpdate(w, step)
      break
    case 'cast':
      writeCast(w, step)
      break
    case 'arena-page':
      writeArenaPage(w, step)
      break
    case 'helper':
      writeHelper(w, step)
      break
    case 'call':
      writeCall(w, step)
      break
    case 'packet-access':
      writePacketAccess(w, step)
      break
    case 'packet-load':
      writePacketLoad(w, step)
      break
    case 'context-field':
      writeContextField(w, step)
      break
    default:
      step satisfies never
  }
}
