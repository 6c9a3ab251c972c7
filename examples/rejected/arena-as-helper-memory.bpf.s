# Helpers take no arena memory where they read or write it.
# expect: EACCES R1 type=arena expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_

.map    arena  type=arena entries=16 extra=0x100000010000
.map    hits   type=array key=4 value=8 entries=16
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    r2 = addr_space_cast(r2, 0, 1)
    r1 = r2
    w2 = 4
    call bpf_trace_printk
    r0 = 0
    exit
