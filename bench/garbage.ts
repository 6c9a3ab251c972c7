/** What objects of programs leave to JavaScript's collector. */
import { getHeapStatistics } from 'node:v8'
import { assemble, Machine } from '../index.ts'
import { median } from './measure.ts'
import { OBJECTS } from './workloads/maps.ts'

const RUNS = 20
/** Runs before those: code that is not optimised yet allocates what optimised code does not. */
const WARM_UPS = 100

/** Bytes of heap that a pair of bpf_obj_new and bpf_obj_drop leaves behind: what many leave more than a single one. */
export function garbageOfObjects(rounds: number = OBJECTS.rounds): number {
  return Math.max(0, garbageOfRun(rounds) - garbageOfRun(1)) / (rounds - 1)
}

/** Bytes of heap that a run with so many pairs leaves behind. */
function garbageOfRun(rounds: number): number {
  const machine = new Machine({ engine: 'jit' })
  const object = machine.load(assemble(OBJECTS.source))
  object.global('n').set(rounds)
  const data = new Uint8Array(64)
  const run = (): number => {
    const before = getHeapStatistics().used_heap_size
    object.program('run').run({ data })
    const grown = getHeapStatistics().used_heap_size - before
    machine.settle()
    return grown
  }
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) run()
  const growth = Array.from({ length: RUNS }, run)
  machine.close()
  // A collection in between makes a run look as if it gave memory back: those do not count.
  const grown = growth.filter((bytes) => bytes >= 0).sort((a, b) => a - b)
  if (grown.length === 0) throw new Error('every run of objects was collected')
  return median(grown)
}
