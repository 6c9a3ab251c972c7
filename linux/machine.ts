/**
 * The running kernel as a machine: the same objects, programs, maps and globals as index.ts's Machine, through bpf(2).
 * It loads programs and runs them by BPF_PROG_TEST_RUN; it never attaches one.
 */
import { encodeBtf } from '../btf/encode.ts'
import type { Btf } from '../btf/types.ts'
import type { OutputListener } from '../cpu/output.ts'
import { ErrnoError, HarenaError, VerifierError } from '../errors/errors.ts'
import type { MapAttributes } from '../maps/map.ts'
import { keepAlive } from '../memory/pool.ts'
import { link } from '../program/link.ts'
import type { MapSpec, ObjectSpec } from '../program/object.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { LoadedObject } from '../vm/loaded-object.ts'
import { checkMachineOptions, type LoadOptions, limitOf } from '../vm/options.ts'
import { assertAvailable } from './availability.ts'
import { btfLoad, closeFd } from './bpf.ts'
import { DataMap } from './data-map.ts'
import { LinuxGlobal } from './global.ts'
import { refused } from './libc.ts'
import { type LinuxImage, loadProgram } from './load.ts'
import { LinuxMap } from './map.ts'
import { unsupported } from './mapping.ts'
import { LinuxOutput } from './output.ts'
import { LinuxProgram } from './program.ts'
import { closeWhenForgotten, Descriptor, Resources } from './resources.ts'

/** On Linux the flags of a map alone say where its elements come from. @throws ErrnoError for one that says more */
function refuseOrigin({ name, elements, alloc }: MapSpec): void {
  const option = elements === undefined ? alloc && `alloc=${alloc}` : `elements=${elements}`
  if (option === undefined) return
  throw new ErrnoError('EOPNOTSUPP', `map ${name}: ${option} is harena's own; Linux has no such choice`)
}

/** An object in the running kernel. */
export type LinuxObject = LoadedObject<LinuxProgram, LinuxMap, LinuxGlobal>

export class LinuxMachine {
  readonly #resources = new Resources()
  readonly #output: LinuxOutput

