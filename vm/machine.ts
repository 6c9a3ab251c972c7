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
import { ArenaMap } from '../maps/arena-map.ts'
import { createMap, type MapOptions } from '../maps/create.ts'
import type { HashOptions } from '../maps/create-hash.ts'
import type { BpfMap, MapAttributes } from '../maps/map.ts'
import { assertIntact, blaming } from '../memalloc/integrity.ts'
import { checkOpen, closeKernel, closeWhenForgotten, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import type { MemoryPolicies } from '../memalloc/policies.ts'
import type { Holder } from '../memalloc/reports.ts'
import { memoryStatistics } from '../memalloc/statistics.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { keepAlive } from '../memory/pool.ts'
import { hookedSteps } from '../memory/steps.ts'
import { link } from '../program/link.ts'
import type { AllocInfo, LoadableProgram, MapInfo, VerifiedProgram } from '../program/loadable.ts'
import type { MapSpec, ObjectSpec } from '../program/object.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { Allocs } from './allocs.ts'
import { bindProgram, checkRunnable, notImplemented, type ProgramImage } from './bind.ts'
import type { Engine, EngineInput, EngineName } from './engine.ts'
import { Engines, warnOnConsole } from './engines.ts'
import { Global } from './global.ts'
import { IMPLEMENTED_HELPERS } from './helpers.ts'
import { holdersOf, type MadeMap } from './holders.ts'
import { InvalidProgramError } from './invalid-program.ts'
import { IMPLEMENTED_KFUNCS } from './kfuncs.ts'
import { LoadedObject } from './loaded-object.ts'
import { MapHandle } from './map-handle.ts'
import { endGroup, helperOf, kfuncOf, makeNatives, makeScope, type Natives, type ObjectScope } from './object-scope.ts'
import { arenaAmong, choosePrograms, supplyNamed, usesGlobalMemory } from './object-wants.ts'
import {
  checkMachineOptions,
  type LoadOptions,
  limitOf,
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
import { STACK_BYTES } from './state.ts'
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
  readonly #natives: Natives
  /** Every map, by the offset of its object in kernel memory. */
  readonly #maps: Map<number, BpfMap> = new Map()
  readonly #made: Map<BpfMap, MadeMap> = new Map()
  /** Maps that programs use which belong to no object: these stay. */
  readonly #pinned: Set<BpfMap> = new Set()
  /** Objects, and programs of none, that take from the machine's own bpf_mem_alloc. */
  #globalUsers = 0
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
      memoryLimit: limitOf(options),
      processors,
      policies: memoryPolicies(policies),
      ...(steps === undefined ? {} : { makeSteps: (memory) => hookedSteps(memory, steps.beforeStep) }),
    })
    this.#areas = new RunAreas(this.#kernel)
    closeWhenForgotten(this, this.#kernel)
    const maps = this.#maps
    const kernel = this.#kernel
    const made = this.#made
    kernel.reports.holders = (group) => {
      const look = (): readonly Holder[] => holdersOf(kernel, made, group)
      return steps?.quietly(look) ?? look()
    }
    const allocs = new Allocs()
    this.#allocs = allocs
    this.#services = {
      kernel,
      cpus: processors.cpus,
      clock: options.clock === 'real' ? realClock() : virtualClock(),
      output: new Output(),
      randomStates: new RandomStates(kernel.memory, processors.cpus),
      mapAt: (offset) => maps.get(offset),
      arenaAt: (offset) => arenaOf(maps.get(offset)),
      allocAt: (offset) => allocs.at(offset),
    }
    this.#natives = makeNatives(this.#services)
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
    return this.#blaming(() => this.#loadObject(spec, options))
  }

  #loadObject(spec: ObjectSpec, options: LoadOptions): LoadedObject {
    const chosen = choosePrograms(spec, options.programs)
    const first = chosen[0]?.name ?? ''
    const scope = makeScope(this.#natives, spec.file, limitOf(options))
    const maps = new Map<string, MapHandle>()
    try {
      for (const alloc of spec.allocs ?? []) {
        scope.allocs.set(alloc.name, this.#allocs.create(scope.natives.services.kernel, alloc))
      }
      for (const map of spec.maps) maps.set(map.name, this.#createFromSpec(spec, map, scope, first))
      const programs = new Map<string, Program>()
      for (const program of chosen) {
        programs.set(program.name, this.#load(link(spec, program.name), maps, scope, options))
      }
      const globals = this.#globals(spec, maps, scope)
      return this.#held(new LoadedObject(spec, programs, maps, globals, () => this.#close(scope)))
    } catch (error) {
      this.#takeDown(scope)
      this.#giveBackLater(scope)
      throw inFile(error, spec.file)
    }
  }

  /** BPF_MAP_CREATE. An arena made so is mapped nowhere until `mmap` says where. @throws ErrnoError */
  createMap(attributes: MapAttributes): MapHandle {
    return this.#blaming(() => this.#createMap(attributes, {}, undefined))
  }

  #createMap(attributes: MapAttributes, origin: ElementOrigin, scope: ObjectScope | undefined): MapHandle {
    checkOpen(this.#kernel)
    const { kernel } = (scope?.natives ?? this.#natives).services
    const { placement, elements, forceDynamic, lruElements } = this.options.policies ?? {}
    const { used } = this.#kernel.pages.statistics()
    const map = this.#createOrShrink(kernel, attributes, {
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
    this.#made.set(map, { pages: this.#kernel.pages.statistics().used - used, group: kernel.group })
    scope?.maps.push(map)
    return this.#held(new MapHandle(scope?.handles ?? this.#kernel, map))
  }

  /** What was taken before memory ran out is given back, slabs that were made for it too. */
  #createOrShrink(kernel: Kernel, attributes: MapAttributes, options: MapOptions): BpfMap {
    const { slab, percpu, processors, pages } = kernel
    const { used } = pages.statistics()
    try {
      return createMap(kernel, attributes, options)
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
    for (const { map } of maps.values()) this.#pinned.add(map)
    return this.#blaming(() => this.#load(image, maps, undefined, options))
  }

  #load(
    image: ProgramImage,
    maps: ReadonlyMap<string, MapHandle>,
    scope: ObjectScope | undefined,
    options: LoadOptions,
  ): Program {
    checkOpen(this.#kernel)
    const infos = new Map([...maps].map(([name, handle]) => [name, handle.info]))
    const loadable = bindProgram(image, infos, scope?.allocs ?? new Map())
    if (!isRunnable(loadable.type)) throw notImplemented(loadable.name, `program type ${loadable.type}`, undefined)
    const program =
      options.unchecked === true ? this.#unchecked(loadable, scope) : this.#verified(loadable, options, scope)
    scope?.programs.push(program)
    return program
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
    this.#blaming(() => this.#kernel.processors.advance(BigInt(ns)))
  }

  /** Lets everything that is due happen: deferred work, grace periods. As much time passes as that takes. */
  settle(): void {
    checkOpen(this.#kernel)
    const { clock } = this.#services
    const passed = this.#blaming(() => this.#kernel.processors.settle())
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
    return this.#blaming(() => this.#environment.steps?.quietly(look) ?? look())
  }

  /**
   * Gives all memory back; a second call does nothing. Handles of a closed machine say that it is closed.
   * @throws HarenaError in the middle of something that the machine does, for a listener or hook that is called from it
   */
  close(): void {
    this.#assertIdle('it')
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

  /** @throws HarenaError in the middle of something that the machine does */
  #assertIdle(what: string): void {
    const { trace, events } = this.#kernel.processors
    if (trace.length > 0 || events.telling) throw new HarenaError(`the machine is at work: close ${what} afterwards`)
  }

  /** What LoadedObject.close does; of a closed machine nothing is left. */
  #close(scope: ObjectScope): void {
    if (this.#kernel.leases.length === 0) return
    this.#assertIdle(scope.name)
    const { integrity, locks } = this.#kernel
    assertIntact(integrity, locks.report, scope.name)
    this.#blaming(() => {
      this.#takeDown(scope)
      this.#giveBackLater(scope)
    })
  }

  /** What an unchecked program has made of the kernel is not harena's mistake. */
  #blaming<T>(work: () => T): T {
    return blaming(this.#kernel.integrity, work)
  }

  /** Gives back what is empty when everything that waits for a grace period now has come back; where nothing does, now. */
  #giveBackLater(scope: ObjectScope): void {
    const { processors, slab, percpu } = this.#kernel
    const giveBack = (depth: number): void => {
      endGroup(scope)
      // Not beside somebody who is paused in the middle of them.
      if (processors.trace.length > depth) return
      slab.shrink()
      percpu.shrink()
    }
    if (processors.isPending) {
      processors.queueJob(() => processors.callRcu('rcu', () => processors.callRcu('tasks-trace', () => giveBack(1))))
    } else {
      giveBack(0)
    }
  }

  #takeDown(scope: ObjectScope): void {
    scope.handles.scope.closed = true
    for (const program of scope.programs) program.withdraw()
    for (const map of scope.maps) if (!this.#pinned.has(map)) this.#destroy(map)
    // What a program of no object may still use stays, with its allocators.
    if (scope.maps.some((map) => this.#pinned.has(map))) return
    const { kernel } = scope.natives.services
    for (const alloc of scope.allocs.values()) this.#allocs.destroy(kernel, alloc)
    if (kernel.group !== undefined) kernel.bpf.end()
    if (scope.usesGlobal) this.#globalUsers--
    this.#shedUnused()
  }

  /** Gives back what is kept for programs, where none could use it: stacks, and the machine's own bpf_mem_alloc. */
  #shedUnused(): void {
    const { bpf, objects, pages } = this.#kernel
    const { stacks, attachments } = this.#environment
    // The last one is for the next run (attachment.ts).
    const spare = attachments.size > 0 ? 1 : 0
    for (const stack of stacks.splice(spare)) pages.freeBytes(stack, STACK_BYTES)
    const { theGlobal } = bpf
    const taken = objects.count + [...bpf.taken.values()].reduce((sum, { objects: count }) => sum + count, 0)
    if (theGlobal !== undefined && this.#globalUsers === 0 && taken === 0) bpf.destroy(theGlobal)
  }

  /** As libbpf does: arenas are mapped at once, data maps filled, read-only ones frozen. */
  #createFromSpec(spec: ObjectSpec, map: MapSpec, scope: ObjectScope, program: string): MapHandle {
    const handle = this.#createOrRefuse(
      { ...map, btf: spec.btf },
      this.#elementOrigin(map, scope.allocs),
      scope,
      program,
    )
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
  #createOrRefuse(attributes: MapAttributes, origin: ElementOrigin, scope: ObjectScope, program: string): MapHandle {
    try {
      return this.#createMap(attributes, origin, scope)
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== 'EOPNOTSUPP') throw error
      const what = /harena does not implement (.*?)(?:: EOPNOTSUPP)?$/u.exec(error.message)?.[1]
      throw what === undefined ? error : notImplemented(program, what, undefined)
    }
  }

  /** Globals by name, each a place in the only value of its data map. */
  #globals(spec: ObjectSpec, maps: ReadonlyMap<string, MapHandle>, { handles }: ObjectScope): Map<string, Global> {
    return new Map(
      spec.globals.map((global) => {
        const handle = maps.get(global.map)
        if (handle === undefined) throw new HarenaError(`global ${global.name} lies in map ${global.map}, not there`)
        return [global.name, this.#held(new Global(handles, handle.map, global))]
      }),
    )
  }

  #verified(loadable: LoadableProgram, { logLevel, progress }: LoadOptions, scope: ObjectScope | undefined): Program {
    const verified = this.#parts.verify(loadable, {
      implementedHelpers: IMPLEMENTED_HELPERS,
      implementedKfuncs: IMPLEMENTED_KFUNCS,
      implementedTypes: IMPLEMENTED_TYPES,
      cpus: this.#services.cpus.length,
      ...(logLevel === undefined ? {} : { logLevel }),
      ...(progress === undefined ? {} : { progress }),
    })
    return this.#makeProgram(loadable, verified, verified.arena, scope)
  }

  /** Without the verifier: natives check their arguments, the engine checks accesses. */
  #unchecked(loadable: LoadableProgram, scope: ObjectScope | undefined): Program {
    checkRunnable(loadable)
    return this.#makeProgram(loadable, undefined, arenaAmong(loadable), scope)
  }

  #makeProgram(
    loadable: LoadableProgram,
    verified: VerifiedProgram | undefined,
    info: MapInfo | undefined,
    scope: ObjectScope | undefined,
  ): Program {
    const natives = scope?.natives ?? this.#natives
    const arena = info === undefined ? undefined : this.#services.arenaAt(Number(info.address - KERNEL_BASE))
    if (info !== undefined && arena === undefined)
      throw new InternalError(`map ${info.name} is no arena of this machine`)
    // Now, as it cannot be made in an NMI. On Linux it is there from boot on; here machines without it cost less.
    if (usesGlobalMemory(loadable)) {
      void natives.services.kernel.bpf.global
      this.#countGlobalUser(scope)
    }
    const input: EngineInput = {
      program: loadable,
      verified: verified !== undefined && this.#kernel.accessCheck !== undefined ? watched(verified) : verified,
      userHigh: arena?.castHigh ?? 0,
      kernel: this.#kernel.memory,
      arena,
      areas: this.#areas,
      services: natives.services,
      helper: (id) => helperOf(natives, id, verified === undefined),
      kfunc: (id) => kfuncOf(natives, id, verified === undefined),
    }
    const code = new ProgramCode(this.#engine, this.#engines, input)
    return this.#held(new Program(loadable, verified, code, this.#environment, arena, scope?.handles ?? this.#kernel))
  }

  #countGlobalUser(scope: ObjectScope | undefined): void {
    if (scope?.usesGlobal === true || scope?.natives.services.kernel.group !== undefined) return
    if (scope !== undefined) scope.usesGlobal = true
    this.#globalUsers++
  }

  /** A handle keeps its machine: memory goes back to the pool when nobody holds either. */
  #held<T extends object>(handle: T): T {
    keepAlive(handle, this)
    return handle
  }

  #destroy(map: BpfMap): void {
    this.#maps.delete(Number(map.info.address - KERNEL_BASE))
    this.#made.delete(map)
    map.destroy()
  }
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
