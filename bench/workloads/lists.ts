/**
 * Lists of a million nodes of 16 bytes, value behind link: built, and walked in the order of memory or shuffled.
 *
 *     sequential   0 -> 1 -> 2 -> …        shuffled   0 -> g(0) -> g(g(0)) -> …, g a generator that meets every node
 */
import { arenaSource, ENTER, PAGE, type Workload } from '../workload.ts'

const NODE = 16
const NODES = 2 ** 20
const FEW = 2 ** 12

/** Of the linear congruential generator: the period is n for every n that is a power of two. */
const FACTOR = 1_664_525
const SUMMAND = 1_013_904_223

const pages = (nodes: number): number => Math.ceil((nodes * NODE) / PAGE)
const ENTRIES = pages(NODES)

/** From r9 on, as many nodes as r7 says; each links to the one before. Leaves the last one's address in r8. */
const BUILD = `
    r8 = 0
    r2 = r9
build:
    may_goto built
    r1 = addr_space_cast(r2, 0, 1)
    *(u64 *)(r1 + 0) = r8
    *(u64 *)(r1 + 8) = r7
    r8 = r2
    r2 += ${NODE}
    r7 += -1
    if r7 != 0 goto build
built:
`

/** From the node at r1, a user address, on: sum of the values in r0. */
const WALK = `
    r0 = 0
follow:
    may_goto end
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u64 *)(r1 + 8)
    r0 += r2
    r1 = *(u64 *)(r1 + 0)
    if r1 != 0 goto follow
end:
    exit
`

/** The program that walks from the last node of all. */
const walkFromLast = (name: string): string => `
.program ${name} type=socket
${ENTER}
    r1 = r7
    r1 <<= 4
    r1 += r9
    r1 += -${NODE}
${WALK}
`

const C_NODE = 'struct W(node) { struct W(node) *next; u64 value; };'
const cBuild = (name: string): string => `
static u64 W(${name})(char *m, u64 n) {
    struct W(node) *last = 0, *node = (struct W(node) *)m;
    for (; n != 0; n--) {
        node->next = last;
        node->value = n;
        last = node++;
    }
    return 0;
}`
const cWalk = (name: string, first: string): string => `
static u64 W(${name})(char *m, u64 n) {
    u64 sum = 0;
    for (struct W(node) *node = (struct W(node) *)m + ${first}; node != 0; node = node->next) sum += node->value;
    return sum;
}`

interface Node {
  next: Node | undefined
  value: number
}

function build(nodes: number): Node | undefined {
  let last: Node | undefined
  for (let n = nodes; n !== 0; n--) last = { next: last, value: n }
  return last
}

function walk(first: Node | undefined): number {
  let sum = 0
  for (let node = first; node !== undefined; node = node.next) sum += node.value
  return sum
}

export const LIST_BUILD: Workload = {
  name: 'list build',
  round: 'node',
  rounds: NODES,
  few: FEW,
  pages,
  source: arenaSource(
    ENTRIES,
    '',
    `
.program run type=socket
${ENTER}
${BUILD}
    r0 = 0
    exit
${walkFromLast('check')}
`,
  ),
  c: `${C_NODE}${cBuild('run')}${cWalk('check', '(n - 1)')}`,
  plain: (rounds) => {
    let last: Node | undefined
    return {
      run: () => {
        last = build(rounds)
        return 0
      },
      check: () => walk(last),
    }
  },
}

export const LIST_WALK: Workload = {
  name: 'list walk, sequential',
  round: 'node',
  rounds: NODES,
  few: FEW,
  pages,
  source: arenaSource(ENTRIES, BUILD, walkFromLast('run')),
  c: `${C_NODE}${cBuild('setup')}${cWalk('run', '(n - 1)')}`,
  plain: (rounds) => {
    const last = build(rounds)
    return { run: () => walk(last) }
  },
}

export const LIST_SHUFFLED: Workload = {
  name: 'list walk, shuffled',
  round: 'node',
  rounds: NODES,
  few: FEW,
  pages,
  source: arenaSource(
    ENTRIES,
    `
    r8 = r7
    r8 += -1                             # mask of indices
    r1 = 0                               # index of the node
build:
    may_goto built
    r2 = r1
    r2 *= ${FACTOR}
    r2 += ${SUMMAND}
    r2 &= r8                             # of the next one
    r3 = r1
    r3 <<= 4
    r3 += r6
    *(u64 *)(r3 + 8) = r1
    r4 = 0
    if r7 == 1 goto link
    r4 = r2
    r4 <<= 4
    r4 += r9
link:
    *(u64 *)(r3 + 0) = r4
    r1 = r2
    r7 += -1
    if r7 != 0 goto build
built:
`,
    `
.program run type=socket
${ENTER}
    r1 = r9
${WALK}
`,
  ),
  c: `${C_NODE}
static u64 W(setup)(char *m, u64 n) {
    struct W(node) *nodes = (struct W(node) *)m;
    u64 at = 0;
    for (u64 left = n; left != 0; left--) {
        u64 next = (at * ${FACTOR} + ${SUMMAND}) & (n - 1);
        nodes[at].value = at;
        nodes[at].next = left == 1 ? 0 : &nodes[next];
        at = next;
    }
    return 0;
}${cWalk('run', '0')}`,
  plain: (rounds) => {
    const nodes = Array.from({ length: rounds }, (_, value): Node => ({ next: undefined, value }))
    let at = 0
    for (let left = rounds; left > 1; left--) {
      const next = (Math.imul(at, FACTOR) + SUMMAND) & (rounds - 1)
      nodes[at]!.next = nodes[next]
      at = next
    }
    return { run: () => walk(nodes[0]) }
  },
}
