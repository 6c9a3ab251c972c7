/**
 * Mutants: a valid program with one thing changed in one instruction (a register, number, width, operator or label),
 * or with one instruction gone, doubled or swapped with the next. Most are refused, and say where verifiers differ.
 */
import { assemble } from '../../asm/assemble.ts'
import { AssemblyError } from '../../errors/errors.ts'
import { ALU_OPS, JUMP_OPS } from './recipe.ts'
import type { GeneratedProgram } from './write-program.ts'

export const MUTATIONS = ['register', 'number', 'width', 'operator', 'label', 'delete', 'double', 'swap'] as const
export type Mutation = (typeof MUTATIONS)[number]

export interface MutationChoice {
  readonly mutation: Mutation
  /** Which line, of those that this mutation can change. */
  readonly line: number
  /** Which part of it, and what to put there. */
  readonly part: number
  readonly value: number
}

/** Changes tried, one kind after the other, before a program is taken to have none. */
const ATTEMPTS = 5 * MUTATIONS.length

/**
 * The mutant. Where the chosen change finds nothing, or no form of instruction has it, the next ones are tried, of every
 * kind; the program itself where none of them fits.
 */
export function mutate(program: GeneratedProgram, choice: MutationChoice): GeneratedProgram {
  const first = MUTATIONS.indexOf(choice.mutation)
  for (let n = 0; n < ATTEMPTS; n++) {
    const mutation = MUTATIONS[(first + n) % MUTATIONS.length]!
    const mutant = mutateOnce(program, { ...choice, mutation, line: choice.line + n, value: choice.value + n })
    if (mutant !== undefined) return mutant
  }
  return program
}

function mutateOnce(program: GeneratedProgram, choice: MutationChoice): GeneratedProgram | undefined {
  const lines = program.text.split('\n')
  const text = changeLine(lines, choice)?.join('\n')
  if (text === undefined || text === program.text || !isAssembly(text)) return undefined
  const keepsApart = choice.mutation === 'operator' && !text.includes('may_goto')
  return {
    text,
    classes: [...program.classes, 'mutant'].sort(),
    // Other changes may let an address or what the stack held before through; loops may end by time.
    comparable: program.comparable && keepsApart,
  }
}

export function isAssembly(text: string): boolean {
  try {
    assemble(text)
    return true
  } catch (error) {
    if (error instanceof AssemblyError) return false
    throw error
  }
}

function changeLine(lines: readonly string[], choice: MutationChoice): string[] | undefined {
  const able = lines.flatMap((line, n) => (isOpen(lines, n) && canChange(lines, n, line, choice.mutation) ? [n] : []))
  const at = able[choice.line % Math.max(1, able.length)]
  if (at === undefined) return undefined
  const line = lines[at]!
  switch (choice.mutation) {
    case 'delete':
      return lines.toSpliced(at, 1)
    case 'double':
      return lines.toSpliced(at, 0, line)
    case 'swap':
      return lines.toSpliced(at, 2, lines[at + 1]!, line)
    case 'register':
      return lines.with(
        at,
        replaceOne(line, REGISTER, choice, (kind) => `${kind[0]}${choice.value % 11}`),
      )
    case 'number':
      return lines.with(
        at,
        fitOffset(replaceOne(line, NUMBER, choice, (number) => newNumber(line, number, choice.value))),
      )
    case 'width':
      return lines.with(
        at,
        replaceOne(line, WIDTH, choice, (type) => newWidth(type, choice.value)),
      )
    case 'operator':
      return lines.with(
        at,
        replaceOne(line, OPERATOR, choice, (text) => newOperator(text, choice.value)),
      )
    case 'label': {
      const labels = labelsAround(lines, at)
      return lines.with(at, line.replace(LABEL, `goto$1 ${labels[choice.value % Math.max(1, labels.length)]}`))
    }
    default:
      return choice.mutation satisfies never
  }
}

