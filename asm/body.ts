/**
 * The code of one program or function while it is read: instructions, its labels, and what waits for names that are
 * known only at the end of the file.
 */
import type { Instruction } from '../isa/instruction.ts'
import { makeInstruction, secondHalf } from '../isa/instruction.ts'
import { Kind, rowNamed } from '../isa/table.ts'
import type { LineInfo, Reference } from '../program/object.ts'
import type { Expression } from './expression.ts'
import type { SourceFile } from './source.ts'
import { quote, StatementError } from './statement-error.ts'
import type { FunctionSyntax, OptionSyntax } from './syntax.ts'

/** Where a statement is. */
export interface Place {
  readonly source: SourceFile
  /** Offset of its first token. */
  readonly at: number
  /** Statements count through all files of an assembly, in the order they are read. */
  readonly order: number
}

/** What an instruction still waits for. */
export type Fixup = { readonly slot: number; readonly place: Place; readonly at: number } & (
  | { readonly kind: 'jump'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'imm' | 'off' | 'wide'; readonly value: Expression }
)

export interface Label {
  readonly slot: number
  readonly place: Place
}

export interface Body {
  readonly name: string
  readonly place: Place
  /** What began it: `.program`, `.func`, a function symbol of compiler output, or just an instruction. */
  readonly origin:
    | { readonly kind: 'program'; readonly options: readonly OptionSyntax[] }
    | { readonly kind: 'func'; readonly syntax: FunctionSyntax }
    | { readonly kind: 'symbol'; readonly section: string }
    | { readonly kind: 'file' }
  insns: Instruction[]
  /** Some slots were given as bytes. */
  raw: boolean
  /** A statement of it was complained about: what it lacks may be that one. */
  failed: boolean
  readonly lines: LineInfo[]
  readonly references: Reference[]
  readonly fixups: Fixup[]
  readonly labels: Map<string, Label>
  /** Slots of labels that are numbers, ascending, by number. */
  readonly numbered: Map<string, number[]>
}

export function makeBody(name: string, place: Place, origin: Body['origin']): Body {
  return {
    name,
    place,
    origin,
    insns: [],
    raw: false,
    failed: false,
    lines: [],
    references: [],
    fixups: [],
    labels: new Map(),
    numbered: new Map(),
  }
}

export function defineLabel(body: Body, name: string, place: Place, where: (place: Place) => string): void {
  const slot = body.insns.length
  if (/^\d/.test(name)) {
    const slots = body.numbered.get(name)
    if (slots === undefined) body.numbered.set(name, [slot])
    else slots.push(slot)
    return
  }
  const known = body.labels.get(name)
  if (known !== undefined) {
    throw new StatementError(place.at, `label ${quote(name)} is already defined at ${where(known.place)}`)
  }
  body.labels.set(name, { slot, place })
}

/** Slot of the label that `name` means at `slot`: `1b` looks back, `1f` ahead. */
export function findLabel(body: Body, name: string, slot: number): number | undefined {
  if (!/^\d/.test(name)) return body.labels.get(name)?.slot
  const slots = body.numbered.get(name.slice(0, -1)) ?? []
  return name.endsWith('b') ? slots.findLast((at) => at <= slot) : slots.find((at) => at > slot)
}

/** Replaces fields of an instruction. */
export function patch(body: Body, slot: number, fields: { off?: number; imm?: number }): void {
  const { row, dst, src, off, imm, imm2, opcode, exact } = body.insns[slot]!
  body.insns[slot] = makeInstruction(row, dst, src, fields.off ?? off, fields.imm ?? imm, imm2, opcode, exact)
}

/** Points a jump at another slot. Its field must be wide enough. */
export function patchJump(body: Body, fixup: Fixup & { kind: 'jump' }, target: number): void {
  const distance = target - fixup.slot - 1
  if (body.insns[fixup.slot]!.row === LONG_JUMP) {
    patch(body, fixup.slot, { imm: distance })
    return
  }
  if (distance < -0x8000 || distance > 0x7fff) {
    const jump = body.insns[fixup.slot]!.row.kind === Kind.JA
    throw new StatementError(fixup.at, `label ${quote(fixup.name)} is ${distance} instructions away`, {
      hint: jump ? "'gotol' reaches further than 32767" : 'a condition reaches 32767 instructions; jump over a gotol',
    })
  }
  patch(body, fixup.slot, { off: distance })
}

const LONG_JUMP = rowNamed('gotol')

/** Puts a whole LD_IMM64 at `slot`. */
export function patchWide(body: Body, slot: number, insn: Instruction): void {
  body.insns[slot] = insn
  body.insns[slot + 1] = secondHalf(insn.imm2)
}
