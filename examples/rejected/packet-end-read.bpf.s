# The end of a packet is there to compare with; nothing lies behind it.
# expect: EACCES R3 invalid mem access 'pkt_end'

.license "GPL"

.program main type=xdp
    r3 = *(u32 *)(r1 + 4)                # data_end
    r0 = *(u8 *)(r3 - 1)
    exit
