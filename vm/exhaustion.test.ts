/** Programs that keep what they take, run to the limit (examples/exhaustion), and maps that do not fit. */
import { describe, expect, test } from 'vitest'
import { type ErrnoError, Machine, type MachineOptions, type MapAttributes, type MemoryReport } from '../index.ts'
import { assembleFile } from '../node.ts'

const SPEC = await assembleFile(`${import.meta.dirname}/../examples/exhaustion/exhaustion.bpf.s`)

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  const LIMIT = 2 ** 20
  const ENOMEM = -12

  function machineWith(options: MachineOptions, work: (machine: Machine, reports: MemoryReport[]) => void): void {
    const machine = new Machine({ engine, memoryLimit: LIMIT, ...options })
    const reports: MemoryReport[] = []
    machine.on('report', (report) => reports.push(report))
    try {
      work(machine, reports)
    } finally {
      machine.close()
    }
  }

  describe.each(['off', 'on'] as const)('at the limit, debug %s', (debug) => {
    test.each([
      ['keep', false, 'map slots', 'objects in kptr fields'],
      ['grow', false, 'map log', 'elements'],
      ['leak', true, 'program leak', 'objects'],
      ['leak_pool', true, 'alloc pool', 'objects'],
    ])('program %s (unchecked: %s) is told, and %s has most of it', (program, unchecked, owner, what) => {
      machineWith({ policies: { debug } }, (machine, reports) => {
        const object = machine.load(SPEC, { programs: [program, 'alive'], unchecked })
        const { retval } = object.program(program).run()
        const got = program === 'grow' ? Number(object.global('calls').get()) : retval
        if (program === 'grow') expect(retval | 0).toBe(ENOMEM)
        expect(got).toBeGreaterThan(500)

        expect(reports).toHaveLength(1)
        expect(reports[0]).toMatchObject({
          kind: 'out-of-memory',
          by: { program, what: `program ${program}` },
          limit: LIMIT,
          holders: expect.arrayContaining([expect.objectContaining({ owner, what })]),
        })
        const [most] = machine.statistics().holders
        expect(most).toMatchObject({ owner, what, objects: got })

        // The machine lives: another program runs, and what is given back is there again.
        expect(object.program('alive').run().retval).toBe(program === 'grow' ? got : 0)
        expect(object.program(program).run().retval | 0).toBe(program === 'grow' ? -17 : 0)
      })
    })

    test('what is deleted can be taken again', () => {
      machineWith({ policies: { debug } }, (machine) => {
        const object = machine.load(SPEC, { programs: ['grow'] })
        object.program('grow').run()
        const log = object.map('log')
        expect(() => log.set(999_999, new Uint8Array(120))).toThrow('ENOMEM')
        const keys = [...log.entries()].map(([key]) => key)
        for (const key of keys) log.delete(key)
        machine.settle()
        expect(object.program('grow').run().retval | 0).toBe(ENOMEM)
        expect([...log.entries()].length).toBeGreaterThan(0.9 * keys.length)
      })
    })
  })

  test('a limit that programs stay under is no report', () => {
    machineWith({ memoryLimit: 16 * LIMIT }, (machine, reports) => {
      machine
        .load(SPEC, { programs: ['alive'] })
        .program('alive')
        .run()
      expect(reports).toEqual([])
    })
  })

  describe('a map that does not fit', () => {
    const map = (attributes: Partial<MapAttributes>): MapAttributes => {
      return {
        name: 'm',
        type: 'hash',
        keySize: 4,
        valueSize: 64,
        maxEntries: 100_000,
        flags: 0,
        extra: 0n,
        ...attributes,
      }
    }
    test.each([
      ['hash', map({})],
      ['hash on demand', map({ flags: 1 })],
      ['array', map({ type: 'array' })],
      ['per-CPU hash', map({ type: 'percpu_hash', maxEntries: 20_000 })],
      ['per-CPU hash of large values', map({ type: 'percpu_hash', maxEntries: 300, valueSize: 4096 })],
      ['per-CPU array', map({ type: 'percpu_array' })],
      ['LRU hash', map({ type: 'lru_hash' })],
      ['per-CPU LRU hash', map({ type: 'lru_percpu_hash' })],
      ['arena', map({ type: 'arena', keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0x400 })],
    ])('%s is ENOMEM, with nothing allocated', (_what, attributes) => {
      machineWith({ cpus: 2 }, (machine) => {
        // Some memory is in use, by owners of several kinds.
        machine.createMap(map({ name: 'first', maxEntries: 16 }))
        machine.createMap(map({ name: 'second', maxEntries: 16, flags: 1 }))
        const before = machine.statistics()
        let errno: string | undefined
        try {
          machine.createMap(attributes)
        } catch (error) {
          errno = (error as ErrnoError).errno
        }
        const { pages, slabs, caches } = machine.statistics()
        expect(errno).toBe('ENOMEM')
        expect(pages).toEqual(before.pages)
        expect([slabs, caches]).toEqual([before.slabs, before.caches])
      })
    })

    test('every limit from none to enough: made, or nothing allocated', () => {
      for (const attributes of [
        map({ maxEntries: 64 }),
        map({ maxEntries: 64, flags: 1 }),
        map({ type: 'percpu_hash', maxEntries: 64 }),
      ]) {
        let refused = 0
        for (let limit = 1; limit < 64; limit++) {
          machineWith({ cpus: 2, memoryLimit: limit * 4096 }, (machine) => {
            const before = machine.statistics().pages.used
            try {
              machine.createMap(attributes)
            } catch (error) {
              expect((error as ErrnoError).errno).toBe('ENOMEM')
              refused++
              machine.settle()
              expect([limit, machine.statistics().pages.used]).toEqual([limit, before])
            }
          })
        }
        expect(refused).toBeGreaterThan(0)
      }
    })
  })
})
