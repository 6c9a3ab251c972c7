/**
 * Random numbers that follow from a seed: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), its state filled by SplitMix64 (Steele, Lea and Flood, 2014). Not for secrets.
 */

const MASK_64 = 2n ** 64n - 1n

/** The numbers of SplitMix64 from this state on, 64 bits each. */
export function* splitMix64(seed: bigint): Generator<bigint, never> {
  for (let state = seed & MASK_64; ; ) {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64
    yield z ^ (z >> 31n)
  }
}

export class Random {
  private state: Uint32Array

  /** Takes the generator's four words; not all may be zero. */
  constructor(state: readonly [number, number, number, number]) {
    this.state = Uint32Array.from(state)
  }

  /** Keeps its state in these four words from now on: compiled code draws numbers of the same stream there. */
  moveTo(words: Uint32Array): void {
    words.set(this.state)
    this.state = words
  }

  /** 32 random bits, as an unsigned number. */
  u32(): number {
    const s = this.state
    const s1 = s[1]!
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    s[2]! ^= s[0]!
    s[3]! ^= s1
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= s1 << 9
    s[3] = rotateLeft(s[3]!, 11)
    return result
  }

  /** 64 random bits, unsigned. */
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }

  /** A number from 0 to `bound` - 1, each as likely; 1 <= bound <= 2^32. */
  below(bound: number): number {
    // Numbers at the top that would make small results more likely are drawn again.
    const limit = 2 ** 32 - (2 ** 32 % bound)
    for (;;) {
      const value = this.u32()
      if (value < limit) return value % bound
    }
  }
}

/** What a stream of random numbers is for. Streams of one seed do not follow from each other. */
export const RandomStream = {
  /** bpf_get_prandom_u32; the CPU's number is added. */
  PROGRAM: 0x1_0000n,
  /** Where arenas are mapped. */
  ADDRESS: 0x2_0000n,
  /** Where the hash of a map's keys starts. */
  HASH: 0x3_0000n,
  /** Before which steps something is injected. */
  INJECTION: 0x4_0000n,
} as const

/** A generator for one purpose; the seed is taken modulo 2^64. */
export function makeRandom(seed: bigint, stream: bigint): Random {
  // Two rounds, so that neighbouring seeds and neighbouring streams have nothing in common.
  const base = splitMix64(seed).next().value
  const words = splitMix64(base ^ (stream * 0x9e3779b97f4a7c15n))
  const first = words.next().value
  const second = words.next().value
  return new Random([low(first), high(first), low(second), high(second)])
}

function low(value: bigint): number {
  return Number(value & 0xffff_ffffn)
}

function high(value: bigint): number {
  return Number(value >> 32n)
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
