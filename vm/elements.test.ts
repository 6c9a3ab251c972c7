/** Where a map says that its elements come from: `elements=` and `alloc=`. */
import { describe, expect, test } from 'vitest'
import { assemble, Machine, type MachinePolicies } from '../index.ts'
import { SUPPLIES } from '../maps/supplies.ts'
import type { MapSpec } from '../program/object.ts'
import { ELEMENT_SUPPLIES } from '../program/types.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function load(map: string): Machine {
    const machine = new Machine({ engine })
    machine.load(assemble(`.alloc pool size=512\n.map m ${map}\n.program p type=syscall\n r0 = 0\n exit\n`))
    return machine
  }

  describe('elements=', () => {
    test.each(Object.keys(SUPPLIES))('%s', (name) => {
      const machine = new Machine({ engine })
      const source = `.map m type=hash entries=8 elements=${name}\n.program p type=syscall\n r0 = 0\n exit\n`
      const map = machine.load(assemble(source)).map('m')
      // That design has something for the next one only.
      if (name === 'irq-work') expect(() => map.set(1, 7)).toThrow('ENOMEM')
      map.set(1, 7)
      expect(map.get(1)).toBe(7n)
      expect(map.delete(1)).toBe(true)
      machine.close()
    })

    // The assembler points at these in the source; a description of an object may come from elsewhere.
    test.each<[string, Partial<MapSpec>, string]>([
      ['type=hash', { elements: 'idaa' }, 'map m: there are no elements idaa; did you mean ida?'],
      ['type=hash', { elements: 'xyzzy' }, 'map m: there are no elements xyzzy; there are prealloc, bpf_mem_alloc, '],
      ['type=array', { elements: 'ida' }, 'map m: map type array takes no elements'],
      ['type=array', { alloc: 'pool' }, 'map m: map type array takes no alloc'],
      ['type=hash flags=no_prealloc alloc=pool', { elements: 'ida' }, 'map m: alloc and elements exclude each other'],
    ])('a map %s with %j is refused', (map, wrong, message) => {
      const machine = new Machine({ engine })
      const spec = assemble(`.alloc pool size=512\n.map m ${map}\n.program p type=syscall\n r0 = 0\n exit\n`)
      const maps = spec.maps.map((each) => ({ ...each, ...wrong }))
      expect(() => machine.load({ ...spec, maps })).toThrow(message)
      machine.close()
    })

    test('the assembler knows the names, and no others', () => {
      expect(Object.keys(SUPPLIES).sort()).toEqual([...ELEMENT_SUPPLIES].sort())
    })

    test.each([
      ['type=hash alloc=pool', 'map m: alloc pool serves maps with the flag no_prealloc'],
      ['type=hash value=500 flags=no_prealloc alloc=pool', 'map m: alloc pool gives objects of 512 bytes'],
    ])('%s is refused', (map, message) => {
      expect(() => load(map)).toThrow(message)
    })

    test('the same names as those of the policy are good for a machine as well', () => {
      for (const elements of Object.keys(SUPPLIES)) {
        new Machine({ engine, policies: { elements: elements as keyof typeof SUPPLIES } }).close()
      }
    })
  })

  describe('policy lruElements', () => {
    const source = '.map m type=lru_hash entries=64 value=1000\n.program p type=syscall\n r0 = 0\n exit\n'

    /** Keys that a full map has, and pages that it takes empty and full. */
    function fill(policies: MachinePolicies): { keys: number; empty: number; full: number } {
      const machine = new Machine({ engine, cpus: 2, policies })
      const used = (): number => machine.statistics().pages.used
      const before = used()
      const map = machine.load(assemble(source)).map('m')
      const empty = used() - before
      for (let key = 0; key < 200; key++) map.set(key, new Uint8Array(1000))
      const result = { keys: [...map.keys()].length, empty, full: used() - before }
      machine.close()
      return result
    }

    test('elements on demand take no memory before they are there, and the same keys stay', () => {
      const [prealloc, onDemand] = [fill({}), fill({ lruElements: 'bpf_mem_alloc' })]
      expect(prealloc.keys).toBeGreaterThan(32)
      expect(onDemand.keys).toBe(prealloc.keys)
      expect(fill({ lruElements: 'prealloc' })).toEqual(prealloc)
      expect(onDemand.empty).toBeLessThan(prealloc.empty)
      expect(onDemand.full).toBeGreaterThan(onDemand.empty + 10)
    })

    test('there are no others', () => {
      expect(() => new Machine({ engine, policies: { lruElements: 'ida' as 'prealloc' } })).toThrow(
        'policy lruElements is prealloc or bpf_mem_alloc, not ida',
      )
    })
  })
})
