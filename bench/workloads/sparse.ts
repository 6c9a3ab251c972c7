/** A row of pages of which one in four is present: each stands alone. */
import { arenaSource, ENTER, PAGE, type Workload } from '../workload.ts'

const STEP = 4
/** Pages that the row spans. */
const SPAN = 8192
const FEW_SPAN = 64
const ROUNDS = 4_000_000

const span = (rounds: number): number => (rounds === ROUNDS ? SPAN : FEW_SPAN)

/** A word of each page in turn, another one each time round: the word is read, and the round's number written. */
const RUN = `
.program run type=socket
${ENTER}
    r9 = pages ll
    r9 = *(u64 *)(r9 + 0)
    r9 <<= 12
    r9 += -1
    r8 = 0
    r0 = 0
next:
    may_goto end
    r1 = r7
    r1 <<= 3
    r1 &= ${PAGE - 8}
    r1 += r8
    r1 += r6
    r2 = *(u64 *)(r1 + 0)
    r0 += r2
    *(u64 *)(r1 + 0) = r7
    r8 += ${STEP * PAGE}
    r8 &= r9
    r7 += -1
    if r7 != 0 goto next
end:
    exit
`

export const SPARSE: Workload = {
  name: 'sparse row',
  round: 'page',
  rounds: ROUNDS,
  few: 10_000,
  pages: span,
  // All pages are taken first, so that the row has one place; then three of four are freed.
  source: arenaSource(
    SPAN,
    `
    r6 = r9
    r8 = pages ll
    r8 = *(u64 *)(r8 + 0)
    r8 >>= ${Math.log2(STEP)}
free:
    may_goto freed
    r6 += ${PAGE}
    r1 = arena ll
    r2 = r6
    r3 = ${STEP - 1}
    call bpf_arena_free_pages
    r6 += ${(STEP - 1) * PAGE}
    r8 += -1
    if r8 != 0 goto free
freed:
`,
    RUN,
  ),
  c: `
static u64 W(run)(char *m, u64 n) {
    u64 at = 0, sum = 0, mask = (n == ${ROUNDS} ? ${SPAN} : ${FEW_SPAN}) * ${PAGE}ull - 1;
    for (; n != 0; n--) {
        u64 *word = (u64 *)(m + at + (n << 3 & ${PAGE - 8}));
        sum += *word;
        *word = n;
        at = (at + ${STEP * PAGE}) & mask;
    }
    return sum;
}`,
  plain: (rounds) => {
    const words = new Float64Array((span(rounds) * PAGE) / 8)
    return {
      run: () => {
        let sum = 0
        let at = 0
        for (let n = rounds; n !== 0; n--) {
          const word = at + (n & (PAGE / 8 - 1))
          sum += words[word]!
          words[word] = n
          at = (at + (STEP * PAGE) / 8) & (words.length - 1)
        }
        return sum
      },
    }
  },
}
