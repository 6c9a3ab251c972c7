/** What objects of programs leave to JavaScript's collector. */
import { getHeapStatistics } from 'node:v8'
import { assemble, Machine } from '../index.ts'
import { median } from './measure.ts'
import { OBJECTS } from './workloads/maps.ts'

const RUNS = 20

/** Bytes of heap that a pair of bpf_obj_new and bpf_obj_drop leaves behind, what the runs themselves need included. */
export function garbageOfObjects(rounds: number = OBJECTS.rounds): number {
  const machine = new Machine({ engine: 'jit' })
  const object = machine.load(assemble(OBJECTS.source))
  object.global('n').set(rounds)
  const data = new Uint8Array(64)
  const run = (): void => void object.program('run').run({ data })
  for (let warmUp = 0; warmUp < 5; warmUp++) run()
  const growth = Array.from({ length: RUNS }, () => {
    const before = getHeapStatistics().used_heap_size
    run()
    return getHeapStatistics().used_heap_size - before
  })
  machine.close()
  // A collection in between makes a run look as if it gave memory back: those do not count.
  const grown = growth.filter((bytes) => bytes >= 0).sort((a, b) => a - b)
  if (grown.length === 0) throw new Error('every run of objects was collected')
  return median(grown) / rounds
}
