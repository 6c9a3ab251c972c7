/**
 * Blocks of memory: read byte by byte, compared word by word, written. Reading and comparing stop at a byte that is not
 * there, so that a compiler cannot take many at once; what is written comes from a generator, for the same reason.
 */
import { arenaSource, ENTER, PAGE, type Workload } from '../workload.ts'

const MIB = 2 ** 20
const FEW = 64 * 1024

/** Bytes that one round of a loop reads, and words that it compares. */
const SCANNED = 16
const COMPARED = 4

const each = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n')

/** Fills all pages with ones, 32 bytes a round. */
const FILL = `
    r7 = pages ll
    r7 = *(u64 *)(r7 + 0)
    r7 <<= 7
    r1 = 0x0101010101010101 ll
fill:
    may_goto filled
    *(u64 *)(r6 + 0) = r1
    *(u64 *)(r6 + 8) = r1
    *(u64 *)(r6 + 16) = r1
    *(u64 *)(r6 + 24) = r1
    r6 += 32
    r7 += -1
    if r7 != 0 goto fill
filled:
`

export const SCAN: Workload = {
  name: 'byte scan',
  round: 'byte',
  rounds: 64 * MIB,
  few: FEW,
  pages: (bytes) => bytes / PAGE,
  source: arenaSource(
    (64 * MIB) / PAGE,
    FILL,
    `
.program run type=socket
${ENTER}
    r8 = r7
    r7 >>= ${Math.log2(SCANNED)}
next:
    may_goto end
${each(SCANNED, (index) => `    r1 = *(u8 *)(r6 + ${index})\n    if r1 == 0 goto found`)}
    r6 += ${SCANNED}
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r8
    exit
found:
    r0 = 0
    exit
`,
  ),
  c: `
static u64 W(setup)(char *m, u64 n) { memset(m, 1, n); return 0; }
static u64 W(run)(char *m, u64 n) {
    for (u64 at = 0; at < n; at += ${SCANNED})
        for (int byte = 0; byte < ${SCANNED}; byte++)
            if (m[at + byte] == 0) return 0;
    return n;
}`,
  plain: (rounds) => {
    const bytes = new Uint8Array(rounds).fill(1)
    return {
      run: () => {
        for (let at = 0; at < bytes.length; at++) if (bytes[at] === 0) return 0
        return bytes.length
      },
    }
  },
}

export const COMPARE: Workload = {
  name: 'compare',
  round: 'byte',
  rounds: 64 * MIB,
  few: FEW,
  pages: (bytes) => (2 * bytes) / PAGE,
  source: arenaSource(
    (128 * MIB) / PAGE,
    FILL,
    `
.program run type=socket
${ENTER}
    r9 = r7
    r8 = r6
    r8 += r7
    r7 >>= ${Math.log2(COMPARED * 8)}
next:
    may_goto end
${each(
  COMPARED,
  (index) => `    r1 = *(u64 *)(r6 + ${8 * index})\n    r2 = *(u64 *)(r8 + ${8 * index})\n    if r1 != r2 goto differ`,
)}
    r6 += ${COMPARED * 8}
    r8 += ${COMPARED * 8}
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r9
    exit
differ:
    r0 = 0
    exit
`,
  ),
  c: `
static u64 W(setup)(char *m, u64 n) { memset(m, 1, 2 * n); return 0; }
static u64 W(run)(char *m, u64 n) {
    const u64 *a = (u64 *)m, *b = (u64 *)(m + n);
    for (u64 at = 0; at < n / 8; at += ${COMPARED})
        for (int word = 0; word < ${COMPARED}; word++)
            if (a[at + word] != b[at + word]) return 0;
    return n;
}`,
  plain: (rounds) => {
    const words = new Float64Array(rounds / 4).fill(1)
    const half = words.length / 2
    return {
      run: () => {
        for (let at = 0; at < half; at++) if (words[at] !== words[half + at]) return 0
        return rounds
      },
    }
  },
}

/** The program that writes, by the size of what it writes. */
const stores = (size: 1 | 8): string => `
.program run type=socket
${ENTER}
    r1 = 0
next:
    may_goto end
    r1 >>= 1
    r1 += r7
    *(u${8 * size} *)(r6 + 0) = r1
    r6 += ${size}
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = 0
    exit

.program check type=socket
${ENTER}
    r7 *= ${size}
    r7 >>= 3
    r0 = 0
sum:
    may_goto done
    r1 = *(u64 *)(r6 + 0)
    r0 *= 3
    r0 += r1
    r6 += 8
    r7 += -1
    if r7 != 0 goto sum
done:
    exit
`

const cStores = (type: string): string => `
static u64 W(run)(char *m, u64 n) {
    u64 value = 0;
    for (${type} *p = (${type} *)m; n != 0; n--) *p++ = (${type})(value = (value >> 1) + n);
    return 0;
}
static u64 W(check)(char *m, u64 n) {
    u64 sum = 0;
    for (u64 *word = (u64 *)m, *end = (u64 *)(m + n * sizeof(${type})); word < end; word++) sum = sum * 3 + *word;
    return sum;
}`

/** Low 32 bits of the sum that `check` makes. */
function check(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer)
  let sum = 0
  for (let at = 0; at < words.length; at += 2) sum = (Math.imul(sum, 3) + words[at]!) | 0
  return sum
}

export const BYTE_STORES: Workload = {
  name: 'byte stores',
  round: 'byte',
  rounds: 8_000_000,
  few: FEW,
  pages: (bytes) => Math.ceil(bytes / PAGE),
  source: arenaSource(Math.ceil(8_000_000 / PAGE), '', stores(1)),
  c: cStores('unsigned char'),
  plain: (rounds) => {
    const bytes = new Uint8Array(rounds)
    return {
      run: () => {
        let value = 0
        for (let n = rounds, at = 0; n !== 0; n--, at++) {
          value = (value >>> 1) + n
          bytes[at] = value
        }
        return 0
      },
      check: () => check(bytes),
    }
  },
}

export const WORD_STORES: Workload = {
  name: 'word stores',
  round: 'word',
  rounds: 4_000_000,
  few: FEW,
  pages: (words) => Math.ceil((words * 8) / PAGE),
  source: arenaSource(Math.ceil((4_000_000 * 8) / PAGE), '', stores(8)),
  c: cStores('u64'),
  plain: (rounds) => {
    const words = new Float64Array(rounds)
    return {
      run: () => {
        let value = 0
        for (let n = rounds, at = 0; n !== 0; n--, at++) {
          value = (value >>> 1) + n
          words[at] = value
        }
        return 0
      },
      check: () => words.reduce((sum, value) => (Math.imul(sum, 3) + value) | 0, 0),
    }
  },
}
