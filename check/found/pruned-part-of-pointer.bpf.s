# Accepted by pruning alone: the path that jumps to l3 reads a byte of the saved context, which the walk would refuse; but
# at l3 there is an older path on which that slot holds unknown bytes, and to Linux the newer one is no worse.
# linux: accepted
# cpus: 2
.program main type=syscall
    *(u64 *)(r10 - 16) = r1
    r2 = *(u64 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 8)
    r0 = 0
    if r2 s< r0 goto l1
l1:
    if r2 > r3 goto l3
    *(u8 *)(r10 - 12) = w2
l3:
    r0 = *(u8 *)(r10 - 16)
    r0 = 0
    exit
