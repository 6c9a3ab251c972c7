# A misaligned atomic through pointers that may be null: Linux does not say to what.
# linux: EACCES misaligned access off 0+0+-457 size 4
# cpus: 2
.program main type=socket
    r3 = *(u32 *)(r1 + 0)
    r4 = *(u64 *)(r1 + 168)
    lock *(u32 *)(r4 - 457) &= w3
    exit
