# Two frames share 512 bytes.
# expect: EACCES combined stack size of 2 calls is 608. Too large

.license "GPL"

.program main type=syscall
    r1 = 0
    *(u64 *)(r10 - 400) = r1
    call second
    exit
.func second
    r0 = 0
    *(u64 *)(r10 - 200) = r0
    exit
