# Nothing of a packet may be read before its end was looked at.
# expect: EACCES R2 offset is outside of the packet

.license "GPL"

.program main type=xdp
    r2 = *(u32 *)(r1 + 0)                # data
    r0 = *(u8 *)(r2 + 0)                 # mend: r3 = r2 + 1; if r3 > data_end goto ...
    exit
