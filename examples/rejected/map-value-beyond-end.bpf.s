# Eight bytes, and a read behind them.
# expect: EACCES R0 min value is outside of the allowed memory range

.map    hits   type=array key=4 value=8 entries=16
.license "GPL"

.program main type=syscall
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r0 = *(u64 *)(r0 + 8)
out:
    exit
