/** Steps that work on scalars in registers. */
import { CONTEXT_BYTES, SCALAR, TAINTED, type Value } from './model.ts'
import type { AluOp, Step, UnaryOp } from './recipe.ts'
import type { Writer } from './writer.ts'

type Of<K extends Step['kind']> = Extract<Step, { readonly kind: K }>

/** Globals that programs read; their contents come with a run's inputs. */
export const INPUTS = ['in0', 'in1', 'in2', 'in3'] as const
/** Stack slot in which the program keeps its context. */
export const CONTEXT_SLOT = 7

const SHIFTS: ReadonlySet<AluOp> = new Set(['<<', '>>', 's>>'])
const DIVISIONS: ReadonlySet<AluOp> = new Set(['/', '%', 's/', 's%'])

/** `dst op= src`. What a tainted source gives is tainted: only plain registers end in r0. */
export function writeAlu(w: Writer, step: Of<'alu'>): void {
  w.tag('alu')
  const dst = w.changeable(step.dst, true)
  const kind = step.wide ? 'r' : 'w'
  if (step.src.kind === 'imm') {
    w.put(`${kind}${dst} ${step.op}= ${immediate(step.op, step.wide, step.src.value)}`)
    return
  }
  const src = w.scalar(step.src.pick, true)
  w.put(`${kind}${dst} ${step.op}= ${kind}${src}`)
  if (isTainted(w.model.regs[src])) w.set(dst, TAINTED)
}

function isTainted(value: Value | undefined): boolean {
  return value?.kind === 'scalar' && value.tainted
}

/** An immediate that the encoding takes. */
function immediate(op: AluOp, wide: boolean, value: number): number {
  if (SHIFTS.has(op)) return (value >>> 0) % (wide ? 64 : 32)
  return DIVISIONS.has(op) && value === 0 ? 1 : value
}

/** Negation and changes of byte order, in place. */
export function writeUnary(w: Writer, step: Of<'unary'>): void {
  w.tag('alu')
  const dst = w.changeable(step.dst, true)
  w.put(unaryText(step.op, step.wide, dst))
}

function unaryText(op: UnaryOp, wide: boolean, dst: number): string {
  if (op !== 'neg') return `r${dst} = ${op} r${dst}`
  return wide ? `r${dst} = -r${dst}` : `w${dst} = -w${dst}`
}

/** A plain or sign-extending move; the 32-bit form extends from 16 bits at most. */
export function writeMove(w: Writer, step: Of<'move'>): void {
  w.tag('alu')
  const kind = step.wide ? 'r' : 'w'
  if (step.src.kind === 'imm') {
    const dst = w.destination(step.dst)
    w.put(`${kind}${dst} = ${step.src.value}`)
    w.set(dst, SCALAR)
    return
  }
  const src = w.scalar(step.src.pick, true)
  const dst = w.destination(step.dst)
  const signed = step.signed === 32 && !step.wide ? 16 : step.signed
  w.put(`${kind}${dst} = ${signed === 0 ? '' : `(s${signed})`}${kind}${src}`)
  w.set(dst, w.model.regs[src])
}

/** A number of 64 bits, which takes two slots: branches over it are where slots and instructions differ. */
export function writeConstant(w: Writer, step: Of<'constant'>): void {
  const dst = w.destination(step.dst)
  w.put(`r${dst} = ${BigInt.asIntN(64, step.value)} ll`)
  w.set(dst, SCALAR)
}

/**
 * A scalar that the verifier knows nothing of beyond its width. Functions have no context: there, as when a choice
 * falls so, it comes from a global.
 */
export function writeInput(w: Writer, step: Of<'input'>): void {
  const bytes = step.width / 8
  const type = `${step.signed && step.width < 64 ? 's' : 'u'}${step.width}`
  const dst = w.destination(step.dst)
  const saved = w.model.slots[CONTEXT_SLOT]!.pointer
  if (step.from === 'context' && saved?.kind === 'memory' && saved.of === 'context') {
    const at = ((step.index >>> 0) % (CONTEXT_BYTES / bytes)) * bytes
    w.put(`r${dst} = *(u64 *)(r10 - ${8 * CONTEXT_SLOT + 8})`, `r${dst} = *(${type} *)(r${dst} + ${at})`)
  } else {
    w.tag('map')
    const at = ((step.index >>> 2) % (8 / bytes)) * bytes
    w.put(`r${dst} = ${INPUTS[step.index % INPUTS.length]!} ll`, `r${dst} = *(${type} *)(r${dst} + ${at})`)
  }
  w.set(dst, SCALAR)
}
