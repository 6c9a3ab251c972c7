/**
 * The programs that are timed, as assembly. How often they loop comes from globals, as the verifier would otherwise
 * walk every round; may_goto is what lets it accept them.
 */

/** Rounds of the arithmetic loop in one run. */
export const ROUNDS = 500_000

/** Instructions of one run of `ARITHMETIC`. */
export function arithmeticInstructions(rounds: number = ROUNDS): number {
  return 4 + 17 * rounds + 1
}

/** Dependent 64- and 32-bit arithmetic, with a may_goto and a jump in 17 instructions. */
export const ARITHMETIC: string = `
.global rounds: u64 = ${ROUNDS}
.license "GPL"
.program arithmetic type=syscall
    r1 = rounds ll
    r1 = *(u64 *)(r1 + 0)
    r2 = 7
    r0 = 0
again:
    may_goto end
    r0 += r2
    r0 ^= r1
    r2 <<= 3
    r2 += 12345
    r0 >>= 1
    w0 += w1
    r3 = r0
    r3 &= r2
    r3 |= 5
    r2 -= r3
    w4 = w2
    w4 ^= 0x5555
    r4 <<= 32
    r0 += r4
    r1 += -1
    if r1 != 0 goto again
end:
    exit
`

export const NODES = 4096
/** Times the list is walked in one run. */
export const WALKS = 250

/** Instructions of one run of `LIST`'s walk. */
export function walkInstructions(walks: number = WALKS): number {
  return 6 + walks * (1 + 6 * NODES + 2) + 1
}

/** A list of 4,096 nodes of 16 bytes, one behind the other, in an arena: built once, then walked. */
export const LIST: string = `
.map arena type=arena entries=64 flags=mmapable extra=0x100000010000
.global head: u64
.global nodes: u64 = ${NODES}
.global walks: u64 = ${WALKS}
.license "GPL"

.program build type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 16
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto none
    r1 = head ll
    *(u64 *)(r1 + 0) = r0
    r6 = nodes ll
    r6 = *(u64 *)(r6 + 0)
    r2 = r0
    r3 = 0
next:
    r1 = addr_space_cast(r2, 0, 1)
    *(u64 *)(r1 + 8) = r3
    r3 += 1
    if r3 >= r6 goto last
    r2 += 16
    *(u64 *)(r1 + 0) = r2
    may_goto last
    goto next
last:
    r0 = 0
    exit
none:
    r0 = 1
    exit

.program walk type=syscall
    r1 = arena ll
    r7 = head ll
    r7 = *(u64 *)(r7 + 0)
    r6 = walks ll
    r6 = *(u64 *)(r6 + 0)
    r0 = 0
walk:
    r1 = r7
follow:
    may_goto end
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u64 *)(r1 + 8)
    r0 += r2
    r1 = *(u64 *)(r1 + 0)
    if r1 != 0 goto follow
    r6 += -1
    if r6 != 0 goto walk
end:
    exit
`
