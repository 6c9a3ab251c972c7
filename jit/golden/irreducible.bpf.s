# A loop with two ways in: a local dispatch.
.program irreducible type=syscall
    r2 = *(u64 *)(r1 + 0)
    r3 = *(u64 *)(r1 + 8)
    r0 = 0
    if r2 == 0 goto second
first:
    may_goto out
    r0 += 1
    if r3 == r0 goto out
second:
    may_goto out
    r0 += 2
    if r2 == r0 goto out
    goto first
out:
    exit
