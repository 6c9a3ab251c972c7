/** The word that was probably meant. */

/**
 * The candidate with the least edit distance to `word`, where at most a third of its letters (two at least) differ;
 * a swap of neighbours counts as one edit. Undefined when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined
  const wanted = word.toLowerCase()
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    // A word that exists stands at the wrong place, it is not misspelt.
    if (candidate === word) return undefined
    if (Math.abs(candidate.length - word.length) >= least) continue
    const distance = editDistance(wanted, candidate.toLowerCase(), least)
    // Two of the same length as the word share no letter at distance 2: that is no likeness.
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
