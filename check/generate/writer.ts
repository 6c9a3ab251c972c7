/**
 * Writes the assembly of one function, step by step, with a model of what is known at the point written to. Choices
 * that a step leaves open are settled here, by what the model has to offer.
 */
import { copyModel, type Model, makeModel, SCALAR, type Value } from './model.ts'
import type { Operand, Parameter, Pick } from './recipe.ts'

/** Types of the programs that are generated. */
export type GeneratedType = 'syscall' | 'xdp' | 'socket'

/** Type, labels and classes of a whole program. */
export interface Shared {
  readonly type: GeneratedType
  labels: number
  readonly classes: Set<string>
}

/** Branches that all iterations of all loops of a function may pass. */
const MAX_FORKS_IN_LOOPS = 10

export class Writer {
  readonly shared: Shared
  /** Names and parameters of functions that may be called here. */
  readonly functions: readonly Callable[]
  /** Whether it writes a function that the program calls, rather than the program. */
  readonly isCallee: boolean
  lines: string[] = []
  model: Model = makeModel()
  /** Registers that steps must leave alone: loop counters, and what a step still needs. */
  readonly pinned: Set<number> = new Set()
  /** Loops around the point written to. */
  loops = 0
  /** Times that the point written to is passed at most, by those loops. */
  iterations = 1
  /** Branches passed at most, each as often as it is; those in loops alone. */
  forks = 0
  forksInLoops = 0

  constructor(shared: Shared, functions: readonly Callable[], isCallee: boolean) {
    this.shared = shared
    this.isCallee = isCallee
    this.functions = functions
  }

  put(...lines: readonly string[]): void {
    for (const line of lines) this.lines.push(`    ${line}`)
  }

  label(name: string): void {
    this.lines.push(`${name}:`)
  }

  freshLabel(): string {
    this.shared.labels += 1
    return `l${this.shared.labels}`
  }

  /** Notes that the program exercises a class. */
  tag(name: string): void {
    this.shared.classes.add(name)
  }

  /** What a register holds from here on. */
  set(reg: number, value: Value | undefined): void {
    this.model.regs[reg] = value
  }

  /** A register that may be written, whatever it holds: pointers get lost so, and scalars take their place. */
  destination(pick: Pick): number {
    const free = range(10).filter((reg) => !this.pinned.has(reg))
    return free[pick % free.length]!
  }

  /** A register that holds a scalar; one is set to a constant where there is none. */
  scalar(pick: Pick, tainted = false): number {
    const found = range(10).filter((reg) => {
      const value = this.model.regs[reg]
      return value?.kind === 'scalar' && (tainted || !value.tainted)
    })
    if (found.length > 0) return found[pick % found.length]!
    const reg = this.destination(pick)
    this.put(`r${reg} = ${pick % 100}`)
    this.set(reg, SCALAR)
    return reg
  }

  /** A register with a scalar in it that may be changed. */
  changeable(pick: Pick, tainted = false): number {
    const found = range(10).filter((reg) => {
      const value = this.model.regs[reg]
      return value?.kind === 'scalar' && (tainted || !value.tainted) && !this.pinned.has(reg)
    })
    if (found.length > 0) return found[pick % found.length]!
    const reg = this.destination(pick)
    this.put(`r${reg} = ${pick % 100}`)
    this.set(reg, SCALAR)
    return reg
  }

  /** A register to work with, other than those pinned; what it held is lost. */
  scratch(pick: Pick): number {
    const reg = this.destination(pick)
    this.set(reg, undefined)
    return reg
  }

  /** An operand's text, of 64 bits or 32. */
  operand(operand: Operand, wide: boolean): string {
    if (operand.kind === 'imm') return `${operand.value}`
    return `${wide ? 'r' : 'w'}${this.scalar(operand.pick)}`
  }

  /** Registers with pointers that accesses may go through. */
  pointers(): readonly number[] {
    return range(10).filter((reg) => {
      const kind = this.model.regs[reg]?.kind
      return kind === 'memory' || kind === 'arena'
    })
  }

  /** Keeps `regs` from being chosen while `body` writes. */
  holding<T>(regs: readonly number[], body: () => T): T {
    const added = regs.filter((reg) => !this.pinned.has(reg))
    for (const reg of added) this.pinned.add(reg)
    const result = body()
    for (const reg of added) this.pinned.delete(reg)
    return result
  }

  /** Runs `body` on a copy of the state and gives what it wrote; the state is back where it was. */
  aside(from: Model, body: () => void): { readonly lines: string[]; readonly model: Model } {
    const { lines, model } = this
    this.lines = []
    this.model = copyModel(from)
    body()
    const result = { lines: this.lines, model: this.model }
    this.lines = lines
    this.model = model
    return result
  }

  /**
   * Asks for `count` branches at this point. Without limit only outside of loops: a branch in a loop doubles the
   * verifier's paths with each iteration.
   */
  mayFork(count: number): boolean {
    const passed = count * this.iterations
    if (this.iterations > 1) {
      if (this.forksInLoops + passed > MAX_FORKS_IN_LOOPS) return false
      this.forksInLoops += passed
    }
    this.forks += passed
    return true
  }

  /** What a call leaves: r0 is set by the caller of this. */
  clobber(): void {
    for (let reg = 0; reg <= 5; reg++) this.set(reg, undefined)
  }
}

export interface Callable {
  readonly name: string
  readonly params: readonly Parameter[]
  /** Branches that a call passes at most. */
  readonly forks: number
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}
