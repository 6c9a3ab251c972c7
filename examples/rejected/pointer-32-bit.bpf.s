# Half a pointer is none.
# expect: EACCES R1 32-bit pointer arithmetic prohibited

.license "GPL"

.program main type=syscall
    r1 = r10
    w1 += 8
    r0 = *(u64 *)(r1 - 16)
    exit
