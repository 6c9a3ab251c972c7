# Code that nothing reaches.
# expect: EINVAL unreachable insn 2

.license "GPL"

.program main type=syscall
    r0 = 0
    exit
    r0 = 1
    exit
