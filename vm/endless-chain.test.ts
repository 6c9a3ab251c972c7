/** A chain of a hash map that an unchecked program has bent into a ring: what searches it comes to an end all the same. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { CorruptionError } from '../errors/errors.ts'
import { Machine } from '../index.ts'
import { HEAD_BYTES } from '../maps/hash-table.ts'
import { link } from '../program/link.ts'

const KEY = 8

/** Programs on one map with a single chain, in which key 1 is; the context says which key they are about. */
const source = (flags: string): string => `
.license "GPL"
.map m type=hash key=${KEY} value=8 entries=1${flags}
.program bend type=syscall
    *(u64 *)(r10 - 8) = 1
    r2 = r10
    r2 += -8
    r1 = m ll
    call bpf_map_lookup_elem
    r0 += -${HEAD_BYTES + KEY}
    *(u32 *)(r0 + 0) = w0
    r0 = 0
    exit
${(['lookup', 'update', 'delete'] as const)
  .map(
    (name) => `.program ${name} type=syscall
    r2 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r2
    *(u64 *)(r10 - 16) = 5
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -16
    r4 = 0
    r1 = m ll
    call bpf_map_${name}_elem
    r0 = 0
    exit`,
  )
  .join('\n')}
`

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  describe.each(['', ' flags=no_prealloc', ' flags=no_prealloc elements=kmalloc'])('a hash map%s', (flags) => {
    test.each(['lookup', 'update', 'delete'])('%s', (name) => {
      const machine = new Machine({ engine })
      try {
        const spec = assemble(source(flags))
        const map = machine.createMap(spec.maps[0]!)
        const maps = new Map([['m', map]])
        map.set(1n, 7n)
        const run = machine.loadProgram(link(spec, name), maps)
        const ctx = (key: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(key).buffer)
        // Compiled before anything is wrong.
        run.run({ ctx: ctx(1n) })
        map.set(1n, 7n)
        machine.loadProgram(link(spec, 'bend'), maps, { unchecked: true }).run()
        expect(() => run.run({ ctx: ctx(2n) })).toThrow(CorruptionError)
        expect(() => map.get(2n)).toThrow(CorruptionError)
        expect(() => [...map.keys()]).toThrow(CorruptionError)
        expect(() => [...map.entries()]).toThrow(CorruptionError)
      } finally {
        machine.close()
      }
    })
  })
})
