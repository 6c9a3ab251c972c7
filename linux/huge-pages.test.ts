/** Huge pages for arenas: that they are there, what they cost, and that other machines do not get them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ArenaMapping, HarenaError, MAP_FLAGS, Machine, type MachineOptions } from '../index.ts'
import type { Memory } from '../memory/memory.ts'
import { giveBack, pooledMemories, takeMemory } from '../memory/pool.ts'
import { hugePages, whyNoHugePages } from './huge-pages.ts'
import { libc } from './libc.ts'

const KIB = 1024
const HUGE = 2 * KIB * KIB

/** An arena of 16 MiB on a machine that is closed afterwards. */
function withArena<T>(options: MachineOptions, work: (arena: ArenaMapping) => T): T {
  const machine = new Machine(options)
  try {
    const shape = { name: 'arena', type: 'arena', keySize: 0, valueSize: 0, maxEntries: 4096 } as const
    return work(machine.createMap({ ...shape, flags: MAP_FLAGS.mmapable, extra: 0n }).mmap())
  } finally {
    machine.close()
  }
}

/** Kibibytes of huge pages in the mapping of this process in which the view lies. */
function hugeKilobytes(view: Uint8Array): number {
  const at = libc().address(view)
  for (const block of readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu)) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) /u.exec(block) ?? []
    if (from === undefined || at < BigInt(`0x${from}`) || at >= BigInt(`0x${to}`)) continue
    return Number(/^AnonHugePages:\s*(\d+) kB$/mu.exec(block)?.[1])
  }
  throw new Error('the view lies in no mapping')
}

/** Touches one byte in every 2 MiB. */
function touch(arena: ArenaMapping): Uint8Array {
  const bytes = 8 * HUGE
  for (let at = 0; at < bytes; at += HUGE) arena.setU64(arena.start + BigInt(at), 1n)
  return arena.view(arena.start, bytes)
}

test('an arena of a machine with the option has them, others do not', (ctx) => {
  const why = whyNoHugePages()
  if (why !== undefined) ctx.skip(why)
  const enabled = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8')
  const found = withArena({ hugePages }, (arena) => hugeKilobytes(touch(arena)))
  // The kernel gives none when it finds no free ones: then there is nothing to see.
  if (found === 0) ctx.skip('the kernel has no huge page left')
  expect((found * KIB) % HUGE).toBe(0)
  if (enabled.includes('[always]')) ctx.skip('the kernel gives huge pages to all')
  expect(withArena({}, (arena) => hugeKilobytes(touch(arena)))).toBe(0)
})

test('memories with and without them wait apart, and come back zero', () => {
  const advised: Uint8Array[] = []
  const note = (bytes: Uint8Array): void => void advised.push(bytes)
  const waiting = emptyHugePool()
  withArena({ hugePages: note }, (arena) => arena.setU64(arena.start, 7n))
  withArena({}, () => 0)
  const before = pooledMemories()
  withArena({}, (arena) => expect(arena.view(arena.start, 8).buffer).not.toBe(advised[0]!.buffer))
  withArena({ hugePages: note }, (arena) => {
    expect(arena.view(arena.start, 8).buffer).toBe(advised[0]!.buffer)
    expect(arena.u64(arena.start)).toBe(0n)
  })
  expect(advised).toHaveLength(1)
  expect(pooledMemories()).toBe(before)
  for (const memory of waiting) giveBack(memory, [])
})

test('a refusal reaches whoever makes the arena', () => {
  const waiting = emptyHugePool()
  const refuse = (): never => {
    throw new HarenaError('no huge pages can be had: none')
  }
  expect(() => withArena({ hugePages: refuse }, () => 0)).toThrow(/no huge pages can be had: none$/u)
  for (const memory of waiting) giveBack(memory, [])
})

/** Takes the memories that wait with huge pages: they ask nobody. */
function emptyHugePool(): Memory[] {
  const waiting: Memory[] = []
  let asked = false
  while (!asked) {
    const memory = takeMemory(() => {
      asked = true
    })
    waiting.push(memory)
  }
  return waiting
}

test('what cannot be had is said in one line', (ctx) => {
  const directory = mkdtempSync(join(tmpdir(), 'harena-'))
  try {
    const never = join(directory, 'enabled')
    writeFileSync(never, 'always madvise [never]\n')
    if (process.platform !== 'linux' || process.arch !== 'x64') ctx.skip(`this is ${process.platform} ${process.arch}`)
    expect(whyNoHugePages(never)).toBe(`${never} says never`)
    expect(whyNoHugePages(join(directory, 'none'))).toBe('this kernel was built without them')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the option is a function', () => {
  expect(() => new Machine({ hugePages: true as never })).toThrow(
    'hugePages is the function of that name of harena/linux, not true',
  )
})
