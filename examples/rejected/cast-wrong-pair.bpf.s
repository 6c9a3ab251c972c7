# A cast goes from one space to the other.
# expect: EINVAL addr_space_cast insn can only convert between address space 1 and 0

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r1 = addr_space_cast(r1, 1, 1)
    r0 = 0
    exit
