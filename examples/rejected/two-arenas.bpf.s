# One program, one arena.
# expect: EBUSY Only one arena per program

.map    arena  type=arena entries=16 extra=0x100000010000
.map    other  type=arena entries=16 extra=0x200000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r1 = other ll
    r0 = 0
    exit
