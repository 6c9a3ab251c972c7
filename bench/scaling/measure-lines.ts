/** The memory that the two measuring threads share, and what both of them do in it. */

/** 32-bit words in a cache line. */
export const LINE_WORDS = 16
/** Lines that go from one CPU to the other: 32 KiB, so that they fit into the nearest cache. */
export const LINES = 512

// Word indices, each on a line of its own, two apart: CPUs fetch lines in pairs.
export const COMMAND = 0
export const ANSWER: number = 2 * LINE_WORDS
export const TICKET: number = 4 * LINE_WORDS
export const SERVING: number = 6 * LINE_WORDS
export const RING: number = 8 * LINE_WORDS
export const WORDS: number = RING + 2 * LINES * LINE_WORDS

export const Command = { NOTHING: 0, WRITE_LINES: 1, TAKE_TURNS: 2, END: 3 } as const
export type Command = (typeof Command)[keyof typeof Command]

/** First words of the ring's lines, in an order that no prefetcher guesses; the ring's start is the first. */
export function ringOrder(): readonly number[] {
  // 197 is coprime to the number of lines.
  return Array.from({ length: LINES }, (_, line) => RING + ((line * 197) % LINES) * 2 * LINE_WORDS)
}

/** Writes each line of the ring: its link to the next. */
export function writeLines(words: Int32Array, ring: readonly number[]): void {
  for (let line = 0; line < LINES; line++) words[ring[line]!] = ring[(line + 1) % LINES]!
}

/** Of each thread. */
export const TURNS = 2000

/** Takes a ticket lock and gives it up, many times. */
export function takeTurns(words: Int32Array): void {
  for (let turn = 0; turn < TURNS; turn++) {
    const ticket = Atomics.add(words, TICKET, 1)
    while (Atomics.load(words, SERVING) !== ticket);
    Atomics.store(words, SERVING, (ticket + 1) | 0)
  }
}
