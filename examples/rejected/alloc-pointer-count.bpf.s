# The number of pages is a number.
# expect: EINVAL R3 is not a scalar

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    r3 = r10
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 0
    exit
