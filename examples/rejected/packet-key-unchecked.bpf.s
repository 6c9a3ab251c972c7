# A key in a packet is read by the helper, so it needs the check as well.
# expect: EACCES R2 offset is outside of the packet

.map    hits   type=array key=4 value=8 entries=16
.license "GPL"

.program main type=xdp
    r2 = *(u32 *)(r1 + 0)                # data
    r1 = hits ll
    call bpf_map_lookup_elem
    r0 = 2
    exit
