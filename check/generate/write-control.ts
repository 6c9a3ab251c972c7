/** Steps that branch, loop and call. */
import { ARENA, DATA, joinModels, type Model, SCALAR, SLOTS, sameModel, TAINTED } from './model.ts'
import type { Condition, JumpOp, Step } from './recipe.ts'
import { ARENA_BASE, ARENA_PAGES } from './write-memory.ts'
import { range, type Writer } from './writer.ts'

type Of<K extends Step['kind']> = Extract<Step, { readonly kind: K }>
export type WriteSteps = (w: Writer, steps: readonly Step[]) => void

/** Registers that calls leave alone: loop counters live there. */
const COUNTERS = [6, 7, 8, 9] as const
/** Loops in loops. */
const MAX_LOOPS = 2
/** Times that a loop's body is written before its model stands still. */
const MAX_REWRITES = 6

const HELPERS = { time: 'bpf_ktime_get_ns', random: 'bpf_get_prandom_u32', cpu: 'bpf_get_smp_processor_id' } as const

function conditionText(w: Writer, { op, wide, left, right }: Condition): string {
  w.tag('jump')
  const a = w.scalar(left)
  const b = w.holding([a], () => w.operand(right, wide))
  return `${wide ? 'r' : 'w'}${a} ${op} ${b}`
}

/** A jump, of either encoding: the short one has its distance in `off`, the long one in `imm`. */
function gotoText(w: Writer, label: string): string {
  return `${w.shared.labels % 3 === 0 ? 'gotol' : 'goto'} ${label}`
}

/** Both sides, then what they have in common. In loops with branches enough, one side alone. */
export function writeBranch(w: Writer, step: Of<'branch'>, write: WriteSteps): void {
  if (!w.mayFork(1)) {
    write(w, step.taken)
    return
  }
  const text = conditionText(w, step.condition)
  const label = w.freshLabel()
  const end = w.freshLabel()
  const otherwise = w.aside(w.model, () => write(w, step.otherwise))
  const target = w.aside(w.model, () => write(w, step.taken))
  w.put(`if ${text} goto ${label}`)
  w.lines.push(...otherwise.lines)
  if (target.lines.length > 0) w.put(gotoText(w, end))
  w.label(label)
  w.lines.push(...target.lines)
  w.label(end)
  w.model = joinModels(otherwise.model, target.model)
}

/** The opposite of a comparison; `&` has none. */
const OPPOSITE: Readonly<Partial<Record<JumpOp, JumpOp>>> = { '==': '!=', '!=': '==', '>': '<=', '<=': '>', '<': '>=' }

/** An early exit with a constant. */
export function writeGuard(w: Writer, step: Of<'guard'>): void {
  if (!w.mayFork(1)) return
  const opposite = OPPOSITE[step.condition.op]
  const condition = opposite === undefined ? step.condition : { ...step.condition, op: opposite }
  const text = conditionText(w, condition)
  const on = w.freshLabel()
  w.put(`if ${text} goto ${on}`, `r0 = ${step.value}`, 'exit')
  w.label(on)
}

/**
 * A loop that ends after a few iterations whatever happens: the counter is kept from the body. By style:
 *
 *     up, down   the verifier walks it, iteration by iteration
 *     input      as many iterations as an input says, 7 at most
 *     may_goto   may_goto at the head, and a count as well: without it engines would differ in when they stop
 */
export function writeLoop(w: Writer, step: Of<'loop'>, write: WriteSteps): void {
  const free = COUNTERS.filter((reg) => !w.pinned.has(reg))
  const counter = free[step.count % Math.max(1, free.length)]
  if (counter === undefined || w.loops >= MAX_LOOPS) return
  const count = 1 + (step.count % (w.loops > 0 ? 3 : 6))
  // Every iteration of these may be the last.
  const open = step.style === 'input' || step.style === 'may_goto'
  if (open && !w.mayFork(count)) return
  w.tag('loop')
  const [head, end] = [w.freshLabel(), w.freshLabel()]
  if (step.style === 'input') w.put(`r${counter} = in0 ll`, `r${counter} = *(u8 *)(r${counter} + 0)`)
  else w.put(`r${counter} = ${step.style === 'down' ? count : 0}`)
  if (step.style === 'input') w.put(`r${counter} &= ${count <= 3 ? 3 : 7}`)
  w.set(counter, SCALAR)
  const body = settleBody(w, step.body, { counter, count }, write)
  w.label(head)
  switch (step.style) {
    case 'up':
      w.lines.push(...body.lines)
      w.put(`r${counter} += 1`, `if r${counter} < ${count} goto ${head}`)
      break
    case 'down':
      w.lines.push(...body.lines)
      w.put(`r${counter} += -1`, `if r${counter} != 0 goto ${head}`)
      break
    case 'input':
      w.put(`if w${counter} s<= 0 goto ${end}`)
      w.lines.push(...body.lines)
      w.put(`w${counter} += -1`, gotoText(w, head))
      break
    case 'may_goto':
      w.tag('may_goto')
      w.put(`may_goto ${end}`, `if r${counter} >= ${count} goto ${end}`)
      w.lines.push(...body.lines)
      w.put(`r${counter} += 1`, `goto ${head}`)
      break
    default:
      step.style satisfies never
  }
  w.label(end)
  w.model = joinModels(body.before, body.model)
}

