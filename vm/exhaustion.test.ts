/** Programs that keep what they take, run to the limit (examples/exhaustion), and maps that do not fit. */
import { describe, expect, test } from 'vitest'
import {
  assemble,
  type ErrnoError,
  Machine,
  type MachineOptions,
  type MapAttributes,
  type MemoryReport,
  type ObjectSpec,
  type OutOfMemoryReport,
} from '../index.ts'
import { SUPPLIES } from '../maps/supplies.ts'
import { assembleFile } from '../node.ts'

const SPEC = await assembleFile(`${import.meta.dirname}/../examples/exhaustion/exhaustion.bpf.s`)

/** Programs that add one more key to a map, each time that they are run: to `log`, and to `rest`. */
function growing(log: { type: string; elements: string; entries: number }): ObjectSpec {
  const program = (map: string): string => `
.program grow_${map} type=kprobe
${Array.from({ length: 50 }, (_, i) => `    *(u64 *)(r10 - ${8 * (i + 2)}) = 0`).join('\n')}
    r6 = ${map}_keys ll
    r7 = *(u64 *)(r6 + 0)
    *(u64 *)(r10 - 8) = r7
    r1 = ${map} ll
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -408
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto ${map}_refused
    r7 += 1
    *(u64 *)(r6 + 0) = r7
${map}_refused:
    exit
`
  return assemble(`
.map other type=array key=4 value=8 entries=5000
.map log type=${log.type} key=8 value=400 entries=${log.entries} elements=${log.elements}
.map rest type=hash key=8 value=400 entries=2500 flags=no_prealloc
.global log_keys: u64
.global rest_keys: u64
.license "GPL"
${program('log')}${program('rest')}`)
}

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  const LIMIT = 2 ** 20
  const ENOMEM = -12
  const E2BIG = -7

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

  describe.each(Object.entries(SUPPLIES))('elements=%s', (elements, { fixed }) => {
    test.each(['off', 'on'] as const)('the report names the map that has most, debug %s', (debug) => {
      machineWith({ policies: { debug } }, (machine, reports) => {
        const object = machine.load(growing({ type: 'hash', elements, entries: fixed ? 1500 : 2500 }))
        // Of irq-work every other update comes too early.
        const full = object.program('grow_log').run({ repeat: 6000 }).retval | 0
        expect(full).toBe(fixed ? E2BIG : ENOMEM)
        // A map whose elements exist from the start takes none when it is full: another one grows beside it.
        if (fixed) expect(object.program('grow_rest').run({ repeat: 3000 }).retval | 0).toBe(ENOMEM)
        const keys = [...object.map('log').keys()].length
        expect(keys).toBeGreaterThanOrEqual(1500)

        const expected = fixed
          ? { owner: 'map log', what: 'pages when it was made' }
          : { owner: 'map log', what: 'elements', objects: keys }
        expect(reports).toHaveLength(1)
        const [most] = (reports[0] as OutOfMemoryReport).holders
        const [now] = machine.statistics().holders
        expect(most).toMatchObject({ owner: expected.owner, what: expected.what })
        expect(now).toMatchObject(expected)
        expect(most!.bytes).toBeGreaterThan(0.6 * LIMIT)
        expect(most!.bytes).toBeLessThanOrEqual(LIMIT)
      })
    })

    test('what is deleted is held until the grace period is over, and then no more', () => {
      for (const type of ['hash', 'percpu_hash'] as const) {
        machineWith({ cpus: 2, memoryLimit: 4 * LIMIT }, (machine) => {
          const { log, elementsHeld } = grown(machine, type)
          const keys = [...log.keys()]
          expect(keys.length).toBeGreaterThan(20)
          const held = elementsHeld()
          expect(held.objects).toBe(fixed ? 0 : keys.length)
          if (fixed) return
          expect(held.bytes).toBeGreaterThanOrEqual(keys.length * (type === 'hash' ? 456 : 2 * 400))
          for (const key of keys.slice(0, 10)) log.delete(key)
          machine.settle()
          expect(elementsHeld().objects).toBe(keys.length - 10)
        })
      }
    })

    function grown(machine: Machine, type: 'hash' | 'percpu_hash') {
      const object = machine.load(growing({ type, elements, entries: 100 }))
      object.program('grow_log').run({ repeat: 60 })
      machine.settle()
      const elementsHeld = (): { objects: number; bytes: number } => {
        const found = machine
          .statistics()
          .holders.filter(({ owner, what }) => owner.startsWith('map log') && what === 'elements')
        const bytes = found.reduce((sum, holder) => sum + holder.bytes, 0)
        return { objects: found.find(({ owner }) => owner === 'map log')?.objects ?? 0, bytes }
      }
      return { log: object.map('log'), elementsHeld }
    }
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
