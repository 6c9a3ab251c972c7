import { expect, test } from 'vitest'
import { assemble } from './assemble.ts'

const SOURCE = `.map m type=hash key=4 value=8 entries=4 flags=no_prealloc alloc=items
.set COUNT, 8
.alloc items size=COUNT*2
.alloc any
.alloc counters size=8 percpu
.program p type=kprobe
  r1 = items ll
  r6 = any ll
  exit
`

test('allocators, whichever order they are declared in', () => {
  const { allocs, maps } = assemble(SOURCE)
  expect(allocs?.map(({ name, size, percpu }) => [name, size, percpu])).toEqual([
    ['items', 16, false],
    ['any', undefined, false],
    ['counters', 8, true],
  ])
  expect(allocs?.map(({ position }) => position?.line)).toEqual([3, 4, 5])
  expect(maps[0]!.alloc).toBe('items')
})

test('a pointer is a number of 64 bits that the machine fills in', () => {
  const [program] = assemble(SOURCE).programs
  expect(program!.references).toEqual([
    { slot: 0, kind: 'alloc', name: 'items' },
    { slot: 2, kind: 'alloc', name: 'any' },
  ])
  expect(program!.insns.slice(0, 4).map(({ row, dst }) => [row.name, dst])).toEqual([
    ['ld_imm64', 1],
    ['ld_imm64_hi', 0],
    ['ld_imm64', 6],
    ['ld_imm64_hi', 0],
  ])
})

test('the largest: a per-CPU object has no word of the allocator in front', () => {
  const { allocs } = assemble('.alloc a size=4088\n.alloc b size=4096 percpu\n.program p type=kprobe\n  exit\n')
  expect(allocs?.map(({ size }) => size)).toEqual([4088, 4096])
})

test('without any the object has no list of them', () => {
  expect(assemble('.program p type=xdp\n  exit\n')).not.toHaveProperty('allocs')
})

test.each([
  ['r1 = items + 8', 'is an address of 64 bits, no number'],
  ['r1 = items', 'is an address of 64 bits, no number'],
  ['r1 = items + 8 ll', "only addresses of data take an addition, 'items' is none"],
  ['call items', "unknown function 'items'"],
])('%s', (line, text) => {
  expect(() => assemble(`${SOURCE}  ${line}\n  exit\n`)).toThrow(text)
})
