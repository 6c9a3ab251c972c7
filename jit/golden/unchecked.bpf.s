# Not verified: the host looks at each access, and at each round of the loop.
.program unchecked type=syscall
    r0 = 0
    r2 = 0x1000 ll
again:
    r3 = *(u64 *)(r2 + 8)
    r0 += r3
    call more
    if r0 != 0 goto again
    exit
.func more
    *(u32 *)(r10 - 8) = 7
    r0 += 1
    exit
