/**
 * The block layer's tag allocator: a bit for each element, set while somebody has it (spec: K.2). Bits stand in groups,
 * of 64 at most and fewer for small maps, each group in two words; `tags` gives every group a cache line, `tags-packed`
 * puts them side by side. Each CPU has a hint where to look next.
 *
 *     hints    CPU 0 | CPU 1 | ...      (a cache line each)
 *     groups   word, word | word, word | ...
 *
 * There is no lock: a bit is taken by a compare-exchange, so any context may come in between.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { ElementArray } from './element-array.ts'
import type { FreeElements, MakeFreeElements } from './supply-fixed.ts'

const LINE = 64

export const tags: MakeFreeElements = (kernel, array, { random }) => makeTags(kernel, array, LINE, random)
export const tagsPacked: MakeFreeElements = (kernel, array, { random }) => makeTags(kernel, array, 8, random)

/** Bits in a group, as a power of two: so few that there are four groups at least. */
function groupShift(depth: number): number {
  let shift = 6
  while (depth >= 4 && 4 * 2 ** shift > depth) shift--
  return shift
}

function makeTags(
  kernel: Kernel,
  array: ElementArray,
  groupBytes: number,
  random: (() => number) | undefined,
): FreeElements | undefined {
  const { steps, processors } = kernel
  const depth = array.count
  const perGroup = 2 ** groupShift(depth)
  const groups = Math.ceil(depth / perGroup)
  const bytes = LINE * processors.cpus.length + groupBytes * groups
  const at = kernel.pages.allocBytes(bytes, PageOwner.MAP)
  if (at === 0) return undefined
  const firstGroup = at + LINE * processors.cpus.length
  // At random places; without random numbers as far apart as they would be on average.
  for (const { id } of processors.cpus) {
    const first = random === undefined ? Math.floor((depth * id) / processors.cpus.length) : random() % depth
    steps.store32(at + LINE * id, first)
  }
  const wordOf = (bit: number): number =>
    firstGroup + groupBytes * Math.floor(bit / perGroup) + 4 * Math.floor((bit % perGroup) / 32)
  const maskOf = (bit: number): number => 1 << ((bit % perGroup) % 32)

  /** Sets a clear bit; false where it is set. */
  const tryTake = (bit: number): boolean => {
    const [word, mask] = [wordOf(bit), maskOf(bit)]
    for (let seen = steps.load32(word); (seen & mask) === 0; ) {
      const before = steps.compareExchange32(word, seen, seen | mask)
      if (before === seen) return true
      seen = before
    }
    return false
  }
  const clear = (bit: number): void => {
    const [word, mask] = [wordOf(bit), maskOf(bit)]
    for (let seen = steps.load32(word); ; ) {
      const before = steps.compareExchange32(word, seen, seen & ~mask)
      if (before === seen) return
      seen = before
    }
  }
  /** From the hint to the end of its group, the rest of that group, then group by group. */
  const find = (hint: number): number => {
    const group = Math.floor(hint / perGroup)
    for (let turn = 0; turn < groups; turn++) {
      const start = ((group + turn) % groups) * perGroup
      const size = Math.min(perGroup, depth - start)
      const from = turn === 0 ? hint - start : 0
      for (let index = 0; index < size; index++) {
        const bit = start + ((from + index) % size)
        if (tryTake(bit)) return bit
      }
    }
    return -1
  }
  return {
    take: () => {
      const hintAt = at + LINE * processors.current.id
      const hint = steps.load32(hintAt)
      const bit = find(hint < depth ? hint : 0)
      if (bit < 0) steps.store32(hintAt, 0)
      else if (bit === hint) steps.store32(hintAt, bit + 1 >= depth - 1 ? 0 : bit + 1)
      return bit < 0 ? 0 : array.base + bit * array.size
    },
    give: (element) => {
      const bit = (element - array.base) / array.size
      clear(bit)
      steps.store32(at + LINE * processors.current.id, bit)
    },
    destroy: () => kernel.pages.freeBytes(at, bytes),
  }
}
