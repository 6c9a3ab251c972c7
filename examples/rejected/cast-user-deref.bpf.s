# A cast to the user side gives an address for user space, which BPF may not follow.
# expect: EACCES R2 invalid mem access 'scalar'

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll                        # the program has an arena
    r2 = 0
    r2 = addr_space_cast(r2, 0, 1)
    r2 = addr_space_cast(r2, 1, 0)
    r0 = *(u64 *)(r2 + 0)
    exit
