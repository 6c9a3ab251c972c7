# A jump beyond the end.
# expect: EINVAL jump out of range from insn 1 to 7

.license "GPL"

.program main type=syscall
    r0 = 0
    goto +5
    exit
