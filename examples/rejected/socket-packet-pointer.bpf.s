# Socket filters get no pointers into the packet: they load its bytes with `r0 = *(u8 *)skb[0]`.
# expect: EACCES invalid bpf_context access off=76 size=4

.license "GPL"

.program main type=socket
    r2 = *(u32 *)(r1 + 76)               # data, in program types that have it
    r0 = 0
    exit
