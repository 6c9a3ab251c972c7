# Arithmetic of both widths, shifts, division and remainder with constant and unknown divisors.
.program alu type=syscall
    r2 = *(u64 *)(r1 + 0)
    r3 = *(u64 *)(r1 + 8)
    r0 = r2
    r0 += r3
    w0 -= 7
    r0 *= r2
    r0 <<= 3
    w0 >>= w3
    r0 s>>= r3
    r0 /= 10
    r0 %= r3
    w0 s/= w2
    r0 s%= -1
    r0 = -r0
    exit
