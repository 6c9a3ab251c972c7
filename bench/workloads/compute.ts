/** Work that stays in registers: arithmetic, and calls. */
import { COUNT, plainSource, type Workload } from '../workload.ts'

const SEED = '88172645463325252'

/** 64-bit xorshift, and a hash of all that it gives. */
export const XORSHIFT: Workload = {
  name: 'xorshift hash',
  round: 'number',
  rounds: 4_000_000,
  few: 50_000,
  source: plainSource(`
.program run type=socket
${COUNT}
    r0 = ${SEED} ll
    r3 = 0
again:
    may_goto end
    r2 = r0
    r2 <<= 13
    r0 ^= r2
    r2 = r0
    r2 >>= 7
    r0 ^= r2
    r2 = r0
    r2 <<= 17
    r0 ^= r2
    r3 += r0
    r3 *= 31
    r7 += -1
    if r7 != 0 goto again
end:
    r0 = r3
    exit
`),
  c: `
static u64 W(run)(char *m, u64 n) {
    u64 x = ${SEED}ull, hash = 0;
    for (; n != 0; n--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        hash = (hash + x) * 31;
    }
    return hash;
}`,
  plainIsSlow: true,
  plain: (rounds) => ({
    run: () => {
      const word = (value: bigint): bigint => BigInt.asUintN(64, value)
      let x = BigInt(SEED)
      let hash = 0n
      for (let round = 0; round < rounds; round++) {
        x ^= word(x << 13n)
        x ^= x >> 7n
        x ^= word(x << 17n)
        hash = word((hash + x) * 31n)
      }
      return Number(BigInt.asIntN(32, hash))
    },
  }),
}

/** A chain of calls, each of four instructions. */
export const CALLS: Workload = {
  name: 'calls',
  round: 'call',
  rounds: 4_000_000,
  few: 50_000,
  source: plainSource(`
.program run type=socket
${COUNT}
    r6 = 0
next:
    may_goto end
    r1 = r7
    r2 = r6
    call mix
    r6 = r0
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r6
    exit
.func mix
    r0 = r1
    r0 ^= r2
    r0 *= 31
    r0 += 7
    exit
`),
  c: `
static __attribute__((noinline)) u64 W(mix)(u64 a, u64 b) { return (a ^ b) * 31 + 7; }
static u64 W(run)(char *m, u64 n) {
    u64 value = 0;
    for (; n != 0; n--) value = W(mix)(n, value);
    return value;
}`,
  plain: (rounds) => ({
    run: () => {
      let value = 0
      for (let n = rounds; n !== 0; n--) value = mix(n, value)
      return value
    },
  }),
}

/** The low halves alone: no bit of the upper ones reaches them. */
function mix(a: number, b: number): number {
  return (Math.imul(a ^ b, 31) + 7) | 0
}
