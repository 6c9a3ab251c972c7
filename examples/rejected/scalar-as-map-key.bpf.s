# A helper reads the key through a pointer.
# expect: EACCES R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_

.map    hits   type=array key=4 value=8 entries=16
.license "GPL"

.program main type=syscall
    r2 = 0
    r1 = hits ll
    call bpf_map_lookup_elem
    r0 = 0
    exit
