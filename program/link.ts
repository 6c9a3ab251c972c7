/**
 * Linking: a program with the functions that it reaches, one array of instructions.
 *
 *     program | first function it refers to | what that one refers to | ... | second function ...
 *
 * Functions are appended in the order of first reference, depth first, as libbpf does, each once. Calls and function
 * addresses between them become distances; maps and kfuncs stay names.
 */
import { HarenaError } from '../errors/errors.ts'
import { type Instruction, makeInstruction, type Slot, secondHalf } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import type { LinkedProgram, Subprogram } from './loadable.ts'
import type { FunctionSpec, LineInfo, ObjectSpec, ProgramSpec, Reference } from './object.ts'
import type { ProgramType } from './types.ts'

/** A program that cannot be linked: the object lacks it, or something it refers to. */
export class LinkError extends HarenaError {
  override name = 'LinkError'
}

/** @throws LinkError when the object has no such program, or a function it reaches is missing */
export function link(object: ObjectSpec, program: string): LinkedProgram {
  const main = findProgram(object, program)
  const functions = new Map(object.functions.map((spec) => [spec.name, spec]))
  const order = reached(object, main, functions)
  const starts = new Map<FunctionSpec, Slot>()
  let length = 0
  for (const spec of order) {
    starts.set(spec, length)
    length += spec.insns.length
  }
  const insns: Instruction[] = []
  const references: Reference[] = []
  const lines: LineInfo[] = []
  for (const spec of order) {
    const start = starts.get(spec)!
    for (const insn of spec.insns) insns.push(insn)
    for (const line of spec.lines) lines.push({ ...line, slot: line.slot + start })
    for (const reference of spec.references) {
      const slot = reference.slot + start
      const target =
        reference.kind === 'call' || reference.kind === 'callback' ? functions.get(reference.name) : undefined
      if (target === undefined) references.push({ ...reference, slot })
      else pointTo(insns, slot, starts.get(target)!)
    }
  }
  return {
    name: main.name,
    type: main.type,
    flags: main.flags,
    license: object.license,
    insns,
    references,
    subprograms: subprograms(order, starts, insns),
    lines,
    btf: object.btf,
  }
}

/** A program of bare instructions, such as a `.bin` file holds. */
export function linkRaw(
  insns: readonly Instruction[],
  fields: { readonly name: string; readonly type: ProgramType; readonly flags?: number; readonly license?: string },
): LinkedProgram {
  const { name, type, flags = 0, license = 'GPL' } = fields
  return { name, type, flags, license, insns, references: [], subprograms: [], lines: [], btf: undefined }
}

function findProgram(object: ObjectSpec, name: string): ProgramSpec {
  const program = object.programs.find((spec) => spec.name === name)
  if (program !== undefined) return program
  const names = object.programs.map((spec) => spec.name)
  const have = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  throw new LinkError(`${object.file} has no program ${name}; ${have}`)
}

function reached(
  object: ObjectSpec,
  main: FunctionSpec,
  functions: ReadonlyMap<string, FunctionSpec>,
): readonly FunctionSpec[] {
  const order: FunctionSpec[] = []
  const seen = new Set<FunctionSpec>()
  // A stack of its own: call chains in a file can be deeper than JavaScript's.
  const pending: FunctionSpec[] = [main]
  for (let spec = pending.pop(); spec !== undefined; spec = pending.pop()) {
    if (seen.has(spec)) continue
    seen.add(spec)
    order.push(spec)
    const targets = spec.references
      .filter(({ kind }) => kind === 'call' || kind === 'callback')
      .map(({ name }) => {
        const target = functions.get(name)
        if (target !== undefined) return target
        throw new LinkError(`${object.file}: ${spec.name} refers to a function ${name}, which is missing`)
      })
    for (const target of targets.toReversed()) if (!seen.has(target)) pending.push(target)
  }
  return order
}

/** Sets the distance in a call or a function's address, which counts from the next slot. */
function pointTo(insns: Instruction[], slot: Slot, target: Slot): void {
  const { row, dst, src, off, opcode, exact } = insns[slot]!
  const imm = target - slot - 1
  insns[slot] = makeInstruction(row, dst, src, off, imm, 0, opcode, exact)
  if (row.kind === Kind.LD_IMM64) insns[slot + 1] = secondHalf(0)
}

function subprograms(
  order: readonly FunctionSpec[],
  starts: ReadonlyMap<FunctionSpec, Slot>,
  insns: readonly Instruction[],
): readonly Subprogram[] {
  const found = new Map<Slot, Subprogram>()
  for (const spec of order) {
    const start = starts.get(spec)!
    const { name, linkage, params, typeId } = spec
    found.set(start, { name, start, linkage, params, typeId })
  }
  // Calls to labels inside a body: functions without a name of their own.
  insns.forEach((insn, slot) => {
    const start = slot + 1 + insn.imm
    const calls = insn.row.kind === Kind.CALL_LOCAL || insn.row.name === 'ld_func'
    if (!calls || found.has(start) || start < 0 || start >= insns.length) return
    found.set(start, { name: `fn_${start}`, start, linkage: 'static', params: undefined, typeId: 0 })
  })
  return [...found.values()].sort((a, b) => a.start - b.start)
}
