# So does a 32-bit move.
# expect: EACCES R3 invalid mem access 'scalar'

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 16
    r2 = addr_space_cast(r2, 0, 1)
    w3 = w2
    r0 = *(u64 *)(r3 + 0)
    exit
