/** Who does something to the machine, for reports: a program at an instruction, a part of the kernel, user space. */
import type { SourcePosition } from '../errors/errors.ts'
import type { Context } from './cpu.ts'

/** A program that runs; its engine keeps `slot`. */
export interface Running {
  readonly program: string
  /** Slot of the call that it is in, or of the access that is being looked at. */
  readonly slot: number
  /** Where the instruction stands in the source; undefined where that is not known. */
  readonly source: (slot: number) => SourcePosition | undefined
}

export interface Actor {
  /** `program NAME`, `user space`, or what of the kernel runs. */
  readonly what: string
  readonly cpu: number
  readonly context: Context
  /** Of a program: its name, the instruction's slot, and the source line. */
  readonly program?: string
  readonly instruction?: number
  readonly source?: SourcePosition
}

/** `program p, instruction 7 (p.bpf.s:12), CPU 1 in nmi context`; what goes without saying is left out. */
export function renderActor({ what, cpu, context, instruction, source }: Actor): string {
  const at = instruction === undefined ? '' : `, instruction ${instruction}`
  const line = source === undefined ? '' : ` (${source.file}:${source.line})`
  const where = [cpu === 0 ? '' : `CPU ${cpu}`, context === 'task' ? '' : `in ${context} context`]
  const place = where.filter((part) => part !== '').join(' ')
  return `${what}${at}${line}${place === '' ? '' : `, ${place}`}`
}
