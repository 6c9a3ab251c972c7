/**
 * For tests: programs from assembly text, with maps that exist only as descriptions. Addresses are made up; what the
 * verifier decides does not depend on them.
 */
import { assemble } from '../asm/assemble.ts'
import { VerifierError } from '../errors/errors.ts'
import type { Slot } from '../isa/instruction.ts'
import { kfuncNamed } from '../program/kfuncs.ts'
import { link } from '../program/link.ts'
import type { Binding, LinkedProgram, LoadableProgram, MapInfo, VerifiedProgram } from '../program/loadable.ts'
import type { MapSpec, ObjectSpec } from '../program/object.ts'
import { type VerifyOptions, verify } from './verify.ts'

const KERNEL = 0xffff_8880_0000_0000n

/** What `loadable` was given by this file's tests so far, so that the running kernel can be asked about all of it. */
const seen: Set<string> = new Set()

export function sourcesSeen(): readonly string[] {
  return [...seen]
}

/** Loads the only program of `source`, or the one named. */
export function loadable(source: string, name?: string): LoadableProgram {
  seen.add(source)
  const object = assemble(source)
  const linked = link(object, name ?? object.programs[0]!.name)
  return bindMaps(object, linked)
}

/** Gives a linked program maps of its own. */
export function bindMaps(object: ObjectSpec, linked: LinkedProgram): LoadableProgram {
  const maps = new Map(object.maps.map((spec, i) => [spec.name, describeMap(object, spec, i)]))
  const allocs = new Map(
    (object.allocs ?? []).map((spec, i) => [spec.name, { ...spec, address: KERNEL + BigInt(i + 1) * 0x100n }]),
  )
  const bindings = new Map<Slot, Binding>()
  for (const reference of linked.references) {
    const { slot, name } = reference
    if (reference.kind === 'map') bindings.set(slot, { kind: 'map', map: maps.get(name)! })
    else if (reference.kind === 'map-value') {
      bindings.set(slot, { kind: 'map-value', map: maps.get(name)!, offset: reference.offset })
    } else if (reference.kind === 'alloc') {
      bindings.set(slot, { kind: 'alloc', alloc: allocs.get(name)! })
    } else if (reference.kind === 'kfunc') {
      const prototype = kfuncNamed(name)
      bindings.set(slot, prototype === undefined ? { kind: 'unknown-kfunc', name } : { kind: 'kfunc', prototype })
    }
  }
  const { type, flags, license, subprograms, lines, btf } = linked
  const insns = linked.insns.map((insn, slot) => {
    const binding = bindings.get(slot)
    return binding?.kind === 'kfunc' ? { ...insn, imm: binding.prototype.id } : insn
  })
  return { name: linked.name, type, flags, license, insns, bindings, subprograms, lines, btf }
}

function describeMap(object: ObjectSpec, spec: MapSpec, index: number): MapInfo {
  return {
    id: index + 1,
    name: spec.name,
    type: spec.type,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: spec.maxEntries,
    flags: spec.flags,
    extra: spec.extra,
    btf: object.btf,
    keyTypeId: spec.keyTypeId,
    valueTypeId: spec.valueTypeId,
    address: KERNEL + BigInt(index + 1) * 0x1000n,
    valueAddress: spec.type === 'arena' ? spec.extra : KERNEL + BigInt(index + 1) * 0x1000n + 0x100n,
    userStart: spec.type === 'arena' ? spec.extra || 0x1_0001_0000n : undefined,
    frozen: undefined,
  }
}

export type Verdict =
  | { readonly accepted: true; readonly log: string; readonly program: VerifiedProgram }
  | { readonly accepted: false; readonly log: string; readonly error: VerifierError }

/** Verifies; a refusal is a value. */
export function judge(program: LoadableProgram, options: VerifyOptions = {}): Verdict {
  try {
    const verified = verify(program, options)
    return { accepted: true, log: verified.log, program: verified }
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error
    return { accepted: false, log: error.log, error }
  }
}

/** Level-2 log of `source`, as one text. */
export function logOf(source: string, options: VerifyOptions = {}): string {
  return judge(loadable(source), { logLevel: 2, ...options }).log
}
