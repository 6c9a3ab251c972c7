/** Look-ups in arrays with the jump behind them, which are compiled as one. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { Machine } from '../index.ts'

const ENTRIES = 4

const source = (behind: string): string => `
.license "GPL"
.map counts type=array key=u32 value=u64 entries=${ENTRIES}
.program main type=syscall
    r8 = *(u64 *)(r1 + 0)
    r9 = 5
    *(u32 *)(r10 - 4) = w8
    r2 = r10
    r2 += -4
    r1 = counts ll
    call bpf_map_lookup_elem
${behind}
`

/** What each key gives, and what the map holds then. */
function runs(engine: 'interpreter' | 'jit', text: string): unknown {
  const machine = new Machine({ engine })
  try {
    const object = machine.load(assemble(text))
    const results = [0, 1, ENTRIES - 1, ENTRIES, ENTRIES + 1, 0x7fffffff, 0x80000000, 0xffffffff].map(
      (key) => object.program('main').run({ ctx: new Uint8Array(BigUint64Array.of(BigInt(key)).buffer) }).r0,
    )
    return [results, [...object.map('counts').entries()]]
  } finally {
    machine.close()
  }
}

const COUNT = 'r1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1'

/** `zeros`: how many look-ups write 0 for a value that is not there. */
describe.each<[what: string, behind: string, zeros: number]>([
  ['if r0 == 0, and 0 is not used', `if r0 == 0 goto none\n${COUNT}\nr0 = 7\nexit\nnone: r0 = r9\nexit`, 0],
  ['if r0 != 0, and 0 is not used', `if r0 != 0 goto there\nr0 = r9\nexit\nthere: ${COUNT}\nr0 = 7\nexit`, 0],
  ['if r0 == 0, and it is what the program gives', `if r0 == 0 goto none\n${COUNT}\nr0 = 7\nnone: exit`, 1],
  ['if r0 != 0, and it is what the program gives', `if r0 != 0 goto there\nexit\nthere: ${COUNT}\nr0 = 7\nexit`, 1],
  [
    'if r0 == 0, and 0 is used after a while',
    `if r0 == 0 goto none\n${COUNT}\nr0 = 7\nexit\nnone: if r8 == 9 goto other\nr9 = r0\nr0 = r9\nexit\nother: r0 = 3\nexit`,
    1,
  ],
  ['a jump by a copy', `r7 = r0\nif r7 == 0 goto none\nr0 = r7\n${COUNT}\nr0 = 7\nexit\nnone: r0 = r9\nexit`, 1],
  [
    'two of them, one in a loop whose start is the jump of the other',
    `r6 = 3
again:
if r0 == 0 goto none
${COUNT}
r2 = r10
r2 += -4
r1 = counts ll
call bpf_map_lookup_elem
if r0 == 0 goto none
${COUNT}
r6 += -1
if r6 != 0 goto again
none: r0 = r6
exit`,
    1,
  ],
])('%s', (_, behind, zeros) => {
  test('gives the same on both engines', () => {
    expect(runs('jit', source(behind))).toEqual(runs('interpreter', source(behind)))
  })

  test(zeros === 0 ? 'is one' : 'stays two', () => {
    const machine = new Machine({ engine: 'jit' })
    const text = machine
      .load(assemble(source(behind)))
      .program('main')
      .translation()!.text
    machine.close()
    expect(text).toContain('i32.lt_u\n')
    expect([...text.matchAll(/i32\.lt_u\n\s+select/gu)].length).toBe(zeros)
  })
})
