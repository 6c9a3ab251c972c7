/** What operands of an instruction stand for on this machine: every engine asks here. */
import { InternalError } from '../errors/errors.ts'
import { referenceTarget } from '../isa/flow.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Pseudo } from '../isa/opcode.ts'
import { contextLayout, findContextAccess } from '../program/contexts.ts'
import type { Binding } from '../program/loadable.ts'
import type { ProgramType } from '../program/types.ts'
import { FUNCTION_HIGH, functionLow } from './calls.ts'

/** What an LD_IMM64 loads, as halves: a number, or what it stands for. */
export function immediateOf(insn: Instruction, slot: number, binding: Binding | undefined): readonly [number, number] {
  if (binding?.kind === 'map') return halves(binding.map.address)
  if (binding?.kind === 'map-value') return halves(binding.map.valueAddress + BigInt(binding.offset >>> 0))
  if (binding?.kind === 'alloc') return halves(binding.alloc.address)
  if (insn.row.pseudo === Pseudo.FUNC) {
    const to = referenceTarget(insn, slot)
    if (to === undefined) throw new InternalError(`function address at slot ${slot} names none`)
    return [functionLow(to), FUNCTION_HIGH]
  }
  return [insn.imm, insn.imm2]
}

function halves(value: bigint): readonly [number, number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))]
}

/**
 * Where an access through the context goes in the machine's struct, and how many bytes it has there. The pointer is the
 * one that the program was started with, so the instruction's offset names the field.
 */
export function contextPlace(
  type: ProgramType,
  insn: Instruction,
  slot: number,
  write: boolean,
): { readonly place: number; readonly bytes: number } {
  const bytes = insn.row.memWidth / 8
  const layout = contextLayout(type)
  // A context without fields is memory that the caller brings.
  if (layout === undefined) return { place: insn.off, bytes }
  const access = findContextAccess(layout, insn.off, bytes, write)
  if (access === undefined) throw new InternalError(`the verifier let ${insn.row.name} at slot ${slot} into no field`)
  return access
}
