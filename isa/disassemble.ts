/**
 * Whole programs as text. In LLVM's syntax jump targets and called functions get labels (`L7`, `fn_12`: the slot),
 * and the text assembles back to the same bytes, even of what is no instruction.
 */
import { type KernelNames, kernelText } from './disasm-kernel.ts'
import { llvmText, quadText } from './disasm-llvm.ts'
import { jumpTarget, referenceTarget, slotsOf } from './flow.ts'
import { type Instruction, isWellFormed } from './instruction.ts'
import { Pseudo } from './opcode.ts'
import { Kind } from './table.ts'
import { describeFlaw, flawsAt } from './validate.ts'

export type Syntax = 'llvm' | 'kernel'

export interface DisassembleOptions {
  readonly syntax: Syntax
  /** Names of helpers and kfuncs, addresses of maps. In LLVM's syntax they become comments, as it knows numbers only. */
  readonly names?: KernelNames
  /**
   * LLVM's syntax: the symbol that the instruction at this slot refers to (a map, a global, a function), printed in
   * place of its number. Such text assembles only where the symbol is declared.
   */
  readonly symbol?: (slot: number) => string | undefined
}

/** The text of `program` (one element a slot), a line an instruction, each line ended; empty for no instructions. */
export function disassemble(program: readonly Instruction[], options: DisassembleOptions): string {
  const lines = options.syntax === 'kernel' ? kernelLines(program, options) : llvmLines(program, options)
  return lines.map((line) => `${line}\n`).join('')
}

function kernelLines(program: readonly Instruction[], options: DisassembleOptions): string[] {
  const lines: string[] = []
  program.forEach((insn, slot) => {
    if (insn.row.kind !== Kind.LD_IMM64_HI) lines.push(`${slot}: ${kernelText(insn, options.names)}`)
  })
  return lines
}

function llvmLines(program: readonly Instruction[], options: DisassembleOptions): string[] {
  const labels = labelsOf(program)
  const lines: string[] = []
  for (let slot = 0; slot < program.length; slot++) {
    const label = labels.get(slot)
    if (label !== undefined) lines.push(`${label}:`)
    const statement = llvmStatement(program, slot, labels, options)
    if (statement === undefined) {
      const flaw = [...flawsAt(program, slot)][0]
      lines.push(withComment(quadText(program[slot]!), flaw && describeFlaw(flaw)))
    } else {
      lines.push(statement)
      slot += slotsOf(program[slot]!) - 1
    }
  }
  return lines
}

/** The line of the instruction at `slot`; undefined where no notation gives the same bytes. */
function llvmStatement(
  program: readonly Instruction[],
  slot: number,
  labels: ReadonlyMap<number, string>,
  options: DisassembleOptions,
): string | undefined {
  const insn = program[slot]!
  if (insn.row.kind === Kind.LD_IMM64_HI || !isWellFormed(insn)) return undefined
  const symbol = options.symbol?.(slot)
  if (insn.row.kind === Kind.LD_IMM64) {
    const second = program[slot + 1]
    if (second === undefined || !isWellFormed(second)) return undefined
    if (symbol !== undefined && insn.row.pseudo !== Pseudo.NONE) return `  r${insn.dst} = ${symbol} ll`
  }
  const destination = jumpTarget(insn, slot) ?? referenceTarget(insn, slot)
  const target = destination === undefined ? undefined : labels.get(destination)
  if (insn.row.kind === Kind.CALL_LOCAL) {
    const name = symbol ?? target
    return name === undefined ? undefined : `  call ${name}`
  }
  if (symbol !== undefined && isNumberedCall(insn)) return `  call ${symbol}`
  return withComment(llvmText(insn, target), nameOf(insn, options.names))
}

function isNumberedCall(insn: Instruction): boolean {
  return insn.row.kind === Kind.CALL_HELPER || insn.row.kind === Kind.CALL_KFUNC
}

function nameOf(insn: Instruction, names: KernelNames | undefined): string | undefined {
  if (insn.row.kind === Kind.CALL_HELPER) return names?.helper?.(insn.imm)
  if (insn.row.kind === Kind.CALL_KFUNC) return names?.kfunc?.(insn.imm, insn.off)
  return undefined
}

/** Comments start at this column where the statement leaves room. */
const COMMENT_COLUMN = 40

function withComment(statement: string, comment: string | undefined): string {
  return comment === undefined ? `  ${statement}` : `${`  ${statement}`.padEnd(COMMENT_COLUMN - 1)} # ${comment}`
}

/** Labels of every slot that a jump or local call leads to, where an instruction starts; a function's name wins. */
function labelsOf(program: readonly Instruction[]): ReadonlyMap<number, string> {
  const labels = new Map<number, string>()
  const startsInstruction = (slot: number): boolean => {
    const there = program[slot]
    return there !== undefined && there.row.kind !== Kind.LD_IMM64_HI
  }
  program.forEach((insn, slot) => {
    const target = jumpTarget(insn, slot)
    if (target !== undefined && startsInstruction(target) && !labels.has(target)) labels.set(target, `L${target}`)
    const called = insn.row.kind === Kind.CALL_LOCAL ? referenceTarget(insn, slot) : undefined
    if (called !== undefined && startsInstruction(called)) labels.set(called, `fn_${called}`)
  })
  return labels
}
