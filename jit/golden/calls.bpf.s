# Functions of the program, with the arguments that they read.
.program calls type=syscall
    r1 = 6
    r2 = 7
    call product
    r6 = r0
    r1 = r6
    call half
    r0 += r6
    exit
.func product
    r0 = r1
    r0 *= r2
    exit
.func half
    r0 = r1
    r0 >>= 1
    exit
