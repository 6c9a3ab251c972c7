# Stack accesses are aligned.
# expect: EACCES misaligned stack access off 0+0+-12 size 8

.license "GPL"

.program main type=syscall
    r0 = 0
    *(u64 *)(r10 - 12) = r0
    exit
