# All of an XDP program's context is read-only.
# expect: EACCES invalid bpf_context access off=16 size=4

.license "GPL"

.program main type=xdp
    *(u32 *)(r1 + 16) = 0                # rx_queue_index
    r0 = 2
    exit
