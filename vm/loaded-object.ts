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

  constructor(
    spec: ObjectSpec,
    programs: ReadonlyMap<string, P>,
    maps: ReadonlyMap<string, M>,
    globals: ReadonlyMap<string, G>,
  ) {
    this.spec = spec
    this.programs = programs
    this.maps = maps
    this.globals = globals
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
