# Dividing by a zero that stands in the instruction.
# expect: EINVAL div by zero

.license "GPL"

.program main type=syscall
    r0 = 1
    r0 /= 0
    exit
