/**
 * Live registers: which registers may still be read before they are written again, by slot. Only these take part when
 * states are compared. The classic backward analysis, iterated over each function in postorder until nothing changes.
 */
import { type Cfg, NO_SLOT } from '../isa/cfg.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { defMask, useMask } from '../isa/registers.ts'
import { Kind } from '../isa/table.ts'
import { helperById } from '../program/helpers.ts'
import type { LoadableProgram } from '../program/loadable.ts'
import { PROGRAM_TYPES } from '../program/types.ts'

/** Bit n of element s: register n is live before slot s. */
export function liveRegisters(program: LoadableProgram, cfg: Cfg, orders: readonly Int32Array[]): Uint16Array {
  const live = new Uint16Array(cfg.size)
  const use = new Uint16Array(cfg.size)
  const def = new Uint16Array(cfg.size)
  program.insns.forEach((insn, slot) => {
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

function liveAfter(live: Uint16Array, cfg: Cfg, slot: Slot): number {
  const fall = cfg.fall[slot]!
  const branch = cfg.branch[slot]!
  return (fall === NO_SLOT ? 0 : live[fall]!) | (branch === NO_SLOT ? 0 : live[branch]!)
}

/** Parameters of the helper or kfunc that `insn` calls; undefined when it is not known. */
function callArguments(program: LoadableProgram, insn: Instruction, slot: Slot): number | undefined {
  if (!insn.exact) return undefined
  if (insn.row.kind === Kind.CALL_KFUNC) {
    const binding = program.bindings.get(slot)
    return binding?.kind === 'kfunc' ? binding.prototype.params.length : undefined
  }
  if (insn.row.kind !== Kind.CALL_HELPER) return undefined
  const { key } = PROGRAM_TYPES[program.type]
  const prototype = helperById(insn.imm)
  if (prototype === undefined || !prototype.available.includes(key)) return undefined
  return (prototype.variants?.find((variant) => variant.types.includes(key)) ?? prototype).args.length
}
