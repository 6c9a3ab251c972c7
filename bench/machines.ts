/** What machines cost: making one, the memory of many one after the other, the memory of a large arena. */
import { MAP_FLAGS, Machine } from '../index.ts'
import { type Measurement, median, resident, sample, time } from './measure.ts'

const MIB = 2 ** 20
const PAGE = 4096
const MACHINES = 3000
const TOUCHED_PAGES = (8 * MIB) / PAGE

function arenaOf(machine: Machine, pages: number): ReturnType<Machine['createMap']> {
  return machine.createMap({
    name: 'arena',
    type: 'arena',
    keySize: 0,
    valueSize: 0,
    maxEntries: pages,
    flags: MAP_FLAGS.mmapable,
    extra: 0n,
  })
}

/** A machine is made and closed a hundred times; what making one takes. */
function creation(): Measurement {
  const values = sample(() => {
    let ms = 0
    for (let n = 0; n < 100; n++) {
      let machine: Machine | undefined
      ms += time(() => {
        machine = new Machine()
      })
      machine?.close()
    }
    return ms / 100
  })
  return figure('making a machine', 'ms', values, '< 1')
}

/** Resident memory after many machines, each of which touched 8 MiB of an arena. */
function manyMachines(): Measurement {
  for (let n = 0; n < MACHINES; n++) {
    const machine = new Machine()
    const mapping = arenaOf(machine, TOUCHED_PAGES).mmap()
    for (let page = 0; page < TOUCHED_PAGES; page++) mapping.setU64(mapping.start + BigInt(page * PAGE), 1n)
    machine.close()
  }
  return figure(`resident after ${MACHINES} machines`, 'MiB', [resident() / MIB], '< 300')
}

/** What a machine with a 4 GiB arena adds to resident memory. */
function largeArena(): Measurement {
  const values = sample(() => {
    const before = resident()
    const machine = new Machine()
    arenaOf(machine, 2 ** 20).mmap()
    const added = (resident() - before) / MIB
    machine.close()
    return added
  })
  return figure('a 4 GiB arena adds', 'MiB', values, '< 20')
}

function figure(name: string, unit: string, values: readonly number[], target: string): Measurement {
  return { name, unit, median: median(values), best: values[0]!, worst: values.at(-1)!, target }
}

export function machineCosts(): Measurement[] {
  return [largeArena(), creation(), manyMachines()]
}
