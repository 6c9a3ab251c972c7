import { expect, test } from 'vitest'
import { assemble, type EngineName, Machine } from '../../index.ts'

const SOURCE = `
.map drawn type=array key=4 value=8 entries=8
.license "GPL"
.program draw type=socket
    r6 = 0
again:
    call bpf_get_prandom_u32
    *(u32 *)(r10 - 4) = r6
    r7 = r0
    r1 = drawn ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto end
    *(u64 *)(r0 + 0) = r7
    r6 += 1
    if r6 != 8 goto again
end:
    r0 = r7
    exit
`

/** Numbers drawn on these CPUs in turn. */
function drawn(engine: EngineName, cpus: readonly number[], unchecked: readonly number[] = []): bigint[] {
  const machine = new Machine({ engine, cpus: 4, seed: 7 })
  try {
    const object = machine.load(assemble(SOURCE))
    const other = machine.load(assemble(SOURCE), { unchecked: true })
    const data = new Uint8Array(64)
    return cpus.flatMap((cpu, turn) => {
      const from = unchecked.includes(turn) ? other : object
      from.program('draw').run({ cpu, data })
      return [...from.map('drawn').entries()].map(([, value]) => value as bigint)
    })
  } finally {
    machine.close()
  }
}

test('compiled code draws the numbers that the interpreter draws, on every CPU', () => {
  const cpus = [0, 1, 0, 3, 3, 2, 0]
  const interpreted = drawn('interpreter', cpus)
  expect(new Set(interpreted).size).toBe(cpus.length * 8)
  expect(drawn('jit', cpus)).toEqual(interpreted)
})

test('the helper and compiled code share one stream', () => {
  // Unchecked programs call the helper.
  const cpus = [0, 0, 0, 1, 1]
  expect(drawn('jit', cpus, [1, 3])).toEqual(drawn('interpreter', cpus))
})
