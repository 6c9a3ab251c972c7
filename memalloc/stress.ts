/**
 * Random operations on every allocator at once, for tests: each object that is handed out is marked, and the mark is
 * looked at before it is freed. So an object handed out twice, or written to by an allocator, shows.
 */
import type { Random } from '../cpu/random.ts'
import { InternalError } from '../errors/errors.ts'
import type { BpfMemAlloc } from './bpf-mem-alloc.ts'
import type { Simulation } from './fixture.ts'
import { freelistBytes, PcpuFreelist } from './freelist.ts'
import { listedObjects } from './mem-invariants.ts'
import { PageOwner } from './pages.ts'
import { checkSlabs } from './slab-invariants.ts'

interface Live {
  readonly at: number
  readonly bytes: number
  readonly mark: number
  readonly free: (at: number, nmi: boolean) => void
}

const ELEMENTS = 40
const ELEMENT_BYTES = 64

export class Stress {
  readonly live: Live[] = []
  operations = 0
  failures = 0
  private readonly simulation: Simulation
  private readonly random: Random
  private readonly single: BpfMemAlloc
  private readonly any: BpfMemAlloc
  private readonly percpu: BpfMemAlloc
  private readonly freelist: PcpuFreelist
  private readonly listAt: number
  private readonly elementsAt: number
  private mark = 0
  private ending = false
  /** Grace periods that had ended when an object was freed after RCU, or freed in any way. */
  private readonly rcuAtFree: Map<number, number> = new Map()
  private readonly traceAtFree: Map<number, number> = new Map()

  constructor(simulation: Simulation, random: Random) {
    const { kernel, processors } = simulation
    this.simulation = simulation
    this.random = random
    this.single = kernel.bpf.create({ name: 'single', size: 72 })
    this.any = kernel.bpf.create({ name: 'any', size: 0 })
    this.any.setDestructor((payload) => this.checkRelease(payload))
    this.percpu = kernel.bpf.create({ name: 'percpu', size: 16, percpu: true, exclusive: true })
    this.listAt = kernel.pages.allocBytes(freelistBytes(processors.cpus.length), PageOwner.MAP)
    this.elementsAt = kernel.pages.allocBytes(ELEMENTS * ELEMENT_BYTES, PageOwner.MAP)
    this.freelist = new PcpuFreelist(kernel.steps, kernel.locks, this.listAt)
    this.freelist.populate(this.elementsAt, ELEMENT_BYTES, ELEMENTS)
  }

  /** One operation on this CPU; in an NMI only what may be done there. */
  step(nmi: boolean): void {
    this.operations++
    // More frees the more there is to free, so that lists run empty and full by turns.
    if (this.live.length > 0 && this.random.below(400) < this.live.length) this.freeOne(nmi)
    else this.allocOne(nmi)
  }

  /** Frees one at random. Gone from the table before it is freed: nobody else may free it meanwhile. */
  freeOne(nmi: boolean): void {
    const index = this.random.below(this.live.length)
    const [object] = this.live.splice(index, 1)
    if (object === undefined) return
    this.checkMark(object)
    object.free(object.at, nmi)
  }

  allocOne(nmi: boolean): void {
    const { kernel } = this.simulation
    const gfp = nmi ? 'nolock' : 'atomic'
    switch (this.random.below(7)) {
      case 0:
        this.took(this.single.cacheAlloc(), 72, (at) => this.single.cacheFree(at))
        break
      case 1:
        this.took(this.single.cacheAlloc(), 72, (at) => {
          this.noteRcu(at)
          this.single.cacheFreeRcu(at)
        })
        break
      case 2: {
        const bytes = 1 + this.random.below(this.random.below(8) === 0 ? 4088 : 120)
        const rcu = this.random.below(2) === 0
        this.took(this.any.alloc(bytes), bytes, (at) => {
          this.traceAtFree.set(at, this.simulation.processors.tasksTrace.completed)
          if (rcu) this.noteRcu(at)
          if (rcu) this.any.freeRcu(at)
          else this.any.free(at)
        })
        break
      }
      case 3:
        // The payload is the address of the area, which the allocator itself reads: left alone.
        this.took(this.percpu.cacheAlloc(), 0, (at) => this.percpu.cacheFree(at))
        break
      case 4: {
        const bytes = 1 + this.random.below(200)
        const free: Live['free'] = (at, inNmi) => kernel.slab.free(at, inNmi ? 'nolock' : 'atomic')
        this.took(kernel.slab.alloc(bytes, gfp), bytes, free)
        break
      }
      case 5:
        this.took(this.freelist.pop(), ELEMENT_BYTES, (at) => this.freelist.push(at))
        break
      default:
        this.took(kernel.lists.alloc(this.random.below(3), PageOwner.OTHER, !nmi), 4096, (at, inNmi) =>
          kernel.lists.free(at, !inNmi),
        )
    }
  }

