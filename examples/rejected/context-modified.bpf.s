# The context pointer may not be moved.
# expect: EACCES dereference of modified ctx ptr R1 off=8 disallowed

.license "GPL"

.program main type=syscall
    r1 += 8
    r0 = *(u64 *)(r1 + 0)
    exit
