/** Basic blocks: runs of instructions that control enters at the first and leaves behind the last. */
import { type Cfg, NO_SLOT, reachableFrom } from './cfg.ts'

export interface Block {
  /** First slot. */
  readonly start: number
  /** Slot behind the last instruction; the second half of a last LD_IMM64 counts as in the block. */
  readonly end: number
  /** Slot of the last instruction. */
  readonly last: number
  /** Index of the block that control falls into, NO_SLOT for none. */
  readonly fall: number
  /** Index of the block that the last instruction jumps to, NO_SLOT for none. */
  readonly branch: number
}

/**
 * The blocks reachable from `entries`, in slot order. A block starts at an entry, at a jump's target and behind a
 * jump; calls do not end one.
 */
export function basicBlocks(cfg: Cfg, entries: readonly number[]): Block[] {
  const reachable = reachableFrom(cfg, entries)
  const leader = leaders(cfg, entries, reachable)
  const blockAt = new Int32Array(cfg.size).fill(NO_SLOT)
  const spans: { start: number; last: number }[] = []
  for (let slot = 0; slot < cfg.size; slot++) {
    if (leader[slot] !== 1) continue
    let last = slot
    for (let next = cfg.fall[last]!; isInside(cfg, last, next) && leader[next] !== 1; next = cfg.fall[last]!)
      last = next
    blockAt[slot] = spans.length
    spans.push({ start: slot, last })
  }
  return spans.map(({ start, last }) => {
    const fall = cfg.fall[last]!
    const branch = cfg.branch[last]!
    return {
      start,
      last,
      end: fall === NO_SLOT ? last + 1 : fall,
      fall: fall === NO_SLOT ? NO_SLOT : blockAt[fall]!,
      branch: branch === NO_SLOT ? NO_SLOT : blockAt[branch]!,
    }
  })
}

/** Those of `blocks` that control gets to from the one with index `entry`, in the same order, with indices anew. */
export function blocksFrom(blocks: readonly Block[], entry: number): Block[] {
  const found = new Set([entry])
  const work = [entry]
  for (let index = work.pop(); index !== undefined; index = work.pop()) {
    for (const next of [blocks[index]!.fall, blocks[index]!.branch]) {
      if (next === NO_SLOT || found.has(next)) continue
      found.add(next)
      work.push(next)
    }
  }
  const kept = [...found].sort((a, b) => a - b)
  const place = new Map(kept.map((index, at) => [index, at]))
  const moved = (index: number): number => (index === NO_SLOT ? NO_SLOT : place.get(index)!)
  return kept.map((index) => {
    const block = blocks[index]!
    return { ...block, fall: moved(block.fall), branch: moved(block.branch) }
  })
}

/** True when `next` follows `slot` by plain fall-through. */
function isInside(cfg: Cfg, slot: number, next: number): boolean {
  return next !== NO_SLOT && cfg.branch[slot] === NO_SLOT
}

function leaders(cfg: Cfg, entries: readonly number[], reachable: Uint8Array): Uint8Array {
  const leader = new Uint8Array(cfg.size)
  for (const entry of entries) leader[entry] = 1
  for (let slot = 0; slot < cfg.size; slot++) {
    const branch = cfg.branch[slot]!
    if (reachable[slot] !== 1 || branch === NO_SLOT) continue
    leader[branch] = 1
    const fall = cfg.fall[slot]!
    if (fall !== NO_SLOT) leader[fall] = 1
  }
  return leader
}