  /**
   * The kernel is as it is: there are no options, and those of a simulated machine are refused by name.
   * @throws HarenaError that names what is missing: Linux on x86-64, koffi, a capability
   */
  constructor(options: Readonly<Record<string, never>> = {}) {
    refuseOptions(options)
    assertAvailable()
    this.#output = this.#resources.add(new LinuxOutput())
    closeWhenForgotten(this, this.#resources)
  }

  /**
   * Creates the object's maps, maps its arenas, loads its programs. A map and a program stay until the object or the machine closes.
   * @throws VerifierError for the first program that is rejected; ErrnoError for what the kernel does not create
   */
  load(spec: ObjectSpec, options: LoadOptions = {}): LinuxObject {
    this.#resources.assertOpen()
    if (options.unchecked === true) throw unsupported('run a program unchecked')
    if (limitOf(options) > 0) throw unsupported('limit what one object has')
    const chosen = (options.programs ?? spec.programs.map(({ name }) => name)).map((name) => link(spec, name))
    const before = this.#resources.count
    try {
      const btfFd = spec.btf === undefined ? undefined : this.#loadBtf(spec.btf)
      const maps = new Map(spec.maps.map((map) => [map.name, this.#createFromSpec(spec, map, btfFd)]))
      const programs = new Map(
        chosen.map((image) => [image.name, this.#loadProgram(image, maps, options.logLevel, btfFd)]),
      )
      const globals = this.#globals(spec, maps)
      const own = this.#resources.since(before)
      const end = (): void => this.#resources.closeAll(own, spec.file)
      return this.#held(new LoadedObject(spec, programs, maps, globals, end))
    } catch (error) {
      this.#resources.closeSince(before)
      throw error instanceof VerifierError || error instanceof ErrnoError ? error.inFile(spec.file) : error
    }
  }

  /** Creates a map of any type that the kernel has. An arena is mapped nowhere until its `mmap` says where. */
  createMap(attributes: MapAttributes, inner?: LinuxMap): LinuxMap {
    this.#resources.assertOpen()
    const btfFd = attributes.btf === undefined ? undefined : this.#loadBtf(attributes.btf)
    return this.#held(new LinuxMap(this.#resources, attributes, { btfFd, innerMapFd: inner?.fd }))
  }

  /** Loads one linked program, or raw instructions; `maps` are those that it names. @throws VerifierError */
  loadProgram(
    image: LinuxImage,
    maps: ReadonlyMap<string, LinuxMap> = new Map(),
    options: LoadOptions = {},
  ): LinuxProgram {
    this.#resources.assertOpen()
    if (options.unchecked === true) throw unsupported('run a program unchecked')
    const btfFd = image.btf === undefined ? undefined : this.#loadBtf(image.btf)
    return this.#loadProgram(image, maps, options.logLevel, btfFd)
  }

  /**
   * Calls `listener` for each line that programs print, after the run that printed it. Returns what takes it away.
   * @throws HarenaError where the kernel's tracer cannot be read
   */
  on(_event: 'output', listener: OutputListener): () => void {
    this.#resources.assertOpen()
    return this.#output.on(listener)
  }

  /** Does nothing: the kernel's time passes by itself. */
  advance(_ns: number | bigint): void {
    this.#resources.assertOpen()
  }

  /** Does nothing: the kernel does what is due by itself, in its own time, and tells nobody when. */
  settle(): void {
    this.#resources.assertOpen()
  }

  /** @throws HarenaError always: the kernel does not show its allocators */
  statistics(): never {
    this.#resources.assertOpen()
    throw unsupported('tell what the allocators hold')
  }

  /**
   * Closes every descriptor; a second call does nothing. Views of arenas keep their memory and its address for as long as
   * somebody holds them: see LinuxMapping.view.
   */
  close(): void {
    this.#resources.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** A handle keeps its machine. */
  #held<T extends object>(handle: T): T {
    keepAlive(handle, this)
    return handle
  }

  #loadBtf(btf: Btf): number {
    const bytes = encodeBtf(btf)
    const fd = btfLoad(bytes)
    if (fd >= 0) return this.#resources.add(new Descriptor(fd)).fd
    const log = new Uint8Array(65_536)
    const again = btfLoad(bytes, log)
    if (again >= 0) closeFd(again)
    const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0))).trimEnd()
    throw refused(
      fd,
      `the kernel refuses the object's BTF${text === '' ? '' : ` (${text.slice(text.lastIndexOf('\n') + 1)})`}`,
    )
  }

  /** As libbpf does: arenas are mapped at once, data maps filled, read-only ones frozen. */
  #createFromSpec(spec: ObjectSpec, map: MapSpec, btfFd: number | undefined): LinuxMap {
    refuseOrigin(map)
    const handle = this.#held(new LinuxMap(this.#resources, { ...map, btf: spec.btf }, { btfFd }))
    if (map.type === 'arena') handle.mmap()
    if (map.contents !== undefined) {
      handle.set(0, map.contents)
      if (isReadOnly(map)) handle.freeze()
    }
    return handle
  }

  #loadProgram(
    image: LinuxImage,
    maps: ReadonlyMap<string, LinuxMap>,
    logLevel: number | undefined,
    btfFd: number | undefined,
  ): LinuxProgram {
    const descriptors = new Map([...maps].map(([name, map]) => [name, map.fd]))
    const loaded = loadProgram({ image, maps: descriptors, btfFd, logLevel: logLevel ?? 1 })
    const descriptor = this.#resources.add(new Descriptor(loaded.fd))
    return this.#held(new LinuxProgram(image, loaded, descriptor, this.#output))
  }

  /** Globals by name; each data map is mapped once. */
  #globals(spec: ObjectSpec, maps: ReadonlyMap<string, LinuxMap>): Map<string, LinuxGlobal> {
    const data = new Map<string, DataMap>()
    const dataOf = (name: string): DataMap => {
      const known = data.get(name)
      if (known !== undefined) return known
      const map = maps.get(name)
      const mapSpec = spec.maps.find((one) => one.name === name)
      if (map === undefined || mapSpec === undefined) throw new HarenaError(`map ${name} of a global is not there`)
      const made = this.#resources.add(new DataMap(name, map.fd, map.info.valueSize, !isReadOnly(mapSpec)))
      data.set(name, made)
      return made
    }
    return new Map(spec.globals.map((global) => [global.name, this.#held(new LinuxGlobal(dataOf(global.map), global))]))
  }
}

/** From outside the type system there may be any. @throws HarenaError that names it */
function refuseOptions(options: Readonly<Record<string, never>>): void {
  checkMachineOptions(options)
  const given = Object.entries(options).find(([, value]) => value !== undefined)
  if (given !== undefined) throw unsupported(`take the option ${given[0]}, which is for simulated machines`)
}

/** Frozen as soon as it is filled. */
function isReadOnly(map: MapSpec): boolean {
  return map.contents !== undefined && (map.flags & MAP_FLAGS.rdonly_prog) !== 0
}
