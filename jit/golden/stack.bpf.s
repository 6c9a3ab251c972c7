# Places of the stack whose address is not taken, and one whose address is.
.map hits type=array key=4 value=8 entries=4
.license "GPL"
.program stack type=syscall
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 16) = r6
    w2 = 1
    *(u32 *)(r10 - 4) = w2
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = *(u64 *)(r10 - 16)
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = 0
    exit
