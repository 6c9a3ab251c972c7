/** An object loaded on a machine: its programs, maps and globals by name. */
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { ObjectSpec } from '../program/object.ts'
import type { Global } from './global.ts'
import type { MapHandle } from './map-handle.ts'
import type { Program } from './program.ts'

export class LoadedObject {
  readonly spec: ObjectSpec
  readonly programs: ReadonlyMap<string, Program>
  readonly maps: ReadonlyMap<string, MapHandle>
  readonly globals: ReadonlyMap<string, Global>

  constructor(
    spec: ObjectSpec,
    programs: ReadonlyMap<string, Program>,
    maps: ReadonlyMap<string, MapHandle>,
    globals: ReadonlyMap<string, Global>,
  ) {
    this.spec = spec
    this.programs = programs
    this.maps = maps
    this.globals = globals
  }

  /** @throws HarenaError when the object has none of that name, or it was not loaded */
  program(name: string): Program {
    return this.programs.get(name) ?? missing(this.spec.file, 'program', name, this.programs.keys())
  }

  map(name: string): MapHandle {
    return this.maps.get(name) ?? missing(this.spec.file, 'map', name, this.maps.keys())
  }

  global(name: string): Global {
    return this.globals.get(name) ?? missing(this.spec.file, 'global', name, this.globals.keys())
  }
}

function missing(file: string, what: string, name: string, there: Iterable<string>): never {
  const near = nearest(name, [...there])
  throw new HarenaError(`${file} has no ${what} ${name}${near === undefined ? '' : `; did you mean ${near}?`}`)
}
