/** Lists that are freed at once, where nothing can come in between, leave memory as objects freed one by one do. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeCpus } from '../cpu/cpu.ts'
import { Processors } from '../cpu/processors.ts'
import { hookedSteps } from '../memory/steps.ts'
import { closeKernel, type Kernel, makeKernel } from './kernel.ts'
import { touchedPages } from './pages.ts'
import type { MemoryPolicies } from './policies.ts'

const RUNS: number = process.env.HARENA_LONG ? 400 : 40
const CPUS = 2

/** Twice the same, but that the second has steps that something might be run between. */
function twoKernels(policies: MemoryPolicies): Kernel[] {
  return [false, true].map((hooked) =>
    makeKernel({
      processors: new Processors(makeCpus(CPUS, 1n)),
      policies,
      ...(hooked ? { makeSteps: (memory) => hookedSteps(memory, () => undefined) } : {}),
    }),
  )
}

function memoryOf({ memory }: Kernel): Buffer {
  const bytes = Buffer.from(memory.buffer as ArrayBuffer, 0, memory.buffer.byteLength)
  return Buffer.concat([...touchedPages(memory)].map(([start, end]) => bytes.subarray(start, end)))
}

const step = fc.record({
  kind: fc.constantFrom('alloc', 'alloc', 'free', 'freeRcu', 'settle', 'advance', 'listen'),
  size: fc.constantFrom(8, 24, 100, 1000),
  count: fc.oneof(fc.nat(20), fc.nat(400)),
  cpu: fc.nat(CPUS - 1),
  /** Which of those that are taken is freed next: the last, the first, or one in the middle. */
  place: fc.constantFrom(0, 0.5, 1),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const SETTLE: Step = { kind: 'settle', size: 8, count: 0, cpu: 0, place: 0 }

class Side {
  readonly kernel: Kernel
  readonly taken: number[] = []
  #unlisten: (() => void) | undefined

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  do({ kind, size, count, cpu, place }: Step): void {
    const { bpf, processors } = this.kernel
    switch (kind) {
      case 'settle':
        processors.settle()
        return
      case 'advance':
        processors.advance(BigInt(count) * 100_000n)
        return
      case 'listen':
        this.#listen()
        return
      default:
        processors.run(cpu, 'task', 'test', () => {
          for (let n = 0; n < count; n++) {
            if (kind === 'alloc') this.taken.push(bpf.global.alloc(size))
            else this.#give(place, (payload) => bpf.global[kind as 'free' | 'freeRcu'](payload))
          }
        })
    }
  }

  #listen(): void {
    if (this.#unlisten === undefined) this.#unlisten = this.kernel.processors.events.on(() => undefined)
    else {
      this.#unlisten()
      this.#unlisten = undefined
    }
  }

  #give(place: number, free: (payload: number) => void): void {
    const [payload] = this.taken.splice(Math.floor(place * (this.taken.length - 1)), 1)
    if (payload !== undefined) free(payload)
  }
}

test.each<[what: string, policies: MemoryPolicies]>([
  ['as Linux 6.18', {}],
  ['no retry in the next class', { nolock: 'planned' }],
  ['in debug mode', { debug: true }],
])('%s', (_, policies) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => holds(policies, steps)),
    { numRuns: RUNS },
  )
})

/** Does the same on both, and compares after each step. */
function holds(policies: MemoryPolicies, steps: readonly Step[]): void {
  const sides = twoKernels(policies).map((kernel) => new Side(kernel))
  try {
    for (const each of [...steps, SETTLE]) {
      for (const side of sides) side.do(each)
      const [plain, hooked] = sides.map(({ kernel }) => memoryOf(kernel))
      expect(plain!.equals(hooked!), `memory after ${each.kind}`).toBe(true)
      const [before, after] = sides.map(({ kernel }) => kernel.bpf.global.usage)
      expect(before).toEqual(after)
    }
  } finally {
    for (const { kernel } of sides) closeKernel(kernel)
  }
}

test.each([8, 24, 100, 1000] as const)('many objects of %i bytes come and go', (size) => {
  const many = (kind: Step['kind'], count: number, place: Step['place'] = 1, cpu = 0): Step => {
    return { kind, size, count, cpu, place }
  }
  holds({}, [
    many('alloc', 400),
    many('freeRcu', 400),
    many('advance', 150),
    many('alloc', 300),
    many('free', 200),
    many('freeRcu', 100, 0),
    many('advance', 150),
    many('free', 200, 0, 1),
    SETTLE,
    many('alloc', 350),
    many('freeRcu', 100, 0.5, 1),
    many('free', 150, 0.5),
    SETTLE,
    many('freeRcu', 100, 0),
    many('freeRcu', 100, 0, 1),
  ])
})
