# There are two address spaces, 0 and 1.
# expect: EINVAL addr_space_cast insn can only convert between address space 1 and 0

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r1 = addr_space_cast(r1, 0, 2)
    r0 = 0
    exit
