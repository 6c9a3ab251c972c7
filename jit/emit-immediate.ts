/** What an LD_IMM64 loads: a number, or what it stands for on this machine. */
import { InternalError } from '../errors/errors.ts'
import { referenceTarget } from '../isa/flow.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Pseudo } from '../isa/opcode.ts'
import { FUNCTION_HIGH, functionLow } from '../vm/calls.ts'
import type { Emitter } from './emitter.ts'

export function emitImmediate(e: Emitter, insn: Instruction, slot: number): void {
  const [low, high] = immediate(e, insn, slot)
  e.set64(insn.dst, () => e.w.i64(low, high))
}

function immediate(e: Emitter, insn: Instruction, slot: number): readonly [number, number] {
  const binding = e.context.input.program.bindings.get(slot)
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
