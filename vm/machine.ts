/**
 * A whole simulated kernel: its memory with the allocators, CPUs, clock, maps and programs. What verifies and what
 * runs programs is handed in, so that this folder knows neither; the public Machine (index.ts) binds them.
 */
import type { Arena } from '../arena/arena.ts'
import { UserProcess } from '../arena/process.ts'
import { realClock, virtualClock } from '../cpu/clock.ts'
import { makeCpus } from '../cpu/cpu.ts'
import { MachineSteps } from '../cpu/inject.ts'
import { Output } from '../cpu/output.ts'
import { Processors } from '../cpu/processors.ts'
import { makeRandom, RandomStream } from '../cpu/random.ts'
import { ErrnoError, HarenaError, InternalError, VerifierError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import { ArenaMap } from '../maps/arena-map.ts'
import { createMap, type MapOptions } from '../maps/create.ts'
import type { HashOptions } from '../maps/create-hash.ts'
import type { BpfMap, MapAttributes } from '../maps/map.ts'
import { SUPPLIES, type SupplyName } from '../maps/supplies.ts'
import { checkOpen, closeKernel, closeWhenForgotten, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import type { MemoryPolicies } from '../memalloc/policies.ts'
import type { Holder } from '../memalloc/reports.ts'
import { memoryStatistics } from '../memalloc/statistics.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { keepAlive } from '../memory/pool.ts'
import { hookedSteps } from '../memory/steps.ts'
import { helperById } from '../program/helpers.ts'
import { kfuncById } from '../program/kfuncs.ts'
import { link } from '../program/link.ts'
import type { AllocInfo, LoadableProgram, MapInfo, VerifiedProgram } from '../program/loadable.ts'
import type { MapSpec, ObjectSpec, ProgramSpec } from '../program/object.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { Allocs } from './allocs.ts'
import { bindProgram, checkRunnable, notImplemented, type ProgramImage } from './bind.ts'
import { checkedHelper, checkedKfunc } from './checked-call.ts'
import type { Engine, EngineInput, EngineName } from './engine.ts'
import { Engines, warnOnConsole } from './engines.ts'
import { Global } from './global.ts'
import { IMPLEMENTED_HELPERS, makeHelpers } from './helpers.ts'
import { holdersOf } from './holders.ts'
import { InvalidProgramError } from './invalid-program.ts'
import { IMPLEMENTED_KFUNCS, makeKfuncs } from './kfuncs.ts'
import { LoadedObject } from './loaded-object.ts'
import { MapHandle } from './map-handle.ts'
import {
  checkMachineOptions,
  type LoadOptions,
  type MachineListeners,
  type MachineOptions,
  type MachineParts,
  type MachinePolicies,
  type MachineStatistics,
} from './options.ts'
import { Program } from './program.ts'
import { ProgramCode } from './program-code.ts'
import { RandomStates } from './random-states.ts'
import { IMPLEMENTED_TYPES, isRunnable, type RunEnvironment } from './run.ts'
import { RunAreas } from './run-areas.ts'
import type { Services } from './services.ts'
import type { Native } from './state.ts'
import { watched } from './watched.ts'

/** What a map says of where its elements come from; nothing where its flags and the machine's policy decide. */
type ElementOrigin = Pick<HashOptions, 'alloc' | 'elements'>

export class MachineCore {
  readonly options: MachineOptions
  readonly #parts: MachineParts
  readonly #engines: Engines
  /** What runs programs. */
  readonly #engine: Engine
  readonly #kernel: Kernel
  readonly #areas: RunAreas
  readonly #services: Services
  readonly #environment: RunEnvironment
  readonly #helpers: ReadonlyMap<number, Native>
  readonly #kfuncs: ReadonlyMap<number, Native>
  /** Every map, by the offset of its object in kernel memory. */
  readonly #maps: Map<number, BpfMap> = new Map()
  /** Pages taken for each map when it was made. */
  readonly #made: Map<BpfMap, number> = new Map()
  readonly #allocs: Allocs
  /** Where the hash of each map's keys starts. */
  readonly #hashRandom: () => number
  readonly #arenaOptions: { readonly random: () => number; readonly process: UserProcess }

  /** What can be listened to. */
  readonly #listening: {
    readonly [About in keyof MachineListeners]: (listener: MachineListeners[About]) => () => void
  } = {
    output: (listener) => this.#services.output.on(listener),
    event: (listener) => this.#kernel.processors.events.on(listener),
    report: (listener) => this.#kernel.reports.on(listener),
  }

  /** @throws HarenaError for options that cannot be, and where the address space is used up */
  constructor(options: MachineOptions, parts: MachineParts) {
    checkMachineOptions(options)
    const engines = new Engines(parts.engines, options.engine, options.warn ?? warnOnConsole)
    const seed = BigInt(options.seed ?? 1)
    const policies = options.policies ?? {}
    const processors = new Processors(makeCpus(options.cpus ?? 1, seed), {
      rt: options.rt ?? false,
      selfInterrupt: String(policies.selfInterrupt ?? true) === 'true',
    })
    const random = makeRandom(seed, RandomStream.ADDRESS)
    this.options = options
    this.#parts = parts
    this.#engines = engines
    const steps = injectionSteps(options)
    this.#engine = steps === undefined ? engines.main : engines.withHooks('injection')
    const hashes = makeRandom(seed, RandomStream.HASH)
    this.#hashRandom = () => hashes.u32()
    this.#arenaOptions = { random: () => random.u32(), process: new UserProcess('main') }
    this.#kernel = makeKernel({
      memoryLimit: options.memoryLimit ?? 0,
      processors,
      policies: memoryPolicies(policies),
      ...(steps === undefined ? {} : { makeSteps: (memory) => hookedSteps(memory, steps.beforeStep) }),
    })
    this.#areas = new RunAreas(this.#kernel)
    closeWhenForgotten(this, this.#kernel)
    const maps = this.#maps
    const kernel = this.#kernel
    const made = this.#made
    const look = (): readonly Holder[] => holdersOf(kernel, made)
    kernel.reports.holders = () => steps?.quietly(look) ?? look()
    const allocs = new Allocs(kernel)
    this.#allocs = allocs
    this.#services = {
      kernel,
      cpus: processors.cpus,
      clock: options.clock === 'real' ? realClock() : virtualClock(),
      output: new Output(),
      randomStates: new RandomStates(kernel, processors.cpus),
      mapAt: (offset) => maps.get(offset),
      arenaAt: (offset) => arenaOf(maps.get(offset)),
      allocAt: (offset) => allocs.at(offset),
    }
    this.#helpers = makeHelpers(this.#services)
    this.#kfuncs = makeKfuncs(this.#services)
    this.#environment = {
      services: this.#services,
      hostTime: options.hostTime ?? (() => performance.now()),
      stacks: [],
      attachments: new Set(),
      seed,
      steps,
      injections: new Set(),
    }
  }

  /**
   * Creates the object's maps, maps its arenas into user space, verifies and loads its programs.
   * @throws VerifierError for the first program that is rejected; ErrnoError for a map that Linux would not create
   */
  load(spec: ObjectSpec, options: LoadOptions = {}): LoadedObject {
    checkOpen(this.#kernel)
    const chosen = choosePrograms(spec, options.programs)
    const first = chosen[0]?.name ?? ''
    const maps = new Map<string, MapHandle>()
    const allocs = new Map<string, AllocInfo>()
    try {
      for (const alloc of spec.allocs ?? []) allocs.set(alloc.name, this.#allocs.create(alloc))
      for (const map of spec.maps) maps.set(map.name, this.#createFromSpec(spec, map, allocs, first))
      const programs = new Map<string, Program>()
      for (const program of chosen) {
        programs.set(program.name, this.#load(link(spec, program.name), maps, allocs, options))
      }
      return new LoadedObject(spec, programs, maps, this.#globals(spec, maps))
    } catch (error) {
      for (const { map } of maps.values()) this.#destroy(map)
      for (const alloc of allocs.values()) this.#allocs.destroy(alloc)
      throw inFile(error, spec.file)
    }
  }

  /** BPF_MAP_CREATE. An arena made so is mapped nowhere until `mmap` says where. @throws ErrnoError */
  createMap(attributes: MapAttributes): MapHandle {
    return this.#createMap(attributes, {})
  }

  #createMap(attributes: MapAttributes, origin: ElementOrigin): MapHandle {
    checkOpen(this.#kernel)
    const { placement, elements, forceDynamic, lruElements } = this.options.policies ?? {}
    const { used } = this.#kernel.pages.statistics()
    const map = this.#createOrShrink(attributes, {
      arena: {
        ...this.#arenaOptions,
        owner: this,
        hugePages: this.options.hugePages,
        ...(placement === undefined ? {} : { placement }),
      },
      hash: {
        random: this.#hashRandom,
        elements,
        forceDynamic: String(forceDynamic) === 'true',
        lruElements,
        ...origin,
      },
    })
    this.#maps.set(Number(map.info.address - KERNEL_BASE), map)
    this.#made.set(map, this.#kernel.pages.statistics().used - used)
    return this.#held(new MapHandle(this.#kernel, map))
  }

  /** What was taken before memory ran out is given back, slabs that were made for it too. */
  #createOrShrink(attributes: MapAttributes, options: MapOptions): BpfMap {
    const { slab, percpu, processors, pages } = this.#kernel
    const { used } = pages.statistics()
    try {
      return createMap(this.#kernel, attributes, options)
    } catch (error) {
      const isLeft = processors.trace.length === 0 && pages.statistics().used > used
      if (isLeft && error instanceof ErrnoError && error.errno === 'ENOMEM') {
        slab.shrink()
        percpu.shrink()
      }
      throw error
    }
  }

  /** BPF_PROG_LOAD of a linked program, or of raw instructions; `maps` are those that it refers to, by name. */
  loadProgram(
    image: ProgramImage,
    maps: ReadonlyMap<string, MapHandle> = new Map(),
    options: LoadOptions = {},
  ): Program {
    return this.#load(image, maps, new Map(), options)
  }

  #load(
    image: ProgramImage,
    maps: ReadonlyMap<string, MapHandle>,
    allocs: ReadonlyMap<string, AllocInfo>,
    options: LoadOptions,
  ): Program {
    checkOpen(this.#kernel)
    const infos = new Map([...maps].map(([name, handle]) => [name, handle.info]))
    const loadable = bindProgram(image, infos, allocs)
    if (!isRunnable(loadable.type)) throw notImplemented(loadable.name, `program type ${loadable.type}`, undefined)
    return options.unchecked === true ? this.#unchecked(loadable) : this.#verified(loadable, options)
  }

  /** Calls `listener` for what `about` names. Returns what takes it away again. */
  on<About extends keyof MachineListeners>(about: About, listener: MachineListeners[About]): () => void {
    checkOpen(this.#kernel)
    if (typeof listener !== 'function') throw new HarenaError(`a listener is a function, not ${String(listener)}`)
    const listen = this.#listening[about]
    if (listen !== undefined) return listen(listener)
    throw new HarenaError(`a machine tells of ${Object.keys(this.#listening).join(', ')}, not of ${String(about)}`)
  }

  /** As `load`, with what the first runs of the programs would wait for done beside other work. */
  async loadAsync(spec: ObjectSpec, options: LoadOptions = {}): Promise<LoadedObject> {
    const object = this.load(spec, options)
    await Promise.all([...object.programs.values()].map((program) => program.ready()))
    return object
  }

  /** What runs programs. */
  get engine(): EngineName {
    return this.#engine.name
  }

  /** Whether the policy `debug` is on. */
  get isDebugging(): boolean {
    return this.#kernel.accessCheck !== undefined
  }

  /** Lets the virtual clock go on, and what is due in that time happen: ticks, grace periods, deferred work. */
  advance(ns: number | bigint): void {
    checkOpen(this.#kernel)
    if (typeof ns !== 'bigint' && !Number.isInteger(ns)) {
      throw new HarenaError(`nanoseconds are a whole number, not ${String(ns)}`)
    }
    this.#services.clock.advance(BigInt(ns))
    this.#kernel.processors.advance(BigInt(ns))
  }

  /** Lets everything that is due happen: deferred work, grace periods. As much time passes as that takes. */
  settle(): void {
    checkOpen(this.#kernel)
    const { clock } = this.#services
    const passed = this.#kernel.processors.settle()
    if (clock.kind === 'virtual') clock.advance(passed)
  }

  /** What the allocators hold now. */
  statistics(): MachineStatistics {
    checkOpen(this.#kernel)
    const look = (): MachineStatistics => ({
      ...memoryStatistics(this.#kernel),
      holders: holdersOf(this.#kernel, this.#made),
    })
    // Looking on is nothing that the machine does.
    return this.#environment.steps?.quietly(look) ?? look()
  }

  /**
   * Gives all memory back; a second call does nothing. Handles of a closed machine say that it is closed.
   * @throws HarenaError in the middle of something that the machine does, for a listener or hook that is called from it
   */
  close(): void {
    const { trace, events } = this.#kernel.processors
    if (trace.length > 0 || events.telling) throw new HarenaError('the machine is at work: close it afterwards')
    for (const attachment of this.#environment.attachments) attachment.detach()
    for (const injection of this.#environment.injections) injection.abandon()
    // Kernel memory goes as a whole, and first: an unchecked program may have overwritten what arenas keep in it.
    closeKernel(this.#kernel)
    for (const map of this.#maps.values()) arenaOf(map)?.close()
    this.#maps.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** As libbpf does: arenas are mapped at once, data maps filled, read-only ones frozen. */
  #createFromSpec(spec: ObjectSpec, map: MapSpec, allocs: ReadonlyMap<string, AllocInfo>, program: string): MapHandle {
    const handle = this.#createOrRefuse({ ...map, btf: spec.btf }, this.#elementOrigin(map, allocs), program)
    if (handle.map instanceof ArenaMap) handle.map.arena.mmap()
    if (map.contents !== undefined) {
      this.#kernel.memory.u8.set(map.contents, Number(handle.info.valueAddress - KERNEL_BASE))
      if ((map.flags & MAP_FLAGS.rdonly_prog) !== 0) handle.freeze()
    }
    return handle
  }

  /** `alloc=` and `elements=` of a map. */
  #elementOrigin(map: MapSpec, allocs: ReadonlyMap<string, AllocInfo>): ElementOrigin {
    const origin: ElementOrigin = map.elements === undefined ? {} : { elements: supplyNamed(map) }
    if (map.alloc === undefined) return origin
    const alloc = allocs.get(map.alloc)
    if (alloc === undefined) throw new HarenaError(`map ${map.name} names an alloc ${map.alloc}, not there`)
    if (map.elements !== undefined) throw new HarenaError(`map ${map.name}: alloc and elements exclude each other`)
    return { alloc: this.#allocs.instance(alloc) }
  }

  /** A map type of Linux that harena lacks is a rejection of the program that would use it. */
  #createOrRefuse(attributes: MapAttributes, origin: ElementOrigin, program: string): MapHandle {
    try {
      return this.#createMap(attributes, origin)
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== 'EOPNOTSUPP') throw error
      const what = /harena does not implement (.*?)(?:: EOPNOTSUPP)?$/u.exec(error.message)?.[1]
      throw what === undefined ? error : notImplemented(program, what, undefined)
    }
  }

  /** Globals by name, each a place in the only value of its data map. */
  #globals(spec: ObjectSpec, maps: ReadonlyMap<string, MapHandle>): Map<string, Global> {
    return new Map(
      spec.globals.map((global) => {
        const handle = maps.get(global.map)
        if (handle === undefined) throw new HarenaError(`global ${global.name} lies in map ${global.map}, not there`)
        return [global.name, this.#held(new Global(this.#kernel, handle.map, global))]
      }),
    )
  }

  #verified(loadable: LoadableProgram, { logLevel, progress }: LoadOptions): Program {
    const verified = this.#parts.verify(loadable, {
      implementedHelpers: IMPLEMENTED_HELPERS,
      implementedKfuncs: IMPLEMENTED_KFUNCS,
      implementedTypes: IMPLEMENTED_TYPES,
      cpus: this.#services.cpus.length,
      ...(logLevel === undefined ? {} : { logLevel }),
      ...(progress === undefined ? {} : { progress }),
    })
    return this.#makeProgram(loadable, verified, verified.arena)
  }

  /** Without the verifier: natives check their arguments, the engine checks accesses. */
  #unchecked(loadable: LoadableProgram): Program {
    checkRunnable(loadable)
    return this.#makeProgram(loadable, undefined, arenaAmong(loadable))
  }

  #makeProgram(loadable: LoadableProgram, verified: VerifiedProgram | undefined, info: MapInfo | undefined): Program {
    const arena = info === undefined ? undefined : this.#services.arenaAt(Number(info.address - KERNEL_BASE))
    if (info !== undefined && arena === undefined)
      throw new InternalError(`map ${info.name} is no arena of this machine`)
    // Now, as it cannot be made in an NMI. On Linux it is there from boot on; here machines without it cost less.
    if (usesGlobalMemory(loadable)) void this.#kernel.bpf.global
    const input: EngineInput = {
      program: loadable,
      verified: verified !== undefined && this.#kernel.accessCheck !== undefined ? watched(verified) : verified,
      userHigh: arena?.castHigh ?? 0,
      kernel: this.#kernel.memory,
      arena,
      areas: this.#areas,
      services: this.#services,
      helper: (id) => this.#helper(id, verified === undefined),
      kfunc: (id) => this.#kfunc(id, verified === undefined),
    }
    const code = new ProgramCode(this.#engine, this.#engines, input)
    return this.#held(new Program(loadable, verified, code, this.#environment, arena))
  }

  /** A handle keeps its machine: memory goes back to the pool when nobody holds either. */
  #held<T extends object>(handle: T): T {
    keepAlive(handle, this)
    return handle
  }

  #helper(id: number, checked: boolean): Native | undefined {
    const native = this.#helpers.get(id)
    const prototype = helperById(id)
    return checked && native !== undefined && prototype !== undefined
      ? checkedHelper(this.#services, prototype, native)
      : native
  }

  #kfunc(id: number, checked: boolean): Native | undefined {
    const native = this.#kfuncs.get(id)
    const prototype = kfuncById(id)
    return checked && native !== undefined && prototype !== undefined
      ? checkedKfunc(this.#services, prototype, native)
      : native
  }

  #destroy(map: BpfMap): void {
    this.#maps.delete(Number(map.info.address - KERNEL_BASE))
    this.#made.delete(map)
    map.destroy()
  }
}

/** The supply that `elements=` of a map names. */
function supplyNamed({ name, type, elements = '' }: MapSpec): SupplyName {
  if (type !== 'hash' && type !== 'percpu_hash')
    throw new HarenaError(`map ${name}: map type ${type} takes no elements`)
  const known = (Object.keys(SUPPLIES) as SupplyName[]).find((candidate) => candidate === elements)
  if (known !== undefined) return known
  const near = nearest(elements, Object.keys(SUPPLIES))
  const hint = near === undefined ? `; there are ${Object.keys(SUPPLIES).join(', ')}` : `; did you mean ${near}?`
  throw new HarenaError(`map ${name}: there are no elements ${elements}${hint}`)
}

/** Undefined where nobody is to be interrupted: nothing is paid for the possibility then. */
function injectionSteps({ injection = false }: MachineOptions): MachineSteps | undefined {
  if (typeof injection !== 'boolean') throw new HarenaError(`injection is true or false, not ${String(injection)}`)
  return injection ? new MachineSteps() : undefined
}

/** Those of the allocators: what is not chosen is not there, so that the defaults count. */
function memoryPolicies({ slab, nolock, sleepable, watermarks, debug }: MachinePolicies): MemoryPolicies {
  return {
    debug: debug === true || debug === 'on',
    ...(slab === undefined ? {} : { slab }),
    ...(nolock === undefined ? {} : { nolock }),
    ...(sleepable === undefined ? {} : { sleepable }),
    ...(watermarks === undefined ? {} : { watermarks }),
  }
}

function arenaOf(map: BpfMap | undefined): Arena | undefined {
  return map instanceof ArenaMap ? map.arena : undefined
}

/** What a load refuses names the object's file: with several files at hand, the program's name says too little. */
function inFile(error: unknown, file: string): unknown {
  if (error instanceof VerifierError) return error.inFile(file)
  if (error instanceof InvalidProgramError)
    return new InvalidProgramError(`${file}: ${error.message}`, error.instruction)
  if (error instanceof ErrnoError) return error.inFile(file)
  return error
}

/** Whether a program may ask the machine's own bpf_mem_alloc. */
function usesGlobalMemory({ bindings }: LoadableProgram): boolean {
  for (const binding of bindings.values()) {
    if (binding.kind === 'kfunc' && /^bpf_(?:mem|obj)_/u.test(binding.prototype.name)) return true
  }
  return false
}

/** The arena that an unchecked program names. */
function arenaAmong(program: LoadableProgram): MapInfo | undefined {
  for (const binding of program.bindings.values()) {
    if ((binding.kind === 'map' || binding.kind === 'map-value') && binding.map.type === 'arena') return binding.map
  }
  return undefined
}

/** The programs named, or all of them. */
function choosePrograms(spec: ObjectSpec, names: readonly string[] | undefined): readonly ProgramSpec[] {
  if (names === undefined) return spec.programs
  return names.map((name) => {
    const found = spec.programs.find((program) => program.name === name)
    if (found === undefined) throw new HarenaError(`${spec.file} has no program ${name}`)
    return found
  })
}
