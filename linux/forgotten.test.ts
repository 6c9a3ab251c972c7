/** What becomes of machines that nobody closes: the collector's business, so it is asked to come. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import type { LinuxGlobal } from './global.ts'
import { LinuxMachine } from './machine.ts'
import type { LinuxMapping } from './mapping.ts'
import { skipWithoutKernel } from './testing.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Lets the collector run `least` times, and on until nothing more than `count` is mapped, within bounds. */
async function collectDownTo(count: number, least = 0): Promise<void> {
  for (let round = 0; round < least || (round < 100 && mappings() > count); round++) {
    collect()
    await setTimeout(1)
  }
}

const BASE = 0x500000010000n
const baseOf = (index: number): bigint => BASE + BigInt(index) * 0x100000n

const source = (index: number): string => `
    .map arena type=arena entries=16 flags=mmapable extra=${baseOf(index)}
    .global g: u64 = ${index}
    .program main type=syscall
        r1 = arena ll
        r1 = g ll
        r0 = *(u64 *)(r1 + 0)
        exit
`

const descriptors = (): number => readdirSync('/proc/self/fd').length
const mappings = (): number => [...readFileSync('/proc/self/maps', 'utf8').matchAll(/bpf-map/gu)].length

/** Makes machines, and lets go of them but for three handles. */
function makeMachines(count: number): { view: Uint8Array; global: LinuxGlobal; mapping: LinuxMapping } {
  const objects = Array.from({ length: count }, (_, index) => new LinuxMachine().load(assemble(source(index))))
  const arenas = objects.map((object) => object.map('arena').mmap())
  // Views by the dozen, so that some are collected with their memory in use.
  const views = arenas.flatMap((arena, index) =>
    Array.from({ length: 12 }, (_, at) => arena.view(baseOf(index) + BigInt(at), 8)),
  )
  const view = views[12]!
  view[0] = 7
  return { view, global: objects[2]!.global('g'), mapping: arenas[3]! }
}

test('descriptors and mappings go, but for those that a view or a handle needs', async (ctx) => {
  skipWithoutKernel(ctx)
  // Descriptors that the process keeps for good.
  const first = new LinuxMachine()
  first
    .load(assemble(source(0)))
    .map('arena')
    .mmap()
    .u8(baseOf(0))
  first.close()
  // What other tests of this process forgot is not to go in between.
  await collectDownTo(0, 5)
  const before = { descriptors: descriptors(), mappings: mappings() }
  let kept: ReturnType<typeof makeMachines> | undefined = makeMachines(20)
  expect(mappings()).toBe(before.mappings + 40)
  await collectDownTo(before.mappings + 5)
  // The view's memory, and arena and data of the other two.
  expect(mappings()).toBe(before.mappings + 5)
  expect(descriptors()).toBe(before.descriptors + 6)
  kept.mapping.setU8(baseOf(3), 9)
  expect([kept.view[0], kept.global.get(), kept.mapping.u8(baseOf(3))]).toEqual([7, 2n, 9])
  kept = undefined
  await collectDownTo(before.mappings)
  expect({ descriptors: descriptors(), mappings: mappings() }).toEqual(before)
})
