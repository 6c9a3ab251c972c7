/**
 * Live registers: which registers may still be read before they are written again, by slot. Only these take part when
 * states are compared. The classic backward analysis, iterated over each function in postorder until nothing changes.
 */
import { type Cfg, NO_SLOT } from '../isa/cfg.ts'
import { findRow, type Instruction, type Slot } from '../isa/instruction.ts'
import { Class, Mode, Size } from '../isa/opcode.ts'
import { defMask, useMask } from '../isa/registers.ts'
import { Kind } from '../isa/table.ts'
import { helperById } from '../program/helpers.ts'
import type { LoadableProgram } from '../program/loadable.ts'
import { PROGRAM_TYPES } from '../program/types.ts'

/** Bits of an opcode byte that hold the size of a memory access. */
const SIZE = 0x18

/** Bit n of element s: register n is live before slot s. */
export function liveRegisters(program: LoadableProgram, cfg: Cfg, orders: readonly Int32Array[]): Uint16Array {
  const live = new Uint16Array(cfg.size)
  const use = new Uint16Array(cfg.size)
  const def = new Uint16Array(cfg.size)
  program.insns.forEach((original, slot) => {
    const insn = asWideAtomic(original)
    use[slot] = useMask(insn, callArguments(program, insn, slot))
    def[slot] = defMask(insn)
  })
  // Registers are no business of other functions than the one they belong to.
  for (const order of orders) {
    for (let changed = true; changed; ) {
      changed = false
      for (const slot of order) {
        const before = (liveAfter(live, cfg, slot) & ~def[slot]!) | use[slot]!
        if (before === live[slot]) continue
        live[slot] = before
        changed = true
      }
    }
  }
  return live
}

/**
 * Read-modify-write of one or two bytes does not exist, but the walk finds that out later: the analysis goes by the
 * operation alone.
 */
function asWideAtomic(insn: Instruction): Instruction {
  const mode = insn.opcode & ~SIZE
  if (mode !== (Class.STX | Mode.ATOMIC)) return insn
  const row = findRow(mode | Size.DW, insn.src, insn.off, insn.imm)
  return row === undefined ? insn : { ...insn, row }
}

function liveAfter(live: Uint16Array, cfg: Cfg, slot: Slot): number {
  const fall = cfg.fall[slot]!
  const branch = cfg.branch[slot]!
  return (fall === NO_SLOT ? 0 : live[fall]!) | (branch === NO_SLOT ? 0 : live[branch]!)
}

/** Parameters of the helper or kfunc that `insn` calls; undefined when it is not known. */
function callArguments(program: LoadableProgram, insn: Instruction, slot: Slot): number | undefined {
  if (!insn.exact) return undefined
  const { key } = PROGRAM_TYPES[program.type]
  if (insn.row.kind === Kind.CALL_KFUNC) {
    const binding = program.bindings.get(slot)
    if (binding?.kind !== 'kfunc' || binding.prototype.available?.includes(key) === false) return undefined
    return binding.prototype.params.length
  }
  if (insn.row.kind !== Kind.CALL_HELPER) return undefined
  const prototype = helperById(insn.imm)
  if (prototype === undefined || !prototype.available.includes(key)) return undefined
  return (prototype.variants?.find((variant) => variant.types.includes(key)) ?? prototype).args.length
}
