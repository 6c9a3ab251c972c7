# A cast means something only in a program that refers to an arena.
# expect: EINVAL addr_space_cast insn can only be used in a program that has an associated arena

.license "GPL"

.program main type=syscall
    r1 = 0
    r1 = addr_space_cast(r1, 0, 1)
    r0 = 0
    exit