/** Labels of the function that line `at` belongs to. */
function labelsAround(lines: readonly string[], at: number): string[] {
  const isStart = (line: string): boolean => /^\.(?:program|func) /u.test(line)
  const end = lines.findIndex((line, n) => n > at && isStart(line))
  const start = lines.findLastIndex((line, n) => n < at && isStart(line))
  return lines.slice(start, end < 0 ? lines.length : end).flatMap((text) => /^(\w+):$/u.exec(text)?.[1] ?? [])
}

const REGISTER = /\b[rw]\d{1,2}\b(?!_)/gu
const NUMBER = /(?<![\w.])-?\d+\b/gu
const WIDTH = /\b[us](?:8|16|32|64)\b|\b(?:be|le|bswap)(?:16|32|64)\b/gu
const OPERATOR = / (?:[-+*/%&|^]|s\/|s%|<<|>>|s>>)= | (?:==|!=|s?[<>]=?|&) /gu
const LABEL = /goto(l?) l\d+/u

const PATTERNS: Readonly<Partial<Record<Mutation, RegExp>>> = {
  register: REGISTER,
  number: NUMBER,
  width: WIDTH,
  operator: OPERATOR,
  label: LABEL,
}

/**
 * An instruction that may be changed. Not one that cuts a register for the narrow atomic behind it, nor that atomic:
 * without the cut it would use a hole of Linux (linux-holes.ts), and mutants go to the live kernel.
 */
function isOpen(lines: readonly string[], n: number): boolean {
  return lines[n]!.startsWith('    ') && !isCut(lines, n) && !isCut(lines, n - 1)
}

function isCut(lines: readonly string[], n: number): boolean {
  const line = lines[n]
  return line !== undefined && (/^ +w(\d) = w\1$/u.test(line) || /load_acquire/u.test(lines[n + 1] ?? ''))
}

function canChange(lines: readonly string[], n: number, line: string, mutation: Mutation): boolean {
  if (mutation === 'swap') return isOpen(lines, n + 1)
  const pattern = PATTERNS[mutation]
  return pattern === undefined || line.search(pattern) >= 0
}

function replaceOne(line: string, pattern: RegExp, { part }: MutationChoice, by: (found: string) => string): string {
  const found = [...line.matchAll(pattern)]
  const chosen = found[part % Math.max(1, found.length)]
  if (chosen === undefined) return line
  return `${line.slice(0, chosen.index)}${by(chosen[0])}${line.slice(chosen.index + chosen[0].length)}`
}

/** Numbers near the old one, and those at which widths turn, as far as the instruction can encode them. */
function newNumber(line: string, old: string, value: number): string {
  const number = BigInt(old)
  const near = [number + 1n, number - 1n, number * 2n, number + 8n, 0n]
  // Not in comparisons: a loop that runs to such a number keeps verifiers busy until they give up.
  const far = line.includes(' if ') ? [] : [-number, 255n, 65_535n, 2_147_483_647n, -1n]
  const choices = [...near, ...far]
  const chosen = choices[value % choices.length]!
  if (line.endsWith(' ll')) return `${chosen}`
  // The arena pointer's cast has its own two numbers; offsets are 16 bits wide, other numbers 32.
  return `${BigInt.asIntN(/\([^)]*[+-] |[a-z]_(?:32|64)\(/u.test(line) ? 16 : 32, chosen)}`
}

/** `+ -8` is not how offsets are written. */
function fitOffset(line: string): string {
  return line.replace(/([+-]) -(\d+)/u, (_, sign: string, number: string) => `${sign === '+' ? '-' : '+'} ${number}`)
}

function newWidth(old: string, value: number): string {
  const kind = /^[a-z]+/u.exec(old)![0]
  const widths = kind.length > 1 ? ['16', '32', '64'] : ['8', '16', '32', '64']
  return `${kind}${widths[value % widths.length]}`
}

function newOperator(old: string, value: number): string {
  const comparison = (JUMP_OPS as readonly string[]).includes(old.trim())
  const choices = comparison ? JUMP_OPS.map((op) => ` ${op} `) : ALU_OPS.map((op) => ` ${op}= `)
  return choices[value % choices.length]!
}
