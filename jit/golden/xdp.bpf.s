# Direct access to a packet, through fields of the context.
.program drop type=xdp
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    if r4 > r3 goto out
    r5 = *(u8 *)(r2 + 12)
    if r5 == 8 goto pass
out:
    r0 = 1
    exit
pass:
    r0 = 2
    exit
