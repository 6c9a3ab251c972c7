import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Simulation, simulate } from './fixture.ts'
import { freelistBytes, PcpuFreelist } from './freelist.ts'
import { PageOwner } from './pages.ts'

const RUNS = process.env.HARENA_LONG ? 2000 : 200
const STRIDE = 64

function withList(
  cpus: number,
  count: number,
  work: (list: PcpuFreelist, first: number, simulation: Simulation) => void,
): void {
  simulate({ cpus }, (simulation) => {
    const { pages, steps, locks } = simulation.kernel
    const list = new PcpuFreelist(steps, locks, pages.allocBytes(freelistBytes(cpus), PageOwner.MAP))
    const first = pages.allocBytes(count * STRIDE, PageOwner.MAP)
    list.populate(first, STRIDE, count)
    work(list, first, simulation)
  })
}

describe('populate', () => {
  test.each([
    [2, 10, [5, 5]],
    [2, 9, [5, 4]],
    [4, 6, [2, 2, 1, 1]],
    [4, 3, [1, 1, 1, 0]],
    [1, 5, [5]],
  ])('%i CPUs, %i elements: %j', (cpus, count, shares) => {
    withList(cpus, count, (list) => expect(shares.map((_, cpu) => list.length(cpu))).toEqual(shares))
  })
})

test('the address sequence of a preallocated hash of 8 on two CPUs, measured on Linux', () => {
  withList(2, 10, (list, first, { processors }) => {
    const offsets = processors.run(0, 'task', 'create', () => Array.from({ length: 10 }, () => list.pop() - first))
    expect(offsets).toEqual([256, 192, 128, 64, 0, 576, 512, 448, 384, 320])
    expect(list.pop()).toBe(0)
  })
})

test('against a model: own list first, then the next CPU upwards; pushes stay where they are made', () => {
  const operations = fc.array(fc.record({ cpu: fc.nat(), push: fc.boolean(), pick: fc.nat() }), { maxLength: 120 })
  fc.assert(
    fc.property(operations, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 }), (all, cpus, count) => {
      withList(cpus, count, (list, first, { processors }) => {
        const model: number[][] = Array.from({ length: cpus }, () => [])
        for (let index = 0, cpu = 0, left = 0; index < count; index++, left--) {
          while (left === 0) {
            left = Math.floor(count / cpus) + (cpu < count % cpus ? 1 : 0)
            cpu++
          }
          model[cpu - 1]!.push(first + index * STRIDE)
        }
        const out: number[] = []
        for (const { cpu, push, pick } of all) {
          const id = cpu % cpus
          processors.run(id, 'task', 'test', () => {
            if (push && out.length > 0) {
              const [element] = out.splice(pick % out.length, 1)
              list.push(element!)
              model[id]!.push(element!)
              return
            }
            const from = Array.from({ length: cpus }, (_, turn) => model[(id + turn) % cpus]!).find(
              ({ length }) => length > 0,
            )
            const expected = from?.pop() ?? 0
            expect(list.pop()).toBe(expected)
            if (expected !== 0) out.push(expected)
          })
        }
      })
    }),
    { numRuns: RUNS },
  )
})

describe('an NMI before every step', () => {
  test.each(['pop', 'push', 'pop pop', 'pop push', 'push pop', 'push push'])('%s: nothing is lost', (pattern) => {
    let busy = 0
    let steps = 1
    for (let step = 1; step <= steps; step++) {
      withList(2, 5, (list, _, { processors, injector }) => {
        const out = [list.pop(), list.pop()]
        const take = (): void => {
          const element = list.pop()
          if (element === 0) busy++
          else out.push(element)
        }
        const act = (action: string): void => (action === 'pop' ? take() : list.push(out.pop()!))
        injector.start()
        injector.at(step, () => processors.run(0, 'nmi', 'nmi', () => pattern.split(' ').forEach(act)))
        take()
        take()
        take()
        list.push(out.shift()!)
        list.push(out.shift()!)
        steps = Math.max(step, injector.step)
        injector.start()
        for (let element = list.pop(); element !== 0; element = list.pop()) out.push(element)
        expect(new Set(out).size).toBe(5)
        expect(out.length).toBe(5)
      })
    }
    expect(steps).toBeGreaterThan(20)
    // "None" in an NMI proves nothing: elements were there.
    if (pattern === 'pop pop') expect(busy).toBeGreaterThan(0)
  })
})
