# Pointers can be added to and subtracted from.
# expect: EACCES R1 pointer arithmetic with *= operator prohibited

.license "GPL"

.program main type=syscall
    r1 = r10
    r1 *= 2
    r0 = 0
    exit
