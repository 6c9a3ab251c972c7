/** For tests: arenas without a machine around them, and scripts of calls with what they answer. */
import { HarenaError } from '../errors/errors.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { MAP_FLAGS, PAGE_SIZE } from '../program/types.ts'
import { resolve } from './access.ts'
import { Arena, type ArenaOptions, NO_PAGES } from './arena.ts'
import type { ArenaSpec } from './creation.ts'

/** Where most observations on Linux were made: 2^44. */
export const BASE: bigint = 1n << 44n
export const PAGE: bigint = BigInt(PAGE_SIZE)

const kernels: Kernel[] = []

export function testKernel(memoryLimit = 0): Kernel {
  const kernel = makeKernel({ memoryLimit })
  kernels.push(kernel)
  return kernel
}

/** Gives back every kernel that tests made. For afterEach. */
export function closeTestKernels(): void {
  for (const kernel of kernels.splice(0)) closeKernel(kernel)
}

export function arenaSpec(fields: Partial<ArenaSpec> = {}): ArenaSpec {
  return { name: 'a', keySize: 0, valueSize: 0, maxEntries: 16, flags: MAP_FLAGS.mmapable, extra: BASE, ...fields }
}

/** An arena of 16 pages at 2^44, but for what is said. `flags` are added to mmapable. */
export function makeArena(fields: Partial<ArenaSpec> = {}, options: Partial<ArenaOptions> = {}): Arena {
  const flags = (fields.flags ?? 0) | MAP_FLAGS.mmapable
  return new Arena(arenaSpec({ ...fields, flags }), { kernel: testKernel(), random: testRandom(), ...options })
}

/** 32-bit numbers from a linear congruential generator. */
export function testRandom(seed = 1): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
}

const half = (value: bigint): number => Number(BigInt.asIntN(32, value))

/** bpf_arena_alloc_pages with 64-bit values; undefined for NULL. */
export function alloc(arena: Arena, at: bigint, count: number, node = -1, flags = 0n): bigint | undefined {
  const low = arena.allocPages(half(at), half(at >> 32n), count, node, half(flags), half(flags >> 32n))
  if (low === NO_PAGES) return undefined
  return (BigInt(arena.userHigh >>> 0) << 32n) | BigInt(low)
}

export function free(arena: Arena, at: bigint, count: number): void {
  arena.freePages(half(at), half(at >> 32n), count)
}

export function reserve(arena: Arena, at: bigint, count: number): number {
  return arena.reservePages(half(at), half(at >> 32n), count)
}

/** A load by BPF code of 1, 2, 4 or 8 bytes at a register's low half plus an offset. */
export function load(arena: Arena, base: number, offset: number, size: number): bigint {
  const at = resolve(arena, base, offset, size)
  let value = 0n
  for (let index = size - 1; at >= 0 && index >= 0; index--)
    value = (value << 8n) | BigInt(arena.memory.u8[at + index]!)
  return value
}

/** A store by BPF code. */
export function store(arena: Arena, base: number, offset: number, size: number, value: bigint): void {
  const at = resolve(arena, base, offset, size)
  for (let index = 0; at >= 0 && index < size; index++) {
    arena.memory.u8[at + index] = Number((value >> BigInt(8 * index)) & 0xffn)
  }
}

/** Address of a page by its number. */
export function pageAddress(arena: Arena, page: number): bigint {
  return (arena.userStart ?? 0n) + BigInt(page) * PAGE
}

/**
 * Runs calls, one a line, and compares what they answer. Throws with the line of the first difference.
 *
 *     alloc AT COUNT [node=N] [flags=F] = ANSWER     ANSWER: page number, address as 0x…, or NULL
 *     free AT COUNT                                  AT: 0, an address as 0x…, or the number of a page as pN
 *     reserve AT COUNT = ANSWER
 *     touch AT                                       a user's read of one byte
 */
export function runScript(arena: Arena, script: string): void {
  for (const line of script.split('\n')) {
    const text = line.replace(/#.*/, '').trim()
    if (text === '') continue
    const [call = '', wanted] = text.split(' = ')
    const answer = runCall(arena, call.split(' '))
    const expected = call.startsWith('reserve') ? BigInt(wanted ?? 0) : expectedAnswer(arena, wanted ?? 'NULL')
    if (answer !== expected) {
      throw new HarenaError(`${line.trim()}: answered ${answer === undefined ? 'NULL' : answer.toString(16)}`)
    }
    arena.check()
  }
}

function runCall(arena: Arena, [name, at = '0', count = '1', ...rest]: string[]): bigint | undefined {
  const address = at.startsWith('p') ? pageAddress(arena, Number(at.slice(1))) : BigInt(at)
  const option = (key: string, fallback: string): string =>
    rest.find((one) => one.startsWith(`${key}=`))?.slice(key.length + 1) ?? fallback
  switch (name) {
    case 'alloc':
      return alloc(
        arena,
        address,
        Number(BigInt.asIntN(32, BigInt(count))),
        Number(option('node', '-1')),
        BigInt(option('flags', '0')),
      )
    case 'free':
      free(arena, address, Number(BigInt.asIntN(32, BigInt(count))))
      return undefined
    case 'reserve':
      return BigInt(reserve(arena, address, Number(count)))
    case 'touch':
      arena.mmap().u8(address)
      return undefined
    default:
      throw new HarenaError(`no call ${name}`)
  }
}

/** Calls that answer nothing count as NULL. */
function expectedAnswer(arena: Arena, wanted: string): bigint | undefined {
  if (wanted === 'NULL') return undefined
  return wanted.startsWith('0x') ? BigInt(wanted) : pageAddress(arena, Number(wanted))
}
