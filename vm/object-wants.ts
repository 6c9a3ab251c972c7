/** What objects, maps and programs ask of the machine that they are loaded on, read off their descriptions. */
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { LoadableProgram, MapInfo } from '../program/loadable.ts'
import type { MapSpec, ObjectSpec, ProgramSpec } from '../program/object.ts'
import { ELEMENT_SUPPLIES, type SupplyName, takesElements } from '../program/types.ts'

/** The programs named, or all of them. */
export function choosePrograms(spec: ObjectSpec, names: readonly string[] | undefined): readonly ProgramSpec[] {
  if (names === undefined) return spec.programs
  return names.map((name) => {
    const found = spec.programs.find((program) => program.name === name)
    if (found === undefined) throw new HarenaError(`${spec.file} has no program ${name}`)
    return found
  })
}

/** The supply that `elements=` of a map names; of objects that were assembled it is one that there is. */
export function supplyNamed({ name, type, elements = '' }: MapSpec): SupplyName {
  if (!takesElements(type)) throw new HarenaError(`map ${name}: map type ${type} takes no elements`)
  const known = ELEMENT_SUPPLIES.find((candidate) => candidate === elements)
  if (known !== undefined) return known
  const near = nearest(elements, ELEMENT_SUPPLIES)
  const hint = near === undefined ? `; there are ${ELEMENT_SUPPLIES.join(', ')}` : `; did you mean ${near}?`
  throw new HarenaError(`map ${name}: there are no elements ${elements}${hint}`)
}

/** Whether a program may ask the machine's own bpf_mem_alloc. */
export function usesGlobalMemory({ bindings }: LoadableProgram): boolean {
  for (const binding of bindings.values()) {
    if (binding.kind === 'kfunc' && /^bpf_(?:mem|obj)_/u.test(binding.prototype.name)) return true
  }
  return false
}

/** The arena that an unchecked program names. */
export function arenaAmong(program: LoadableProgram): MapInfo | undefined {
  for (const binding of program.bindings.values()) {
    if ((binding.kind === 'map' || binding.kind === 'map-value') && binding.map.type === 'arena') return binding.map
  }
  return undefined
}
