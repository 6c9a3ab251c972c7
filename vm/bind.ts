/**
 * From a linked program to one that can be verified and run on a machine: names of maps and kfuncs become Bindings.
 * For programs that the verifier will not see, also the few checks without which no engine could run them.
 */
import { VerifierError } from '../errors/errors.ts'
import { build, type Instruction, type Slot } from '../isa/instruction.ts'
import { Pseudo } from '../isa/opcode.ts'
import { Kind } from '../isa/table.ts'
import { firstFlaw, renderFlaw } from '../isa/validate.ts'
import { helperById } from '../program/helpers.ts'
import { kfuncById, kfuncNamed } from '../program/kfuncs.ts'
import type { AllocInfo, Binding, LinkedProgram, LoadableProgram, MapInfo } from '../program/loadable.ts'
import { IMPLEMENTED_HELPERS } from './helpers.ts'
import { InvalidProgramError } from './invalid-program.ts'
import { IMPLEMENTED_KFUNCS } from './kfuncs.ts'

/** A linked program; what raw instructions lack may be left out. */
export type ProgramImage = Pick<LinkedProgram, 'name' | 'type' | 'insns'> & Partial<LinkedProgram>

/** @throws InvalidProgramError for a reference to a map or allocator that is not there */
export function bindProgram(
  image: ProgramImage,
  maps: ReadonlyMap<string, MapInfo>,
  allocs: ReadonlyMap<string, AllocInfo> = new Map(),
): LoadableProgram {
  const bindings = new Map<Slot, Binding>()
  for (const reference of image.references ?? []) {
    switch (reference.kind) {
      case 'map':
        bindings.set(reference.slot, { kind: 'map', map: mapNamed(image, maps, reference.name, reference.slot) })
        break
      case 'map-value': {
        const map = mapNamed(image, maps, reference.name, reference.slot)
        bindings.set(reference.slot, { kind: 'map-value', map, offset: reference.offset })
        break
      }
      case 'kfunc':
        bindings.set(reference.slot, kfuncBinding(reference.name))
        break
      case 'alloc':
        bindings.set(reference.slot, {
          kind: 'alloc',
          alloc: allocNamed(image, allocs, reference.name, reference.slot),
        })
        break
      case 'call':
      case 'callback':
        throw new InvalidProgramError(`function ${reference.name} is not linked in`, reference.slot)
      default:
        reference satisfies never
    }
  }
  image.insns.forEach((insn, slot) => {
    const binding = bindings.has(slot) ? undefined : numberBinding(insn)
    if (binding !== undefined) bindings.set(slot, binding)
  })
  return {
    name: image.name,
    type: image.type,
    flags: image.flags ?? 0,
    license: image.license ?? '',
    insns: image.insns.map((insn, slot) => numbered(insn, bindings.get(slot))),
    bindings,
    subprograms: image.subprograms ?? [],
    lines: image.lines ?? [],
    btf: image.btf,
  }
}

function mapNamed(image: ProgramImage, maps: ReadonlyMap<string, MapInfo>, name: string, slot: Slot): MapInfo {
  const map = maps.get(name)
  if (map === undefined) throw new InvalidProgramError(`program ${image.name} refers to a map ${name}, not there`, slot)
  return map
}

function allocNamed(image: ProgramImage, allocs: ReadonlyMap<string, AllocInfo>, name: string, slot: Slot): AllocInfo {
  const alloc = allocs.get(name)
  if (alloc !== undefined) return alloc
  throw new InvalidProgramError(`program ${image.name} refers to an allocator ${name}, not there`, slot)
}

function kfuncBinding(name: string): Binding {
  const prototype = kfuncNamed(name)
  return prototype === undefined ? { kind: 'unknown-kfunc', name } : { kind: 'kfunc', prototype }
}

/** A call of a kfunc by name gets the kfunc's number, as the log shows it. */
function numbered(insn: Instruction, binding: Binding | undefined): Instruction {
  if (binding?.kind !== 'kfunc' || insn.imm === binding.prototype.id) return insn
  return build(insn.row, { imm: binding.prototype.id })
}

/** What stands in an instruction as a number: a map's file descriptor, which harena has none of, or a kfunc's id. */
function numberBinding(insn: Instruction): Binding | undefined {
  const { row } = insn
  if (row.kind === Kind.CALL_KFUNC) {
    const prototype = insn.off === 0 ? kfuncById(insn.imm) : undefined
    return prototype === undefined ? { kind: 'unknown-kfunc', name: `#${insn.imm}` } : { kind: 'kfunc', prototype }
  }
  const byFd = row.kind === Kind.LD_IMM64 && (row.pseudo === Pseudo.MAP_FD || row.pseudo === Pseudo.MAP_VALUE)
  return byFd ? { kind: 'bad-fd', fd: insn.imm } : undefined
}

/**
 * Refuses what cannot even run unchecked.
 * @throws InvalidProgramError for bad encodings, unknown helpers, map references without a map
 * @throws VerifierError (EOPNOTSUPP) for helpers and kfuncs of Linux that harena does not implement; as Linux has it
 * EBUSY for a second arena, EINVAL for one that is mapped nowhere
 */
export function checkRunnable(program: LoadableProgram): void {
  const flaw = firstFlaw(program.insns)
  if (flaw !== undefined) throw new InvalidProgramError(`program ${program.name}: ${renderFlaw(flaw)}`, flaw.slot)
  const arenas = new Set<MapInfo>()
  for (const [slot, binding] of program.bindings) {
    switch (binding.kind) {
      case 'bad-fd':
        throw new InvalidProgramError(`program ${program.name}: instruction ${slot}: fd ${binding.fd} is no map`, slot)
      case 'unknown-kfunc':
        throw notImplemented(program.name, binding.name, slot)
      case 'map':
      case 'map-value':
        if (binding.map.type === 'arena') arenas.add(binding.map)
        break
      case 'kfunc':
        if (!IMPLEMENTED_KFUNCS.has(binding.prototype.name)) {
          throw notImplemented(program.name, binding.prototype.name, slot)
        }
        break
      case 'alloc':
        break
      default:
        binding satisfies never
    }
  }
  if (arenas.size > 1) throw rejection(program.name, 'EBUSY', 'Only one arena per program', undefined)
  for (const arena of arenas) {
    if (arena.userStart !== undefined) continue
    throw rejection(program.name, 'EINVAL', "arena's user address must be set via map_extra or mmap()", undefined)
  }
  program.insns.forEach((insn, slot) => {
    if (insn.row.kind === Kind.CALL_HELPER) checkHelper(program, insn.imm, slot)
  })
}

function checkHelper(program: LoadableProgram, id: number, slot: Slot): void {
  if (IMPLEMENTED_HELPERS.has(id)) return
  const known = helperById(id)
  if (known !== undefined) throw notImplemented(program.name, known.name, slot)
  throw new InvalidProgramError(`program ${program.name}: instruction ${slot}: there is no helper ${id}`, slot)
}

/** The refusal of what Linux has and harena has not. */
export function notImplemented(program: string, what: string, instruction: Slot | undefined): VerifierError {
  return rejection(program, 'EOPNOTSUPP', `harena does not implement ${what}`, instruction)
}

function rejection(
  program: string,
  errno: VerifierError['errno'],
  reason: string,
  instruction: Slot | undefined,
): VerifierError {
  return new VerifierError({ program, errno, instruction, reason, log: `${reason}\n` })
}
