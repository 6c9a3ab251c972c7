/** Where a map says that its elements come from: `elements=` and `alloc=`. */
import { describe, expect, test } from 'vitest'
import { assemble, Machine } from '../index.ts'
import { SUPPLIES } from '../maps/supplies.ts'

function load(map: string): Machine {
  const machine = new Machine()
  machine.load(assemble(`.alloc pool size=512\n.map m ${map}\n.program p type=syscall\n r0 = 0\n exit\n`))
  return machine
}

describe('elements=', () => {
  test.each(Object.keys(SUPPLIES))('%s', (name) => {
    const machine = new Machine()
    const source = `.map m type=hash entries=8 elements=${name}\n.program p type=syscall\n r0 = 0\n exit\n`
    const map = machine.load(assemble(source)).map('m')
    // That design has something for the next one only.
    if (name === 'irq-work') expect(() => map.set(1, 7)).toThrow('ENOMEM')
    map.set(1, 7)
    expect(map.get(1)).toBe(7n)
    expect(map.delete(1)).toBe(true)
    machine.close()
  })

  test.each([
    ['type=hash elements=idaa', 'map m: there are no elements idaa; did you mean ida?'],
    ['type=array elements=ida', 'map m: map type array takes no elements'],
    ['type=hash flags=no_prealloc elements=ida alloc=pool', 'map m: alloc and elements exclude each other'],
    ['type=hash alloc=pool', 'map m: alloc pool serves maps with the flag no_prealloc'],
    ['type=hash value=500 flags=no_prealloc alloc=pool', 'map m: alloc pool gives objects of 512 bytes'],
  ])('%s is refused', (map, message) => {
    expect(() => load(map)).toThrow(message)
  })

  test('the same names as those of the policy are good for a machine as well', () => {
    for (const elements of Object.keys(SUPPLIES)) {
      new Machine({ policies: { elements: elements as keyof typeof SUPPLIES } }).close()
    }
  })
})
