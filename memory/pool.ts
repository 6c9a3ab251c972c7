/**
 * The process-wide pool of memories.
 *
 *     makeMemory ──> takeMemory ──> in use ──> giveBack (zeroes what was touched) ──┐
 *                        ^                                                          │
 *                        └────────────────────── pool <─────────────────────────────┘
 *
 * A WebAssembly memory cannot be freed, and the collector is slow to drop one: it sees a small handle, not the
 * gigabytes behind it. So closed machines give their memories back here and the next machine takes them. The last one
 * given back is taken first, so the pool never holds more than was in use at one time.
 *
 * This pool is the only mutable state of the process that machines share.
 */
import { InternalError } from '../errors/errors.ts'
import { type Memory, makeMemory } from './memory.ts'

/** Byte ranges `[from, to)`; everything outside of them is still zero. */
export type Touched = Iterable<readonly [from: number, to: number]>

/** A memory in use, with the way to find what was touched that does not reach its owner. */
export interface Lease {
  readonly memory: Memory
  readonly touched: () => Touched
}

/** Above this many bytes, zeroing looks first: writing to a page that was never touched would commit it. */
const LOOK_FIRST_BYTES = 16 * 2 ** 20

const ZERO_UNIT = 4096

/**
 * Has the operating system back these bytes with huge pages as they are touched: random access over much memory is then
 * faster, and what is resident grows in larger steps. @throws HarenaError where that cannot be had
 */
export type HugePages = (bytes: Uint8Array) => void

const pool: Memory[] = []
/** Those with huge pages wait apart: a memory keeps what it was given. */
const hugePool: Memory[] = []
const huge: WeakSet<Memory> = new WeakSet()
const pooled: WeakSet<Memory> = new WeakSet()

/**
 * A memory that is all zero: from the pool, or a fresh one; with huge pages where they are asked for.
 * @throws HarenaError where the address space is used up, or no huge pages can be had
 */
export function takeMemory(hugePages?: HugePages): Memory {
  const memory = (hugePages === undefined ? pool : hugePool).pop()
  if (memory === undefined) return hugePages === undefined ? makeMemory() : makeHuge(hugePages)
  pooled.delete(memory)
  return memory
}

function makeHuge(hugePages: HugePages): Memory {
  const memory = takeMemory()
  try {
    hugePages(memory.u8)
  } catch (error) {
    giveBack(memory, [])
    throw error
  }
  huge.add(memory)
  return memory
}

/** Zeroes what was touched and puts the memory into the pool. Views of it that are still held are stale from here on. */
export function giveBack(memory: Memory, touched: Touched): void {
  if (pooled.has(memory)) throw new InternalError('a memory was given back twice')
  for (const [from, to] of touched) zeroRange(memory, from, to)
  pooled.add(memory)
  if (huge.has(memory)) hugePool.push(memory)
  else pool.push(memory)
}

/** Memories that wait in the pool, for statistics and tests. */
export function pooledMemories(): number {
  return pool.length + hugePool.length
}

/**
 * Gives back every lease of the list, the last first: a later one (an arena) may keep its records in an earlier one
 * (kernel memory). The list is empty afterwards.
 */
export function endLeases(leases: Lease[]): void {
  for (let lease = leases.pop(); lease !== undefined; lease = leases.pop()) giveBack(lease.memory, lease.touched())
}

const forgotten: FinalizationRegistry<Lease[]> = new FinalizationRegistry(endLeases)

/**
 * Ends the leases when the collector finds that nobody holds `owner` any more. The list may grow and shrink meanwhile;
 * neither it nor its `touched` functions may reach the owner, or it is never forgotten. An owner that is closed ends
 * the leases itself, which leaves an empty list to this registry.
 */
export function endWhenForgotten(owner: object, leases: Lease[]): void {
  forgotten.register(owner, leases)
}

const owners: WeakMap<object, object> = new WeakMap()

/**
 * Keeps `owner` alive as long as `view` is: a bare typed array over a memory does not lead to the machine, and without
 * this the memory could go to another machine while the view is still read.
 */
export function keepAlive(view: object, owner: object): void {
  owners.set(view, owner)
}

/** Zeroes bytes `[from, to)`. Of a large range only the pages that hold something are written to. */
export function zeroRange(memory: Memory, from: number, to: number): void {
  if (to - from <= LOOK_FIRST_BYTES) {
    memory.u8.fill(0, from, to)
    return
  }
  for (let at = from; at < to; ) {
    const end = Math.min(to, (Math.floor(at / ZERO_UNIT) + 1) * ZERO_UNIT)
    if (end - at < ZERO_UNIT || !isZeroPage(memory, at)) memory.u8.fill(0, at, end)
    at = end
  }
}

function isZeroPage(memory: Memory, at: number): boolean {
  const words = memory.i32
  const end = (at + ZERO_UNIT) / 4
  for (let index = at / 4; index < end; index += 4) {
    if ((words[index]! | words[index + 1]! | words[index + 2]! | words[index + 3]!) !== 0) return false
  }
  return true
}