  /** Everything is accounted for, with nobody in the middle of an operation. */
  check(): void {
    const { kernel } = this.simulation
    const used = checkSlabs(kernel.slab)
    for (const object of this.live) this.checkMark(object)
    const areas = this.live.filter(({ bytes }) => bytes === 0).length
    if (!this.percpu.hasInUse(areas) || this.percpu.hasInUse(areas + 1)) {
      throw new InternalError(`${areas} objects are in use, which their allocator does not say`)
    }
    for (const instance of [this.single, this.any, this.percpu]) {
      for (const object of listedObjects(kernel.memory, instance)) {
        if (!used.has(object)) throw new InternalError(`0x${object.toString(16)} is listed, and free in the slab`)
        if (this.live.some((one) => one.at === object + 8)) throw new InternalError('an object in use is listed')
      }
    }
  }

  /** Frees everything, and destroys what was made. */
  end(): void {
    const { kernel } = this.simulation
    while (this.live.length > 0) this.freeOne(false)
    this.ending = true
    let elements = 0
    for (let cpu = 0; cpu <= this.simulation.processors.cpus.length; cpu++) elements += this.freelist.length(cpu)
    if (elements !== ELEMENTS) throw new InternalError(`${ELEMENTS - elements} elements of the free list are lost`)
    for (const instance of [this.single, this.any, this.percpu]) kernel.bpf.destroy(instance)
    kernel.pages.freeBytes(this.listAt, freelistBytes(this.simulation.processors.cpus.length))
    kernel.pages.freeBytes(this.elementsAt, ELEMENTS * ELEMENT_BYTES)
  }

  private took(at: number, bytes: number, free: Live['free']): void {
    if (at === 0) {
      this.failures++
      return
    }
    const twice = this.live.find((one) => at < one.at + Math.max(one.bytes, 8) && one.at < at + Math.max(bytes, 8))
    if (twice !== undefined) throw new InternalError(`0x${at.toString(16)} was handed out twice`)
    if (this.rcuAtFree.get(at) === this.simulation.processors.rcu.completed) {
      throw new InternalError(`0x${at.toString(16)} was handed out before its grace period`)
    }
    this.rcuAtFree.delete(at)
    this.mark = (this.mark + 1) & 0xff
    const { mark } = this
    this.simulation.kernel.memory.u8.fill(mark, at, at + bytes)
    this.live.push({ at, bytes, mark, free })
  }

  private noteRcu(at: number): void {
    this.rcuAtFree.set(at, this.simulation.processors.rcu.completed)
  }

  /** Back to the slab only after a tasks-trace grace period, unless the instance is taken down. */
  private checkRelease(at: number): void {
    if (!this.ending && this.traceAtFree.get(at) === this.simulation.processors.tasksTrace.completed) {
      throw new InternalError(`0x${at.toString(16)} went to the slab before its grace period`)
    }
    this.traceAtFree.delete(at)
  }

  private checkMark({ at, bytes, mark }: Live): void {
    const { u8 } = this.simulation.kernel.memory
    for (let byte = at; byte < at + bytes; byte++) {
      if (u8[byte] !== mark) throw new InternalError(`0x${byte.toString(16)} was written to while it was in use`)
    }
  }
}
