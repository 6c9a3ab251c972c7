/** An object loaded on a machine: its programs, maps and globals by name, of whatever kind the machine makes them. */
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { ObjectSpec } from '../program/object.ts'
import type { Global } from './global.ts'
import type { MapHandle } from './map-handle.ts'
import type { Program } from './program.ts'

export class LoadedObject<P = Program, M = MapHandle, G = Global> {
  readonly spec: ObjectSpec
  readonly programs: ReadonlyMap<string, P>
  readonly maps: ReadonlyMap<string, M>
  readonly globals: ReadonlyMap<string, G>
  #end: (() => void) | undefined

  constructor(
    spec: ObjectSpec,
    programs: ReadonlyMap<string, P>,
    maps: ReadonlyMap<string, M>,
    globals: ReadonlyMap<string, G>,
    end: () => void,
  ) {
    this.#end = end
    this.spec = spec
    this.programs = programs
    this.maps = maps
    this.globals = globals
  }

  /**
   * Takes the object down, as bpf_object__close does: its programs are detached and run no more, its maps and allocators
   * are destroyed. Memory that grace periods are waited for comes back when time passes. Handles of a closed object say
   * that it is closed; a second call does nothing.
   * @throws HarenaError in the middle of something that the machine does, for a listener or hook that is called from it;
   * after a deadlock, with nothing taken down
   * @throws CorruptionError where an unchecked program has written over kernel memory
   */
  close(): void {
    this.#end?.()
    this.#end = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @throws HarenaError when the object has none of that name, or it was not loaded */
  program(name: string): P {
    return this.programs.get(name) ?? missing(this.spec.file, 'program', name, this.programs.keys())
  }

  map(name: string): M {
    return this.maps.get(name) ?? missing(this.spec.file, 'map', name, this.maps.keys())
  }

  global(name: string): G {
    return this.globals.get(name) ?? missing(this.spec.file, 'global', name, this.globals.keys())
  }
}

function missing(file: string, what: string, name: string, there: Iterable<string>): never {
  const near = nearest(name, [...there])
  throw new HarenaError(`${file} has no ${what} ${name}${near === undefined ? '' : `; did you mean ${near}?`}`)
}
