# A function may not return the address of a frame that is gone.
# expect: EINVAL cannot return stack pointer to the caller

.license "GPL"

.program main type=syscall
    call second
    r0 = 0
    exit
.func second
    r0 = r10
    exit
