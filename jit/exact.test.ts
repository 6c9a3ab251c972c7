/** Accesses that leave the fast path are counted, each once. */
import { afterAll, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { verify } from '../verifier/verify.ts'
import { MachineCore } from '../vm/machine.ts'
import { makeJit } from './engine.ts'

const told: number[] = []
const machine = new MachineCore(
  { engine: 'jit' },
  { verify, engines: [makeJit({ onExact: (accesses) => told.push(accesses) })] },
)
afterAll(() => machine.close())

/** Three pages are allocated, and r6 is the middle one. */
const program = (work: string): string => `
.map arena type=arena entries=64 flags=mmapable extra=0x100000010000
.license "GPL"
.program main type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 3
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r6 = addr_space_cast(r0, 0, 1)
    r6 += 4096
    r0 = 7
${work}
    exit
`

test.each<readonly [string, string, number]>([
  ['nothing', '', 0],
  ['an aligned load and a store among present pages', 'r1 = *(u64 *)(r6 + 0)\n*(u64 *)(r6 + 8) = r1', 0],
  ['a load that is not aligned', 'r1 = *(u64 *)(r6 + 4)', 1],
  [
    'stores within the last page, whose neighbour is absent',
    'r6 += 4096\n*(u8 *)(r6 + 0) = 1\n*(u64 *)(r6 + 4088) = r0',
    0,
  ],
  ['stores that leave it', 'r6 += 4096\n*(u64 *)(r6 + 4089) = r0\n*(u8 *)(r6 + 4096) = 1\n*(u8 *)(r6 - 1) = 1', 3],
  ['stores to an absent page', 'r6 += 8192\n*(u8 *)(r6 + 0) = 1\n*(u64 *)(r6 + 8) = r0', 2],
  ['an atomic in the last page', 'r6 += 4096\nlock *(u64 *)(r6 + 8) += r0', 0],
  ['one that is not aligned', 'lock *(u64 *)(r6 + 1) += r0', 1],
])('%s', (_, work, exact) => {
  told.length = 0
  const main = machine.load(assemble(program(work))).program('main')
  main.run()
  main.run()
  expect(told).toEqual([exact, exact])
})
