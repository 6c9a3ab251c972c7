# What is loaded from an arena is a number too: each step of a list walk needs its own cast.
# expect: EACCES R1 invalid mem access 'scalar'

.map    arena  type=arena entries=16 extra=0x100000010000
.global head: u64
.license "GPL"

.program main type=syscall
    r1 = arena ll                        # the program has an arena
    r1 = head ll
    r1 = *(u64 *)(r1 + 0)
    r1 = addr_space_cast(r1, 0, 1)
    r1 = *(u64 *)(r1 + 0)
    r0 = *(u64 *)(r1 + 0)                # mend: cast r1 once more
    exit
