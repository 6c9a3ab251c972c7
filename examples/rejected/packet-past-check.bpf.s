# The check covers 14 bytes; the read ends at the 16th.
# expect: EACCES R2 offset is outside of the packet

.license "GPL"

.program main type=xdp
    r2 = *(u32 *)(r1 + 0)                # data
    r3 = *(u32 *)(r1 + 4)                # data_end
    r4 = r2
    r4 += 14                             # mend: 16
    if r4 > r3 goto pass
    r0 = *(u32 *)(r2 + 12)
pass:
    r0 = 2
    exit
