# A loop that the verifier has walked: no look at the clock.
.program bounded type=syscall
    r0 = 0
    r1 = 10
again:
    r0 += r1
    r1 += -1
    if r1 != 0 goto again
    if w0 s> 40 goto big
    exit
big:
    r0 = 1
    exit