interface Body {
  readonly lines: readonly string[]
  /** What holds at the head, whichever way it was come to, and behind the body. */
  readonly before: Model
  readonly model: Model
}

/** Writes a loop's body until what it leaves behind is no less than what it started from. */
function settleBody(
  w: Writer,
  steps: readonly Step[],
  { counter, count }: { readonly counter: number; readonly count: number },
  write: WriteSteps,
): Body {
  let before = w.model
  const { loops, iterations, forks, forksInLoops } = w
  let body: { lines: string[]; model: Model } | undefined
  for (let round = 0; round < MAX_REWRITES && body === undefined; round++) {
    Object.assign(w, { loops: loops + 1, iterations: iterations * count, forks, forksInLoops })
    const written = w.holding([counter], () => w.aside(before, () => write(w, steps)))
    const joined = joinModels(before, written.model)
    if (sameModel(joined, before)) body = written
    before = joined
  }
  Object.assign(w, { loops, iterations })
  return { before, ...(body ?? { lines: [], model: before }) }
}

/** Helpers whose results are different every time, or on every CPU. */
export function writeHelper(w: Writer, step: Of<'helper'>): void {
  if (w.pinned.has(0)) return
  w.tag('call')
  w.put(`call ${HELPERS[step.name]}`)
  w.clobber()
  w.set(0, TAINTED)
}

/** Calls a function that stands behind this one, so that there is no recursion. */
export function writeCall(w: Writer, step: Of<'call'>): void {
  const callee = w.functions[step.func % Math.max(1, w.functions.length)]
  if (callee === undefined || w.pinned.has(0) || !w.mayFork(callee.forks)) return
  w.tag('call')
  for (const [n, param] of callee.params.entries()) {
    const reg = n + 1
    const pick = step.args[n] ?? 0
    if (param === 'scalar') {
      w.put(`r${reg} = r${w.scalar(pick)}`)
      w.set(reg, SCALAR)
    } else if (param === 'arena') {
      const found = range(10).filter((r) => w.model.regs[r]?.kind === 'arena')
      if (found.length > 0) w.put(`r${reg} = r${found[pick % found.length]!}`)
      else
        w.put(
          `r${reg} = ${ARENA_BASE + BigInt((pick % ARENA_PAGES) * 4096)} ll`,
          `r${reg} = addr_space_cast(r${reg}, 0, 1)`,
        )
      w.set(reg, ARENA)
    } else {
      const slot = pick % (SLOTS - 1)
      w.put(`*(u64 *)(r10 - ${8 * slot + 8}) = ${pick}`, `r${reg} = r10`, `r${reg} += -${8 * slot + 8}`)
      w.model.slots[slot] = DATA
      w.set(reg, undefined)
    }
    // What is set must not serve to make a later argument, nor be lost to one.
    w.pinned.add(reg)
  }
  for (let n = 1; n <= callee.params.length; n++) w.pinned.delete(n)
  w.put(`call ${callee.name}`)
  w.clobber()
  w.set(0, SCALAR)
}

/** To the arena from any number, or back to a user address. */
export function writeCast(w: Writer, step: Of<'cast'>): void {
  w.tag('cast')
  w.tag('arena')
  const arena = range(10).filter((reg) => w.model.regs[reg]?.kind === 'arena')
  if (step.toUser && arena.length > 0) {
    const src = arena[step.src % arena.length]!
    const dst = w.destination(step.dst)
    w.put(`r${dst} = addr_space_cast(r${src}, 1, 0)`)
    w.set(dst, SCALAR)
    return
  }
  const src = w.scalar(step.src)
  const dst = w.destination(step.dst)
  w.put(`r${dst} = addr_space_cast(r${src}, ${step.toUser ? '1, 0' : '0, 1'})`)
  w.set(dst, step.toUser ? SCALAR : ARENA)
}

/** Allocates or frees pages at a fixed address: where pages go then does not depend on what was there before. */
export function writeArenaPage(w: Writer, step: Of<'arena-page'>): void {
  // The arena's kfuncs are for programs that may sleep.
  if (w.pinned.has(0) || w.shared.type !== 'syscall') return
  w.tag('arena')
  const address = ARENA_BASE + BigInt((step.page % ARENA_PAGES) * 4096)
  const count = 1 + (step.count % 3)
  w.put('r1 = arena ll', `r2 = ${address} ll`, `w3 = ${count}`)
  if (step.free) w.put('call bpf_arena_free_pages')
  else w.put('w4 = -1', 'r5 = 0', 'call bpf_arena_alloc_pages')
  w.clobber()
  // Freeing gives nothing back.
  w.set(0, step.free ? undefined : SCALAR)
}
