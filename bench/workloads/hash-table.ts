/**
 * A hash table with open addressing and linear probing, half full: a slot is a key and a value of 8 bytes each, keys
 * are what 64-bit xorshift gives. A million of them lie in 32 MB, all over the place.
 */
import { arenaSource, ENTER, PAGE, type Workload } from '../workload.ts'

const SLOT = 16
const KEYS = 1_000_000
const FEW = 4000
const SEED = '88172645463325252'
const FACTOR = 0x9e3779b1

/** Slots for so many keys: a power of two. */
const slots = (keys: number): number => 2 ** Math.ceil(Math.log2(keys * 2))
const pages = (keys: number): number => Math.ceil((slots(keys) * SLOT) / PAGE)

/** Mask of slots in r9, from the pages. */
const MASK = `
    r9 = pages ll
    r9 = *(u64 *)(r9 + 0)
    r9 <<= 8
    r9 += -1
`

/** The next key in r8, its first slot in r3. */
const NEXT_KEY = `
    r2 = r8
    r2 <<= 13
    r8 ^= r2
    r2 = r8
    r2 >>= 7
    r8 ^= r2
    r2 = r8
    r2 <<= 17
    r8 ^= r2
    w3 = w8
    r3 *= ${FACTOR | 0}
    r3 >>= 8
`

/** Inserts r7 keys; r0 counts those that were new. */
const INSERT = `
${MASK}
    r8 = ${SEED} ll
    r0 = 0
insert:
${NEXT_KEY}
probe:
    may_goto inserted
    r3 &= r9
    r4 = r3
    r4 <<= 4
    r4 += r6
    r5 = *(u64 *)(r4 + 0)
    if r5 == 0 goto empty
    if r5 == r8 goto put
    r3 += 1
    goto probe
empty:
    r0 += 1
    *(u64 *)(r4 + 0) = r8
put:
    *(u64 *)(r4 + 8) = r7
    r7 += -1
    if r7 != 0 goto insert
inserted:
`

const C_TABLE = `
static inline u64 W(next)(u64 x) {
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}
static inline u64 W(mask)(u64 n) {
    u64 slots = 256;
    while (slots < n * 2) slots *= 2;
    return slots - 1;
}
static inline u64 W(first)(u64 key) { return ((u64)(uint32_t)key * (u64)(int64_t)(int32_t)${FACTOR}u) >> 8; }
`
const cInsert = (name: string): string => `
static u64 W(${name})(char *m, u64 n) {
    u64 *table = (u64 *)m, mask = W(mask)(n), key = ${SEED}ull, added = 0;
    for (; n != 0; n--) {
        key = W(next)(key);
        for (u64 at = W(first)(key);; at++) {
            u64 *slot = table + (at & mask) * 2;
            if (slot[0] == 0) {
                added++;
                slot[0] = key;
            } else if (slot[0] != key) continue;
            slot[1] = n;
            break;
        }
    }
    return added;
}`

/** The table in TypeScript: a Map, as anyone would take. */
function keys(count: number): bigint[] {
  let x = BigInt(SEED)
  return Array.from({ length: count }, () => {
    x ^= BigInt.asUintN(64, x << 13n)
    x ^= x >> 7n
    x ^= BigInt.asUintN(64, x << 17n)
    return x
  })
}

export const HASH_INSERT: Workload = {
  name: 'hash table insert',
  round: 'key',
  rounds: KEYS,
  few: FEW,
  pages,
  source: arenaSource(
    pages(KEYS),
    '',
    `
.program before type=socket
${ENTER}
    r7 = pages ll
    r7 = *(u64 *)(r7 + 0)
    r7 <<= 7                             # 32 bytes a round
    r1 = 0
clear:
    may_goto cleared
    *(u64 *)(r6 + 0) = r1
    *(u64 *)(r6 + 8) = r1
    *(u64 *)(r6 + 16) = r1
    *(u64 *)(r6 + 24) = r1
    r6 += 32
    r7 += -1
    if r7 != 0 goto clear
cleared:
    r0 = 0
    exit

.program run type=socket
${ENTER}
${INSERT}
    exit
`,
  ),
  c: `${C_TABLE}
static u64 W(before)(char *m, u64 n) {
    memset(m, 0, (W(mask)(n) + 1) * ${SLOT});
    return 0;
}${cInsert('run')}`,
  plain: (rounds) => {
    const all = keys(rounds)
    let table = new Map<bigint, number>()
    return {
      before: () => {
        table = new Map()
      },
      run: () => {
        let n = all.length
        for (const key of all) table.set(key, n--)
        return table.size
      },
    }
  },
}

export const HASH_LOOKUP: Workload = {
  name: 'hash table look-up',
  round: 'key',
  rounds: KEYS,
  few: FEW,
  // Four million in all: may_goto ends a call after eight million rounds, and probing takes some of them.
  repeat: 4,
  pages,
  source: arenaSource(
    pages(KEYS),
    INSERT,
    `
.program run type=socket
${ENTER}
${MASK}
    r8 = ${SEED} ll
    r0 = 0
find:
${NEXT_KEY}
probe:
    may_goto end
    r3 &= r9
    r4 = r3
    r4 <<= 4
    r4 += r6
    r5 = *(u64 *)(r4 + 0)
    if r5 == r8 goto found
    r3 += 1
    if r5 != 0 goto probe
    goto absent
found:
    r1 = *(u64 *)(r4 + 8)
    r0 += r1
absent:
    r7 += -1
    if r7 != 0 goto find
end:
    exit
`,
  ),
  c: `${C_TABLE}${cInsert('setup')}
static u64 W(run)(char *m, u64 n) {
    u64 *table = (u64 *)m, mask = W(mask)(n), key = ${SEED}ull, sum = 0;
    for (; n != 0; n--) {
        key = W(next)(key);
        for (u64 at = W(first)(key);; at++) {
            u64 *slot = table + (at & mask) * 2;
            if (slot[0] == key) {
                sum += slot[1];
                break;
            }
            if (slot[0] == 0) break;
        }
    }
    return sum;
}`,
  plain: (rounds) => {
    const all = keys(rounds)
    const table = new Map(all.map((key, index) => [key, rounds - index]))
    return {
      run: () => {
        let sum = 0
        for (const key of all) sum += table.get(key) ?? 0
        return sum
      },
    }
  },
}
