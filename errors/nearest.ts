/** The word that was probably meant. */

/** More letters than this are no word. */
const MAX_LENGTH = 64

/**
 * The candidate with the least edit distance to `word`, where few enough of its letters differ: one of four, two of
 * eight, a third of longer words; a swap of neighbours counts as one edit. A candidate that only goes on where a word
 * of four letters or more ends counts as two edits. Undefined when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined
  const wanted = word.toLowerCase()
  const limit = word.length <= 4 ? 1 : word.length <= 8 ? 2 : Math.floor(word.length / 3)
  let best: string | undefined
  let least = limit + 1
  for (const candidate of candidates) {
    // A word that exists stands at the wrong place, it is not misspelt.
    if (candidate === word) return undefined
    const text = candidate.toLowerCase()
    const longer = word.length >= 4 && text.startsWith(wanted) ? Math.min(2, limit) : least
    const close = Math.abs(text.length - wanted.length) < least
    const distance = Math.min(longer, close ? editDistance(wanted, text, least) : least)
    // One letter changed in a word of one letter is another word.
    if (distance < least && distance < Math.max(word.length, candidate.length)) {
      best = candidate
      least = distance
    }
  }
  return best
}

/** Optimal string alignment distance; stops early with `limit` once it cannot be less. */
function editDistance(a: string, b: string, limit: number): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (least >= limit) return limit
    before = previous
    previous = row
  }
  return previous[b.length]!
}
