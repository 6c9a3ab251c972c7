/**
 * Accesses to the arena that one test answers for. A run is a stretch of a block from its first arena access to its
 * last; where the test holds, its accesses go straight to memory, else each is tested on its own.
 *
 *     r1 = addr_space_cast(r6, 0, 1)      r6 and r1 are one root: what is known of r6's low half holds for r1
 *     *(u64 *)(r1 + 0) = r8               a store: the page byte of the root has to be 7
 *     *(u64 *)(r1 + 8) = r7
 *     r2 = *(u64 *)(r3 + 0)               loads alone: the root is aligned, and far enough from the window's end
 *     r3 = *(u64 *)(r3 + 8)
 *
 * A base that is made within the run (r4 = *(u64 *)(r3 + 8), then a load through r4) starts the next one.
 */
import type { Block } from '../isa/blocks.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { Access } from '../program/loadable.ts'
import type { CompileInput } from './compile.ts'
import { copiesLow, REACH, writes } from './effects.ts'

export type Guard =
  /** The page byte of the register says that all is there around it; accesses and bases are at low + min to low + end. */
  | { readonly kind: 'page'; readonly register: number; readonly min: number; readonly end: number }
  /** low + min to low + max + bytes lies in the window, and low is a multiple of `bytes`, as `min` is. */
  | {
      readonly kind: 'aligned'
      readonly register: number
      readonly min: number
      readonly max: number
      readonly bytes: number
    }

export type PageGuard = Extract<Guard, { readonly kind: 'page' }>
export type AlignedGuard = Extract<Guard, { readonly kind: 'aligned' }>

export interface GuardedRun {
  readonly first: number
  readonly last: number
  readonly guards: readonly Guard[]
  /** Accesses that need no test of their own where the guards hold. */
  readonly covered: ReadonlySet<number>
}

/** An access to the arena whose place is known by a register. */
export interface Covered {
  readonly slot: number
  readonly root: number
  /** Distance of the base from the root, and of the access. */
  readonly delta: number
  readonly at: number
  readonly bytes: number
  readonly store: boolean
}

/** Low half of a register: that of `root` at the start of the run or of the round, plus `delta`. Root -1: something else. */
export interface Low {
  readonly root: number
  readonly delta: number
  /** By copies alone: where its page byte is used, that of the root is kept. A sum of 0 does not make it so. */
  readonly copied: boolean
}

const REGISTERS = 11
const ELSE: Low = { root: -1, delta: 0, copied: false }

/** The runs of a block with two accesses or more that guards answer for, by their first slot. */
export function guardedRuns(input: CompileInput, block: Block): ReadonlyMap<number, GuardedRun> {
  const found = new Map<number, GuardedRun>()
  const { access } = input
  if (access === undefined || input.pageTable === undefined) return found
  const { insns } = input.program
  let lows: Low[] = []
  let run: Covered[] = []
  const close = (): void => {
    const made = guardsOf(run)
    if (made !== undefined) found.set(made.first, made)
    run = []
  }
  for (let slot = block.start; slot <= block.last; slot++) {
    const insn = insns[slot]!
    const { kind } = insn.row
    if (kind === Kind.LD_IMM64_HI) continue
    if (endsRun(kind)) close()
    if (access[slot] === Access.ARENA && isPlain(kind)) {
      const store = kind === Kind.ST || kind === Kind.STX
      const base = store ? insn.dst : insn.src
      const known = run.length > 0 ? lows[base]! : ELSE
      if (known.root < 0 || (store && !known.copied)) {
        close()
        lows = rootsAt()
      }
      const { root, delta } = lows[base]!
      run.push({ slot, root, delta, at: delta + insn.off, bytes: insn.row.memWidth / 8, store })
    }
    if (run.length > 0) step(lows, insn)
  }
  close()
  return found
}

/** Every register is its own root. */
export function rootsAt(): Low[] {
  return Array.from({ length: REGISTERS }, (_, root) => ({ root, delta: 0, copied: true }))
}

/** What holds whichever of two ways control came. */
export function meetLows(a: readonly Low[], b: readonly Low[]): Low[] {
  return a.map((low, n) => (low.root === b[n]!.root && low.delta === b[n]!.delta ? low : ELSE))
}

/** What runs other code, or leaves the function. */
function endsRun(kind: Kind): boolean {
  switch (kind) {
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
    case Kind.CALL_LOCAL:
    case Kind.CALLX:
    case Kind.LD_ABS:
    case Kind.LD_IND:
    case Kind.EXIT:
      return true
    default:
      return false
  }
}

function isPlain(kind: Kind): boolean {
  return kind === Kind.LDX || kind === Kind.LDXSX || kind === Kind.ST || kind === Kind.STX
}

/** What an instruction does to low halves. */
export function step(lows: Low[], insn: Instruction): void {
  const { row, dst, src, imm } = insn
  if (copiesLow(insn)) {
    lows[dst] = lows[src]!
    return
  }
  if (row.kind === Kind.ALU && row.op === Op.ADD && row.operand === Operand.IMM) {
    const { root, delta } = lows[dst]!
    lows[dst] = root < 0 || Math.abs(delta + imm) > REACH ? ELSE : { root, delta: delta + imm, copied: false }
    return
  }
  const written = writes(insn)
  for (let n = 0; n < REGISTERS; n++) if ((written & (1 << n)) !== 0) lows[n] = ELSE
}

function guardsOf(run: readonly Covered[]): GuardedRun | undefined {
  const guards: Guard[] = []
  const covered = new Set<number>()
  for (const root of new Set(run.map((access) => access.root))) {
    const through = run.filter((access) => access.root === root)
    const [guard, answered] = through.some(({ store }) => store) ? pageGuard(root, through) : loadGuard(root, through)
    // A single load has its own test.
    if (answered.length < 2) continue
    guards.push(guard)
    for (const { slot } of answered) covered.add(slot)
  }
  if (covered.size === 0) return undefined
  // Roots are what registers hold in front of the first access, which needs not be one that the guards answer for.
  return { first: run[0]!.slot, last: Math.max(...covered), guards, covered }
}

function pageGuard(root: number, through: readonly Covered[]): readonly [Guard, readonly Covered[]] {
  const answered = through.filter(({ at, bytes }) => Math.abs(at) + bytes <= REACH)
  // The bases have to lie in the page as well: a sum that has wrapped does not come back by an offset.
  const min = Math.min(...answered.flatMap(({ at, delta }) => [at, delta]))
  const end = Math.max(...answered.flatMap(({ at, delta, bytes }) => [at + bytes, delta + 1]))
  return [{ kind: 'page', register: root, min, end }, answered.some(({ store }) => store) ? answered : []]
}

/** A guard for loads through one root, and those of them that it answers for. */
export function loadGuard(root: number, through: readonly Covered[]): readonly [AlignedGuard, readonly Covered[]] {
  const answered = through.filter(({ at, bytes }) => at % bytes === 0)
  // The base has to lie in the window as well: a sum that has wrapped does not come back by an offset.
  const places = answered.flatMap(({ at, delta }) => [at, delta])
  const bytes = Math.max(1, ...answered.map((access) => access.bytes))
  const min = Math.floor(Math.min(0, ...places) / bytes) * bytes
  return [{ kind: 'aligned', register: root, min, max: Math.max(0, ...places), bytes }, answered]
}
